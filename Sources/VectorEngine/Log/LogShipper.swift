import Files
import Foundation
import GRDB

// Shipping: every committed change is copied to files in another place (`<location>/log/<store id>/`), so that a
// collection can be restored to any moment since its oldest full backup. A change is shipped once: its file is synced
// under its name, then `head.json` says how far the log goes, then the collection removes the rows that only the log
// needed. A process that ends between these steps ships the same changes again, into a file that begins at the same
// place.

/// How far the log goes; written after each of its files. Without it, a log that has lost its last file would look
/// complete.
struct LogHead: Sendable, Equatable, Codable {
    var version = 1
    let storeID: UUID
    let collection: String
    /// The oldest change to which the log can go back.
    let from: Int64
    /// The last change in it.
    let through: Int64
    /// When that was committed, in microseconds since 1970.
    let at: Int64

    static let name = "head.json"

    func write(in directory: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        try DurableFile.write(CheckedText.seal(try encoder.encode(self)), to: directory + "/" + Self.name)
    }

    /// Nil if there is none.
    ///
    /// - Throws: `damaged`.
    static func read(in directory: String) throws(EngineError) -> LogHead? {
        let path = directory + "/" + name
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            let text = try CheckedText.open(try Data(contentsOf: URL(fileURLWithPath: path)), path: path)
            return try JSONDecoder().decode(LogHead.self, from: text)
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError(.damaged, "\(path) is damaged", cause: error)
        }
    }
}

/// A line of text whose second line is its CRC-32C in hexadecimal digits.
enum CheckedText {
    static func seal(_ text: Data) -> [UInt8] {
        Array(text) + Array("\n\(String(crc32c(text), radix: 16))\n".utf8)
    }

    static func open(_ bytes: Data, path: String) throws(EngineError) -> Data {
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard lines.count == 3, lines[2].isEmpty, Array(lines[1]) == Array(String(crc32c(lines[0]), radix: 16).utf8)
        else { throw EngineError(.damaged, "\(path) is damaged") }
        return Data(lines[0])
    }
}

/// The result of one run of the shipper.
package struct ShippingReceipt: Sendable, Equatable {
    /// The last change in the log; nil while nothing is shipped.
    package let through: UInt64?
    /// Changes written in this run.
    package let changes: Int
}

struct LogShipper {
    let file: CollectionFile
    let collection: String
    /// Where backups are kept.
    let location: String

    /// Changes of one file of the log, unless a single transaction has more.
    static let changesPerFile = 20_000
    /// The most rows that are kept for a log that cannot be written; beyond it the log is given up, and a new full
    /// backup begins another.
    static let historyLimit: Int64 = 200_000

    static func directory(_ location: String, storeID: UUID) -> String {
        location + "/log/" + storeID.uuidString.lowercased()
    }

    private var directory: String { Self.directory(location, storeID: file.storeID) }

