import Dispatch
import GRDB

// Damaged rows: which ones there are, and how they come back by themselves. A row that the shipped log or a backup
// still has is stored again under a new change, as any write is; other processes follow it by the change log. What
// nothing has stays where it is, and is spoken of by every answer, until somebody asks for a repair.

extension PointCollection {
    /// Rows on disk that are known not to be what was written; the ones that calls met which have returned are among
    /// them. Costs nothing while there are none.
    package func damagedRows() throws(EngineError) -> [DamagedRow] {
        guard !damage.isEmpty else { return [] }
        do {
            return try file.pool.read { try damage.rows($0, of: file) }
        } catch {
            throw told(EngineError(wrapping: error, path: file.path))
        }
    }

    /// Puts damaged rows back as they were, as far as the shipped log and the backups at `location` have them.
    ///
    /// - Returns: the number of rows that are back.
    @discardableResult
    func mend(from location: String) throws(EngineError) -> Int {
        do {
            let damaged = Set(try damagedRows().compactMap { $0.sequence.map { Int64(clamping: $0) } })
            guard !damaged.isEmpty else { return 0 }
            let good = RowRecovery(location: location, storeID: file.storeID, logger: settings.logger)
                .rows(damaged)
            guard !good.isEmpty else { return 0 }
            var count = 0
            var last: Int64 = 0
            try file.pool.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) {
                    var writer = try ChangeWriter(db, file: file, now: settings.now())
                    for row in good.values.sorted(by: { $0.sequence < $1.sequence }) where try writer.mend(row) {
                        count += 1
                    }
                    try writer.finishMending()
                    last = writer.sequence
                    return .commit
                }
            }
            file.noteAcknowledged(last)
            return count
        } catch {
            throw EngineError(wrapping: error, path: file.path)
        }
    }

    /// Reports damage that was just met and mends it in the background.
    func mendLater() {
        mending.async { [weak self] in
            guard let self else { return }
            do {
                let rows = try damagedRows()
                if let message = rows.message {
                    settings.logger.error("\(message)", metadata: ["collection": "\(name)"])
                }
                guard let location = settings.backupLocation else { return }
                let count = try mend(from: location)
                if count > 0 {
                    settings.logger.error(
                        "\(count) damaged points are back from a backup or the log", metadata: ["collection": "\(name)"]
                    )
                }
            } catch {
                settings.logger.error(
                    "damaged points could not be mended: \(error)", metadata: ["collection": "\(name)"])
            }
        }
    }
}
