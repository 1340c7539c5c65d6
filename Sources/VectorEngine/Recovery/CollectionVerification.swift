import Foundation
import GRDB

// `verify` reads every byte that matters and lists the damaged parts. It needs no view, no key and no other process,
// and it also works on a file that cannot be opened.

/// The findings about every row of one collection.
package struct VerificationReport: Sendable {
    /// A damaged row.
    package struct DamagedRow: Sendable, Equatable {
        /// Nil if its id is damaged too.
        package let id: PointID?
        package let sequence: Int64
    }

    package let path: String
    package var format = 0
    package var pointCount = 0
    package var sequence: Int64 = 0
    package var damagedRows: [DamagedRow] = []
    /// Damage beyond single rows, one sentence each.
    package var findings: [String] = []
    /// Damaged caches, which are rebuilt automatically: answers are slower, but not wrong.
    package var damagedCaches: [String] = []
    /// Rows that a repair has removed from the collection.
    package var setAsideCount = 0
    /// Whether SQLite's own check finds the file's trees in order.
    var hasSoundTrees = true

    package var isSound: Bool { damagedRows.isEmpty && findings.isEmpty }

    init(path: String) { self.path = path }
}

struct CollectionVerification {
    let path: String
    /// The most findings of SQLite's own check that are kept.
    private static let integrityLimit = 20

    /// Reads the whole file at `path`.
    ///
    /// - Parameter isCopy: whether the file is a backup, which has neither a mark nor a log of its own.
    /// - Throws: Only errors that are not about the file's contents: it does not exist, or it cannot be read.
    func run(isCopy: Bool = false) throws(EngineError) -> VerificationReport {
        var report = VerificationReport(path: path)
        let mark = AcknowledgedMark.read(beside: path)
        guard FileManager.default.fileExists(atPath: path) else {
            report.findings.append("the file is missing")
            report.hasSoundTrees = false
            return report
        }
        do throws(EngineError) {
            try OpenFiles.enter(path) { () throws(EngineError) in try CollectionFile.checkHead(of: path) }
        } catch {
            guard error.code == .damaged else { throw error }
            report.findings.append("the header of the file is damaged")
            report.hasSoundTrees = false
            return report
        }
        defer { OpenFiles.leave(path) }
        do {
            let queue = try Self.reader(path)
            defer { try? queue.close() }  // it was only read
            try queue.read { db in
                try examine(db, mark: isCopy ? nil : mark, &report)
            }
        } catch {
            let error = EngineError(wrapping: error, path: path)
            guard error.code == .damaged || error.code == .outcomeUnknown else { throw error }
            report.findings.append("SQLite cannot read the file: \(error.message)")
            report.hasSoundTrees = false
        }
        return report
    }

