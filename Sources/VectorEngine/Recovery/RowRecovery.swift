import Foundation
import GRDB
import Logging

/// Rows as they once were, from the shipped log and the backups of a store.
struct RowRecovery {
    /// Where backups and the shipped log are.
    let location: String
    let storeID: UUID
    var logger = Logger.engine

    /// Whole rows with these sequences, as far as the shipped log and, where it does not reach, the backups have them.
    func rows(_ wanted: Set<Int64>) -> [Int64: LoggedRow] {
        var found: [Int64: LoggedRow] = [:]
        for path in ShippedLog(location: location, storeID: storeID).paths where found.count < wanted.count {
            do {
                var reader = try ChangeLogReader(path: path)
                guard reader.storeID == storeID else { continue }
                while let entry = try reader.next() {
                    if case .upsert(let row) = entry, wanted.contains(row.sequence) { found[row.sequence] = row }
                }
            } catch {
                logger.warn(
                    "a part of the shipped log cannot be read; damaged points are looked for in the other parts and in "
                        + "the backups", because: error, file: path)
            }
        }
        for copy in copies() where found.count < wanted.count {
            do {
                let queue = try CollectionVerification.reader(copy)
                defer { try? queue.close() }  // it was only read
                try queue.read { db in
                    _ = try RowSalvage(db: db).forEach { row in
                        if wanted.contains(row.sequence), row.isWhole { found[row.sequence] = row }
                    }
                }
            } catch {
                logger.warn(
                    "a backup cannot be read; damaged points are looked for in older ones", because: error, file: copy)
            }
        }
        return found
    }

    private func copies() -> [String] {
        do {
            return try BackupArchive(location: location).copies(of: storeID)
        } catch {
            logger.warn(
                "the backups cannot be listed; damaged points are looked for in the shipped log alone", because: error,
                file: location)
            return []
        }
    }
}
