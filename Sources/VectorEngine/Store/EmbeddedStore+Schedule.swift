import Files
import Foundation

// Full backups by schedule. They begin with the first one that somebody has made: from then on the store is one that is
// backed up, its log is shipped, and any process that stays up makes the next full when it is due, removes what is too
// old, and rehearses a restore once a week. A lock beside the backups lets one process at a time do it.

extension EmbeddedStore {
    /// Days between two drills.
    private static let drillInterval: Int64 = 7 * 86_400_000_000

    /// When the next full backup is due at `location`, in microseconds since 1970; nil without a schedule or a first
    /// backup.
    package func nextBackup(at location: String) throws(EngineError) -> Int64? {
        guard let schedule = settings.backupSchedule,
            let newest = try BackupArchive(location: location).manifests().first
        else { return nil }
        return schedule.next(after: newest.createdAt)
    }

    /// Makes the full backup that is due, prunes, and drills when the last drill is a week old.
    ///
    /// - Returns: the new backup; nil when none is due or another process is making it.
    /// - Throws: what `BackupArchive.create` throws; `damaged` when the drill has failed.
    @discardableResult
    package func backUpIfDue(to location: String) async throws -> BackupManifest? {
        let archive = BackupArchive(location: location)
        let made = try await Self.offPool { [self] () -> BackupManifest? in
            let path = location + "/.schedule"
            guard try isBackupDue(at: location), let lease = try EngineError.wrapping(path, { try Lease(path: path) })
            else { return nil }
            defer { lease.release() }
            // Another process may have been here between the question and the lock.
            guard try isBackupDue(at: location) else { return nil }
            let manifest = try archive.create(
                ofDirectory: directory, collections: try CollectionFileName.names(in: directory), now: settings.now)
            _ = try archive.prune(keepDays: settings.backupRetentionDays, now: settings.now())
            return manifest
        }
        guard made != nil else { return nil }
        if let last = try BackupDrill.last(at: location), settings.now() - last.at < Self.drillInterval { return made }
        let (drill, _) = try await BackupDrill.run(
            archive, live: self, key: settings.encryptionKey, now: settings.now)
        guard drill.isPassed else {
            throw EngineError(.damaged, "the restore drill failed at \(location). Run: cortex backup verify --deep")
        }
        return made
    }

    private func isBackupDue(at location: String) throws(EngineError) -> Bool {
        try nextBackup(at: location).map { $0 <= settings.now() } ?? false
    }

    /// Starts what is due behind the caller's back; what fails is kept in `upkeepStatus`.
    func startBackupIfDue(to location: String) {
        let isFree = upkeep.withLock { status in
            defer { status.isBackingUp = true }
            return !status.isBackingUp
        }
        guard isFree else { return }
        Task {
            let outcome: (manifest: BackupManifest?, failure: EngineError?)
            do {
                let manifest = try await backUpIfDue(to: location)
                outcome = (manifest, manifest?.complaint)
                if let complaint = manifest?.complaint {
                    settings.logger.warn("the scheduled backup is incomplete", because: complaint, file: location)
                }
            } catch {
                outcome = (nil, EngineError(wrapping: error, path: location))
                settings.logger.warn(
                    "the scheduled backup failed; the next round tries again", because: error, file: location)
            }
            upkeep.withLock { status in
                status.isBackingUp = false
                status.backupFailure = outcome.failure?.message
                status.backedUpAt = outcome.manifest?.createdAt ?? status.backedUpAt
            }
        }
    }
}
