import Foundation

extension EmbeddedStore {
    /// Removes the bytes of everything that was deleted or replaced from the collection's file, its write-ahead log and
    /// its shipped log, and gives the space back to the volume. `Compaction.swift` says what it costs.
    ///
    /// - Throws: `diskFull` where the volume has no room for it; then nothing has changed.
    package func compact(_ collection: String) async throws -> CompactionReport {
        let location = settings.backupLocation
        let report = try await with(collection) { try $0.compact(shippedTo: location) }
        wakeSealer(of: collection)
        return report
    }

    /// The full backups that were made since `moment` (microseconds since 1970), the oldest first, each with the moment
    /// until which it is kept: they hold what was stored then, also when it has been erased.
    package func backups(since moment: Int64) async throws -> [(name: String, keptUntil: Int64)] {
        guard let location = settings.backupLocation else { return [] }
        let days = Int64(settings.backupRetentionDays)
        return try await Self.offPool {
            guard FileManager.default.fileExists(atPath: location) else { return [] }
            return try BackupArchive(location: location).manifests().filter { $0.createdAt >= moment }
                .sorted { $0.createdAt < $1.createdAt }
                .map { ($0.name, $0.createdAt &+ days &* 86_400_000_000) }
        }
    }
}