    /// Begins a log at the present, before the full backup to which it belongs is made; a log that exists continues.
    ///
    /// - Parameter time: Now, in microseconds since 1970.
    func begin(at time: Int64) throws {
        try PrivateFile.makeFolder(directory)
        let isUnderWay = try LogHead.read(in: directory) != nil
        try file.pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var header = try file.header(db)
                guard header.tally != nil, !isUnderWay || header.shippedSequence == nil else { return .commit }
                try LogHead(
                    storeID: file.storeID, collection: collection, from: header.sequence, through: header.sequence,
                    at: time
                ).write(in: directory)
                try db.execute(sql: "DELETE FROM history; DELETE FROM commits")
                try header.facts.write(["shipped": .number(header.sequence)], to: db)
                return .commit
            }
        }
    }

    /// Ships all committed changes. Ships nothing if the collection has no log, or if another process is shipping.
    func ship() throws -> ShippingReceipt {
        guard try file.pool.read({ try file.header($0).shippedSequence }) != nil else {
            return ShippingReceipt(through: nil, changes: 0)
        }
        guard let lease = try Lease(path: file.path + ".ship") else { return ShippingReceipt(through: nil, changes: 0) }
        defer { lease.release() }
        var total = 0
        while true {
            let (changes, isDone, through) = try shipOnce()
            total += changes
            if isDone { return ShippingReceipt(through: UInt64(max(0, through)), changes: total) }
        }
    }

    private func shipOnce() throws -> (changes: Int, isDone: Bool, through: Int64) {
        guard let head = try LogHead.read(in: directory) else {
            throw EngineError(
                .damaged,
                "the shipped log at \(directory) has lost its head.json; begin another log: cortex backup create")
        }
        let shipped = try file.pool.read { db -> (header: FileHeader, last: LoggedCommit?, count: Int) in
            let header = try file.header(db)
            guard let from = header.shippedSequence, header.sequence > from else { return (header, nil, 0) }
            let commits = try commits(db, after: from)
            guard let last = commits.last else { return (header, nil, 0) }
            // Shipping frees space in the store.
            try FreeSpace.require(1 << 20, at: directory, isFreeing: true)
            let writer = try ChangeLogWriter(directory: directory, storeID: file.storeID, from: from)
            try write(db, from: from, commits: commits, to: writer)
            try writer.finish(at: directory + "/" + ChangeLogFile.name(from: from, through: last.sequence))
            return (header, last, Int(last.sequence - from))
        }
        guard let last = shipped.last else { return (0, true, shipped.header.shippedSequence ?? 0) }
        try LogHead(
            storeID: file.storeID, collection: collection, from: head.from, through: last.sequence, at: last.at
        ).write(in: directory)
        try file.pool.writeWithoutTransaction { db in
            try db.inTransaction(.immediate) {
                var header = try file.header(db)
                try db.execute(sql: "DELETE FROM history WHERE sequence <= ?", arguments: [last.sequence])
                try db.execute(sql: "DELETE FROM commits WHERE sequence <= ?", arguments: [last.sequence])
                try header.facts.write(["shipped": .number(last.sequence)], to: db)
                return .commit
            }
        }
        return (shipped.count, last.sequence >= shipped.header.sequence, last.sequence)
    }

    /// The transactions of the next file.
    private func commits(_ db: Database, after from: Int64) throws -> [LoggedCommit] {
        var found: [LoggedCommit] = []
        let sql = "SELECT sequence, at, count, ids, rows FROM commits WHERE sequence > ? ORDER BY sequence LIMIT ?"
        try db.scan(sql, [from, Self.changesPerFile]) { row in
            let commit = LoggedCommit(
                sequence: row.integer(0), at: row.integer(1),
                tally: PointTally(
                    count: row.integer(2), ids: UInt64(bitPattern: row.integer(3)),
                    rows: UInt64(bitPattern: row.integer(4))))
            if found.isEmpty || commit.sequence - from <= Self.changesPerFile { found.append(commit) }
        }
        return found
    }

    /// Merges rows, replaced rows and deletes by their sequence, which must have no gap.
    private func write(_ db: Database, from: Int64, commits: [LoggedCommit], to writer: ChangeLogWriter) throws {
        let sql = """
            SELECT sequence, id, payload, sparse, checksum, dense, dense_checksum FROM (
                SELECT p.sequence, p.id, p.payload, p.sparse, p.checksum, v.dense, v.checksum AS dense_checksum
                FROM points p LEFT JOIN vectors v ON v.sequence = p.sequence WHERE p.sequence > ?1 AND p.sequence <= ?2
                UNION ALL
                SELECT sequence, id, payload, sparse, checksum, dense, dense_checksum FROM history
                WHERE sequence > ?1 AND sequence <= ?2
                UNION ALL
                SELECT sequence, id, NULL, NULL, checksum, NULL, NULL FROM deletions
                WHERE sequence > ?1 AND sequence <= ?2)
            ORDER BY sequence
            """
        var next = from + 1
        var commit = commits.makeIterator()
        var ending = commit.next()
        try db.scan(sql, [from, commits.last?.sequence ?? from]) { row in
            let sequence = row.integer(0)
            guard sequence == next else { throw gap(next) }
            next += 1
            let key = Array(row.blob(1))
            if row.isNull(2) {
                guard row.integer(4) == StoredRow.deletionChecksum(key, sequence: sequence) else { throw gap(sequence) }
                try writer.append(.delete(sequence: sequence, key: key))
            } else {
                let logged = LoggedRow(
                    sequence: sequence, key: key, payload: Array(row.blob(2)), sparse: Array(row.blob(3)),
                    dense: Array(row.blob(5)), checksum: row.integer(4), denseChecksum: row.integer(6))
                guard logged.isWhole else { throw gap(sequence) }
                try writer.append(.upsert(logged))
            }
            if let end = ending, end.sequence == sequence {
                try writer.append(.commit(end))
                ending = commit.next()
            }
        }
        guard ending == nil else { throw gap(next) }
    }

    private func gap(_ sequence: Int64) -> EngineError {
        EngineError(
            .damaged,
            "change \(sequence) of \(file.path) cannot be shipped: its row is damaged or missing. Run: cortex verify "
                + "--repair, then cortex backup create")
    }
}