    static func reader(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(CollectionFile.busyTimeoutSeconds)
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    private func examine(_ db: Database, mark: AcknowledgedMark.Reading?, _ report: inout VerificationReport) throws {
        report.format = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        let problems = try String.fetchAll(db, sql: "PRAGMA integrity_check(\(Self.integrityLimit))")
        if problems != ["ok"] {
            report.hasSoundTrees = false
            report.findings.append(
                "SQLite reports damaged trees in the file: \(problems.prefix(3).joined(separator: "; "))")
        }
        var written: FileHeader?
        do {
            written = try CollectionFile.header(db, path: path, decode: CollectionFile.decodedSchema)
        } catch let error as EngineError where error.code == .damaged {
            report.findings.append("the description (meta) is damaged")
        }
        report.sequence = written?.sequence ?? 0
        // A copy may have such rows, as its collection did; and an encrypted payload cannot be read here.
        let readsPayloads = mark != nil && written.map { $0.facts.bytes(CollectionFile.dataKeyFact) == nil } ?? false
        let tally = try examineRows(db, readsPayloads: readsPayloads, &report)
        report.pointCount = Int(clamping: tally.count)
        guard let written else { return }
        if let there = written.tally, there != tally {
            let difference = there.count.subtractingReportingOverflow(tally.count).partialValue
            report.findings.append(
                difference > 0
                    ? "\(difference) points are missing"
                    : "the points do not match the tally that was written with them")
        }
        try examineLog(db, written, &report)
        try examineCaches(db, written, &report)
        if let mark { Self.compare(written, mark, &report) }
    }

    private static func compare(
        _ written: FileHeader, _ mark: AcknowledgedMark.Reading, _ report: inout VerificationReport
    ) {
        guard written.tally != nil else { return }
        switch mark {
        case .missing: break  // made when the store is next opened
        case .damaged: report.damagedCaches.append("the mark beside the file")
        case .mark(let mark):
            let isReplaced = written.facts.text(CollectionFile.replacedFact) == mark.storeID.uuidString
            if mark.storeID != written.storeID, !isReplaced {
                report.findings.append("the mark beside it belongs to another store")
            } else if !isReplaced, mark.sequence > written.sequence {
                report.findings.append(
                    "its last \(mark.sequence - written.sequence) changes are lost, though they were acknowledged")
            }
        }
    }

    /// Compares every row with its checksums; returns the tally, in which damaged rows count with their stored numbers.
    ///
    /// - Parameter readsPayloads: whether rows count as damaged whose payload is nested too deep to be read.
    private func examineRows(
        _ db: Database, readsPayloads: Bool, _ report: inout VerificationReport
    ) throws -> PointTally {
        var tally = PointTally()
        var damaged: [Int64] = []
        let scanned = try RowSalvage(db: db).forEach { row in
            tally.add(sequence: row.sequence, key: row.key, checksum: row.checksum)
            let isReadable = !readsPayloads || Payload(validated: row.payload).isReadable
            if !row.isWhole || !isReadable || PointID(keyBytes: row.key) == nil { damaged.append(row.sequence) }
        }
        damaged += scanned.unreadable
        if !scanned.isComplete {
            report.hasSoundTrees = false
            report.findings.append("a part of the points cannot be read")
        }
        guard !damaged.isEmpty else { return tally }
        let names = try RowSalvage(db: db).idsBySequence()
        report.damagedRows = damaged.sorted().map { VerificationReport.DamagedRow(id: names[$0], sequence: $0) }
        return tally
    }

    private func examineLog(
        _ db: Database, _ header: FileHeader, _ report: inout VerificationReport
    ) throws {
        guard header.tally != nil else { return }
        var badDeletes = 0
        try db.scan("SELECT sequence, id, checksum FROM deletions") { row in
            if !row.isNull(2), row.integer(2) != StoredRow.deletionChecksum(row.blob(1), sequence: row.integer(0)) {
                badDeletes += 1
            }
        }
        if badDeletes > 0 { report.findings.append("\(badDeletes) entries of the log of deletes are damaged") }
        report.setAsideCount = try Int.fetchOne(db, sql: "SELECT count(*) FROM set_aside") ?? 0
    }

    private func examineCaches(_ db: Database, _ header: FileHeader, _ report: inout VerificationReport) throws {
        try db.scan("SELECT id, rows FROM segments") { row in
            do throws(BlobError) {
                _ = try SegmentRowList(bytes: row.blob(1))
            } catch {
                report.damagedCaches.append("the row list of segment \(row.integer(0))")
            }
        }
    }
}

/// Reads all rows, past places that SQLite cannot read.
struct RowSalvage {
    let db: Database

    /// The rows that one pass could not reach.
    struct Reach {
        /// Rows that are in the index of ids but not in the table.
        var unreadable: [Int64] = []
        var isComplete = true
    }

    static let columns = "p.sequence, p.id, p.payload, p.sparse, p.checksum, v.dense, v.checksum"
    static let from = "FROM points p LEFT JOIN vectors v ON v.sequence = p.sequence"

    /// Passes every readable row to `body`, in order; a row without vectors has empty ones.
    func forEach(_ body: (LoggedRow) throws -> Void) throws -> Reach {
        var reach = Reach()
        var last: Int64 = .min
        do {
            try db.scan("SELECT \(Self.columns) \(Self.from) ORDER BY p.sequence") { row in
                last = row.integer(0)
                try body(Self.logged(row))
            }
            return reach
        } catch let error as DatabaseError where error.resultCode.primaryResultCode == .SQLITE_CORRUPT {
            // From here on one row at a time, by the numbers in the index.
            reach.isComplete = false
        }
        for sequence in try idsBySequence().keys.sorted() where sequence > last {
            do {
                var isThere = false
                try db.scan("SELECT \(Self.columns) \(Self.from) WHERE p.sequence = ?", [sequence]) { row in
                    isThere = true
                    try body(Self.logged(row))
                }
                if !isThere { reach.unreadable.append(sequence) }
            } catch let error as DatabaseError where error.resultCode.primaryResultCode == .SQLITE_CORRUPT {
                reach.unreadable.append(sequence)
            }
        }
        return reach
    }

    static func logged(_ row: ScannedRow) -> LoggedRow {
        LoggedRow(
            sequence: row.integer(0), key: Array(row.blob(1)), payload: Array(row.blob(2)), sparse: Array(row.blob(3)),
            dense: Array(row.blob(5)), checksum: row.integer(4), denseChecksum: row.isNull(6) ? -1 : row.integer(6))
    }

    /// The entries of the index of ids; empty if it cannot be read either.
    func idsBySequence() throws -> [Int64: PointID] {
        var found: [Int64: PointID] = [:]
        do {
            try db.scan("SELECT id, sequence FROM points ORDER BY id") { row in
                found[row.integer(1)] = PointID(key: row.blob(0))
            }
        } catch let error as DatabaseError where error.resultCode.primaryResultCode == .SQLITE_CORRUPT {
            // The entries that were read so far are still useful.
            return found
        }
        return found
    }
}
