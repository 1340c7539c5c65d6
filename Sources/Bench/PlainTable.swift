import Foundation
import GRDB

/// A plain table of blobs in a file of its own, with WAL and FULL: the reference for the speed of the engine's writes.
final class PlainTable {
    private let queue: DatabaseQueue
    private let vector: Data
    private let payload: Data
    private var next = 0

    init(path: String, dimension: Int, payloadBytes: Int) throws {
        queue = try DatabaseQueue(path: path)
        vector = Data(repeating: 7, count: 4 * dimension)
        payload = Data(repeating: 0x78, count: payloadBytes)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
            try db.execute(sql: "PRAGMA secure_delete = OFF")
            try db.execute(
                sql: "CREATE TABLE rows(id INTEGER PRIMARY KEY, payload BLOB NOT NULL, vector BLOB NOT NULL)")
        }
    }

    func close() throws { try queue.close() }

    /// Rows written in a second, in transactions of `batch` rows.
    func rate(_ rows: Int, batch: Int) throws -> Double {
        let elapsed = try ContinuousClock().measure {
            for _ in 0..<max(1, rows / batch) {
                try queue.write { db in
                    let insert = try db.cachedStatement(sql: "INSERT INTO rows(id, payload, vector) VALUES (?, ?, ?)")
                    for _ in 0..<batch {
                        try insert.execute(arguments: [next, payload, vector])
                        next += 1
                    }
                }
            }
        }
        let parts = elapsed.components
        return Double(max(1, rows / batch) * batch) / (Double(parts.seconds) + Double(parts.attoseconds) * 1e-18)
    }
}
