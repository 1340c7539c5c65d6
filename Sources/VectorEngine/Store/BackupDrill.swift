import Files
import Foundation

/// A drill: the newest backup and the log are restored and opened. It measures how long this takes and how much would
/// have been lost.
package struct BackupDrill: Sendable, Equatable, Codable {
    /// When it ended, in microseconds since 1970.
    package let at: Int64
    /// RTO: from the beginning until the restored store answers.
    package let recoverySeconds: Double
    /// RPO: the age of the oldest committed change that is not in the log; 0 if all changes are.
    package let lossSeconds: Double
    package let points: Int
    package let isPassed: Bool

    static let fileName = "drill.json"

    /// Restores into a directory of its own beside the backups and removes it again.
    ///
    /// - Parameter live: The store to which the backups belong, for the changes that are not in the log; nil if the
    ///   store is lost.
    package static func run(
        _ archive: BackupArchive, live: EmbeddedStore?, key: EncryptionKey? = nil,
        now: @Sendable () -> Int64
    ) async throws -> (drill: BackupDrill, restored: [RestoredCollection]) {
        let place = archive.location + "/.partial-drill-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: place) }  // the next prune removes what stays
        let clock = ContinuousClock()
        let start = clock.now
        let restored = try Restoration(archive: archive, target: .latest).run(into: place)
        var settings = EngineSettings()
        settings.encryptionKey = key
        let store = try EmbeddedStore(directory: place, settings: settings)
        var points = 0
        var isPassed = true
        for collection in restored {
            let count = try await store.count(nil, in: collection.collection)
            points += count
            isPassed = isPassed && count == collection.points
        }
        let elapsed = start.duration(to: clock.now).components
        try await store.close()
        let loss = try await live?.oldestUnshipped() ?? nil
        let drill = BackupDrill(
            at: now(), recoverySeconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18,
            lossSeconds: loss.map { max(0, Double(now() - $0) / 1e6) } ?? 0, points: points, isPassed: isPassed)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        do {
            try DurableFile.write(
                CheckedText.seal(try encoder.encode(drill)), to: archive.location + "/" + fileName)
        } catch {
            throw EngineError(wrapping: error, path: archive.location)
        }
        return (drill, restored)
    }

    /// The last drill at `location`; nil before the first.
    package static func last(at location: String) throws -> BackupDrill? {
        let path = location + "/" + fileName
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let text = try CheckedText.open(try Data(contentsOf: URL(fileURLWithPath: path)), path: path)
        return try JSONDecoder().decode(BackupDrill.self, from: text)
    }
}

extension EmbeddedStore {
    /// The commit time of the oldest change that is in no log; nil if all changes are shipped, or no log exists.
    package func oldestUnshipped() async throws -> Int64? {
        try await Self.offPool { [self] in
            var oldest: Int64?
            for name in try CollectionFileName.names(in: directory) {
                let path = path(of: name)
                do {
                    let file = try CollectionFile(path: path)
                    let first = try file.pool.read { try file.oldestUnshipped($0) }
                    if let first { oldest = min(oldest ?? first, first) }
                    try file.close()
                } catch {
                    throw EngineError(wrapping: error, path: path)
                }
            }
            return oldest
        }
    }
}
