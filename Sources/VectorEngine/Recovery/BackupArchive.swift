import Crypto
import Files
import Foundation
import GRDB

/// The place of the backups: full copies, and the log of every change since the first of them.
///
///     <location>/full-20261121T221100.123456Z/manifest.json, <collection>.sqlite …
///     <location>/log/<store id>/head.json, <from>-<through>.clog …
///
/// Everything is written under a temporary name and synced before it gets its name. A process that is killed leaves a
/// name that nothing reads.
package struct BackupArchive: Sendable {
    package let location: String

    package init(location: String) { self.location = location }

    /// The place where a store keeps its backups unless it is given another one.
    package static func standardLocation(of directory: String) -> String { directory + "/backups" }

    private static let partialPrefix = ".partial-"
    /// Bytes that are read at once for a digest.
    private static let chunkBytes = 1 << 20

    // MARK: Create

    /// Copies every collection of the store in `directory`, each as of one moment, while other processes write. Every
    /// row of the copies is read and checked before the backup counts.
    ///
    /// - Parameter beginsLog: Whether the changes of these collections are shipped to the log here from now on.
    /// - Throws: `damaged` with the damaged parts; `diskFull`; `notWritable`.
    package func create(
        ofDirectory directory: String, collections: [String], beginsLog: Bool = true, now: () -> Int64,
        progress: ((String) -> Void)? = nil
    ) throws(EngineError) -> BackupManifest {
        let partial = location + "/" + Self.partialPrefix + UUID().uuidString
        do {
            try PrivateFile.makeFolder(partial)
            defer { try? FileManager.default.removeItem(atPath: partial) }  // it has its name, or is of no use
            guard let lease = try Lease(path: location + "/.lease") else {
                throw EngineError(
                    .notWritable, "another backup to \(location) is running; repeat the command when it has ended")
            }
            defer { lease.release() }
            var copies: [BackupManifest.Copy] = []
            for name in collections {
                progress?(name)
                let path = CollectionFileName.path(of: name, in: directory)
                copies.append(try copy(name, from: path, into: partial, logFrom: beginsLog ? now() : nil))
            }
            let createdAt = now()
            let name = BackupManifest.prefix + Self.stamp(createdAt)
            let manifest = BackupManifest(name: name, createdAt: createdAt, copies: copies, verifiedAt: createdAt)
            try manifest.write(in: partial)
            guard rename(partial, location + "/" + name) == 0 else {
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
            }
            try DirectorySync.sync(location)
            return manifest
        } catch {
            throw EngineError(wrapping: error, path: location)
        }
    }

    private func copy(
        _ name: String, from path: String, into partial: String, logFrom time: Int64?
    ) throws -> BackupManifest.Copy {
        let file = try CollectionFile(path: path)
        try FreeSpace.require(file.sizeBytes, at: location)
        if let time { try LogShipper(file: file, collection: name, location: location).begin(at: time) }
        let target = partial + "/" + (path as NSString).lastPathComponent
        try SnapshotFile.write(file, to: target)
        try file.close()
        let report = try CollectionVerification(path: target).run(isCopy: true)
        guard report.isSound else {
            throw EngineError(
                .damaged,
                "collection '\(name)' is damaged and was not backed up: \(report.summary). Run: cortex verify "
                    + "--repair")
        }
        let facts = try SnapshotFile.facts(target)
        return BackupManifest.Copy(
            collection: name, file: (target as NSString).lastPathComponent, sizeBytes: try Self.size(target),
            sha256: try Self.sha256(target), storeID: facts.storeID, format: report.format, sequence: facts.sequence,
            points: report.pointCount, digest: facts.digest)
    }

    // MARK: List

    /// The name of a backup, and its manifest or the reason why it has none.
    package struct Listed: Sendable {
        package let name: String
        package let manifest: Result<BackupManifest, EngineError>
    }

    /// Every full backup, oldest first.
    package func list() throws(EngineError) -> [Listed] {
        guard FileManager.default.fileExists(atPath: location) else { return [] }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: location)
        } catch {
            throw EngineError(.notWritable, "cannot read the backups at \(location)", cause: error)
        }
        return names.filter { $0.hasPrefix(BackupManifest.prefix) }.sorted().map { name in
            Listed(
                name: name,
                manifest: Result { () throws(EngineError) in try BackupManifest.read(in: location + "/" + name) })
        }
    }

    /// Sound manifests, newest first.
    package func manifests() throws(EngineError) -> [BackupManifest] {
        // `list` and `verify` report a damaged manifest; here only the others are used.
        try list().compactMap { try? $0.manifest.get() }.sorted { $0.createdAt > $1.createdAt }
    }

    /// Paths of the copies of one store, newest first.
    func copies(of storeID: UUID) throws(EngineError) -> [String] {
        try manifests().flatMap { manifest in
            manifest.copies.filter { $0.storeID == storeID }.map { location + "/" + manifest.name + "/" + $0.file }
        }
    }

    // MARK: Verify

    /// The findings about one backup; it is sound if there are none.
    package struct Verification: Sendable {
        package let name: String
        package var findings: [String] = []
        package var isSound: Bool { findings.isEmpty }
    }

    /// Compares every byte of a backup with its manifest; with `deep`, also every row with its checksums. A sound
    /// backup is marked as verified.
    package func verify(_ name: String, isDeep: Bool, now: Int64) throws(EngineError) -> Verification {
        guard FileName(name) != nil else {
            throw EngineError(.invalidArgument, "'\(name)' is no backup's name; see: cortex backup list")
        }
        var found = Verification(name: name)
        let directory = location + "/" + name
        var manifest: BackupManifest
        do throws(EngineError) {
            manifest = try BackupManifest.read(in: directory)
        } catch {
            guard error.code == .damaged else { throw error }
            found.findings.append(error.message)
            return found
        }
        for copy in manifest.copies {
            let path = directory + "/" + copy.file
            do {
                guard FileManager.default.fileExists(atPath: path) else {
                    found.findings.append("\(copy.file) is missing")
                    continue
                }
                guard try Self.size(path) == copy.sizeBytes, try Self.sha256(path) == copy.sha256 else {
                    found.findings.append("\(copy.file) is damaged: its SHA-256 differs")
                    continue
                }
                guard isDeep else { continue }
                let report = try CollectionVerification(path: path).run(isCopy: true)
                if !report.isSound { found.findings.append("\(copy.file): \(report.summary)") }
            } catch {
                let error = EngineError(wrapping: error, path: path)
                found.findings.append("\(copy.file) cannot be read: \(error.message)")
            }
        }
        guard found.isSound else { return found }
        manifest.verifiedAt = now
        do {
            try manifest.write(in: directory)
        } catch {
            throw EngineError(wrapping: error, path: directory)
        }
        return found
    }

    /// Reads every file of every log; returns a sentence for each damaged or missing part.
    package func verifyLogs() throws(EngineError) -> [String] {
        var findings: [String] = []
        for storeID in try ShippedLog.storeIDs(at: location) {
            findings += ShippedLog(location: location, storeID: storeID).findings()
        }
        return findings
    }

    // MARK: Prune

    /// Removes full backups older than `keepDays`, and the part of the log that no remaining backup needs.
    ///
    /// The newest verified backup always stays, and so does the newest of all.
    ///
    /// - Returns: the names of the removed backups.
    package func prune(keepDays: Int, now: Int64) throws(EngineError) -> [String] {
        let all = try manifests()
        let oldest = now.subtractingReportingOverflow(Int64(keepDays) * 86_400_000_000).partialValue
        let kept = Set([all.first { $0.verifiedAt != nil }?.name, all.first?.name].compactMap { $0 })
        let removed = all.filter { $0.createdAt < oldest && !kept.contains($0.name) }.map(\.name)
        do {
            guard let lease = try Lease(path: location + "/.lease") else {
                throw EngineError(
                    .notWritable, "a backup to \(location) is running; repeat the command when it has ended")
            }
            defer { lease.release() }
            for name in removed {
                // Renamed first: a removal that is interrupted leaves nothing that looks like a backup.
                let gone = location + "/" + Self.partialPrefix + UUID().uuidString
                guard rename(location + "/" + name, gone) == 0 else {
                    throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
                }
            }
            for name in try FileManager.default.contentsOfDirectory(atPath: location)
            where name.hasPrefix(Self.partialPrefix) {
                try FileManager.default.removeItem(atPath: location + "/" + name)
            }
            try pruneLogs(keeping: all.filter { !removed.contains($0.name) })
        } catch {
            throw EngineError(wrapping: error, path: location)
        }
        return removed
    }

    private func pruneLogs(keeping manifests: [BackupManifest]) throws {
        for storeID in try ShippedLog.storeIDs(at: location) {
            let needed = manifests.flatMap(\.copies).filter { $0.storeID == storeID }.map(\.sequence).min()
            guard let needed else { continue }
            let log = ShippedLog(location: location, storeID: storeID)
            for (range, path) in zip(log.ranges, log.paths) where range.through <= needed {
                guard unlink(path) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
            }
        }
    }

    // MARK: Bytes

    package static func size(_ path: String) throws -> Int {
        var facts = stat()
        guard stat(path, &facts) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        return Int(facts.st_size)
    }

    /// In lower-case hexadecimal digits.
    package static func sha256(_ path: String) throws -> String {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }  // it was only read
        var hash = SHA256()
        while let chunk = try file.read(upToCount: chunkBytes), !chunk.isEmpty { hash.update(data: chunk) }
        return hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// `20261121T221100.123456Z`: sorts by time.
    static func stamp(_ microseconds: Int64) -> String {
        var seconds = time_t(microseconds / 1_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let fraction = microseconds % 1_000_000
        func digits(_ number: Int, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let day =
            digits(Int(parts.tm_year) + 1900, 4) + digits(Int(parts.tm_mon) + 1, 2) + digits(Int(parts.tm_mday), 2)
        let clock = digits(Int(parts.tm_hour), 2) + digits(Int(parts.tm_min), 2) + digits(Int(parts.tm_sec), 2)
        return day + "T" + clock + "." + digits(Int(fraction), 6) + "Z"
    }
}

/// A complete copy of a collection's file, as of one moment.
enum SnapshotFile {
    /// Copies the pages in one read transaction, while writers go on. The copy is on disk when this returns.
    static func write(_ file: CollectionFile, to target: String) throws {
        try PrivateFile.create(target)
        let copy = try DatabaseQueue(path: target)
        try file.pool.backup(to: copy)
        try copy.writeWithoutTransaction { db in
            // The copy is one file without a log.
            try db.execute(sql: "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL")
        }
        try copy.close()
        try DirectorySync.sync(target)
    }

    static func facts(_ path: String) throws -> (
        storeID: UUID, sequence: Int64, digest: String, schema: CollectionSchema
    ) {
        let queue = try CollectionVerification.reader(path)
        defer { try? queue.close() }  // it was only read
        let header = try queue.read {
            try CollectionFile.header($0, path: path, decode: CollectionFile.decodedSchema)
        }
        let tally = header.tally ?? PointTally()
        return (
            header.storeID, header.sequence,
            [UInt64(bitPattern: tally.count), tally.ids, tally.rows].map { String($0, radix: 16) }.joined(
                separator: "-"),
            header.schema
        )
    }
}

extension VerificationReport {
    /// The findings in one line.
    package var summary: String {
        var parts = findings
        if !damagedRows.isEmpty {
            let shown = damagedRows.prefix(5).map { $0.id?.description ?? "row \($0.sequence)" }
            let more = damagedRows.count > shown.count ? " and \(damagedRows.count - shown.count) more" : ""
            parts.append("\(damagedRows.count) damaged points: \(shown.joined(separator: ", "))\(more)")
        }
        return parts.isEmpty ? "sound" : parts.joined(separator: "; ")
    }
}
