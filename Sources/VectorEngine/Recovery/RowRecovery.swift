import Foundation
import GRDB

/// Rows as they once were, from the shipped log and the backups of a store.
struct RowRecovery {
    /// Where backups and the shipped log are.
    let location: String
    let storeID: UUID

    /// Whole rows with these sequences, as far as the shipped log and, where it does not reach, the backups have them.
    func rows(_ wanted: Set<Int64>) -> [Int64: LoggedRow] {
        var found: [Int64: LoggedRow] = [:]
        for path in ShippedLog(location: location, storeID: storeID).paths where found.count < wanted.count {
            // What cannot be read of the log helps nobody; the rows stay as they are.
            guard var reader = try? ChangeLogReader(path: path), reader.storeID == storeID else { continue }
            while let entry = try? reader.next() {  // as above
                if case .upsert(let row) = entry, wanted.contains(row.sequence) { found[row.sequence] = row }
            }
        }
        for copy in BackupArchive(location: location).copies(of: storeID) where found.count < wanted.count {
            do {
                let queue = try CollectionVerification.reader(copy)
                defer { try? queue.close() }  // it was only read
                try queue.read { db in
                    _ = try RowSalvage(db: db).forEach { row in
                        if wanted.contains(row.sequence), row.isWhole { found[row.sequence] = row }
                    }
                }
            } catch {
                // A backup that cannot be read has nothing to give; the next one may.
                continue
            }
        }
        return found
    }
}
