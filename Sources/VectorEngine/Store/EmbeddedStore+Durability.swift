import Dispatch
import Files
import Foundation

/// Looking after what is stored: verifying, repairing, shipping the log, snapshots of one collection.
extension EmbeddedStore {
    // MARK: Verify and repair

    /// Reads every byte of a collection's file and names what is damaged; works on a file that opening
    /// refuses.
    package func verify(_ collection: String) async throws -> VerificationReport {
        try await Self.offPool { [path = path(of: collection)] in
            guard
                FileManager.default.fileExists(atPath: path)
                    || FileManager.default.fileExists(atPath: AcknowledgedMark.path(of: path))
            else { throw EngineError(.collectionNotFound, "there is no collection file at \(path)") }
            return try CollectionVerification(path: path).run()
        }
    }

    /// Repairs what `report` found: rows come back from the shipped log and the backups at `location` where they can,
    /// the others are set aside.
    package func repair(
        _ collection: String, _ report: VerificationReport, backups location: String?
    ) async throws -> RepairReceipt {
        let now = settings.now()
        return try await Self.offPool { [self] in
            try closeCollection(collection)
            return try CollectionRepair(
                path: path(of: collection), name: collection, location: location, key: settings.encryptionKey, now: now
            ).run(report)
        }
    }

    // MARK: The shipped log

    /// Ships every committed change of every collection that has a log at `location`. A collection that cannot be
    /// shipped does not keep the others from it.
    ///
    /// - Returns: what was done for each collection.
    /// - Throws: the failure of the first collection that could not be shipped, after all were tried.
    @discardableResult
    package func shipLog(to location: String) async throws -> [String: ShippingReceipt] {
        let round = try await Self.offPool { [self] in try ship(to: location) }
        if let first = round.failures.min(by: { $0.key < $1.key }) { throw first.value }
        return round.receipts
    }

    /// What one round of shipping did for each collection.
    struct ShippingRound: Sendable {
        var receipts: [String: ShippingReceipt] = [:]
        var failures: [String: EngineError] = [:]
    }

    func ship(to location: String) throws(EngineError) -> ShippingRound {
        var round = ShippingRound()
        for name in try CollectionFileName.names(in: directory) {
            do throws(EngineError) {
                round.receipts[name] = try ship(name, to: location)
            } catch {
                // Deleted since the names were read, or a failure that is reported with the others.
                if error.code != .collectionNotFound { round.failures[name] = error }
            }
        }
        return round
    }

    private func ship(_ name: String, to location: String) throws(EngineError) -> ShippingReceipt {
        // Without opening the collection: its rows are of no use here.
        let path = path(of: name)
        do {
            let file = try CollectionFile(path: path)
            let receipt = try LogShipper(file: file, collection: name, location: location).ship()
            try file.close()
            return receipt
        } catch {
            throw EngineError(wrapping: error, path: path)
        }
    }

    /// One round of upkeep; what fails is kept in `upkeepStatus`, and tried again in the next.
    func keepUp(shippingTo location: String, scrubs: Bool = true) {
        let now = settings.now()
        let failures: [String: EngineError]
        var isShipped = false
        do throws(EngineError) {
            let round = try ship(to: location)
            failures = round.failures
            isShipped = round.receipts.values.contains { $0.through != nil }
        } catch {
            // The names of the collections cannot be read, which concerns all of them.
            failures = ["": error]
        }
        let former = upkeep.withLock { status in
            defer {
                status.shippingFailures = failures.mapValues(\.message)
                if isShipped, failures.isEmpty { status.shippedAt = now }
            }
            return status.shippingFailures
        }
        // Once for each failure, not with every round.
        for (name, error) in failures.sorted(by: { $0.key < $1.key }) where former[name] != error.message {
            settings.logger.warn(
                "changes are not shipped to the backups; each round tries again", because: error,
                file: name.isEmpty ? directory : path(of: name))
        }
        var scrubFailure: String?
        for (collection, scrubber) in scrubs ? openScrubbers : [] {
            do {
                try scrubber.slice(of: collection, now: now)
            } catch {
                scrubFailure = EngineError(wrapping: error, path: collection.file.path).message
                if upkeepStatus.scrubFailure != scrubFailure {
                    settings.logger.warn(
                        "stored rows could not be checked against their checksums; each round tries again",
                        because: error, file: collection.file.path)
                }
            }
        }
        upkeep.withLock { $0.scrubFailure = scrubFailure }
        if scrubs, settings.backupSchedule != nil { startBackupIfDue(to: location) }
    }

    /// One round of upkeep now.
    package func keepUpNow() async {
        guard let location = settings.backupLocation else { return }
        await withCheckedContinuation { continuation in
            DispatchQueue.global(qos: .utility).async { [self] in
                keepUp(shippingTo: location)
                continuation.resume()
            }
        }
    }

    package var upkeepStatus: UpkeepStatus { upkeep.withLock { $0 } }

    /// What the scrub has found in each open collection.
    package var scrubStatus: [String: ScrubStatus] {
        Dictionary(openScrubbers.map { ($0.0.name, $0.1.status) }) { $1 }
    }

    // MARK: Snapshots of one collection

    /// Copies one collection to the file `path` as of one moment, while others go on writing; checked row by row.
    ///
    /// - Returns: the file's SHA-256 and size in bytes.
    package func writeSnapshot(of collection: String, to path: String) async throws -> (sha256: String, sizeBytes: Int)
    {
        try await Self.offPool { [self] in
            let temporary = path + ".new-" + UUID().uuidString
            defer { unlink(temporary) }
            do {
                let file = try CollectionFile(path: self.path(of: collection))
                try FreeSpace.require(file.sizeBytes, at: (path as NSString).deletingLastPathComponent)
                try SnapshotFile.write(file, to: temporary)
                try file.close()
                let report = try CollectionVerification(path: temporary).run(isCopy: true)
                guard report.isSound else {
                    throw EngineError(.damaged, "the collection is damaged: \(report.summary)")
                }
                guard rename(temporary, path) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
                try DirectorySync.syncParent(of: path)
                return (try BackupArchive.sha256(path), try BackupArchive.size(path))
            } catch {
                throw EngineError(wrapping: error, path: path)
            }
        }
    }
}
