import JSON
import VectorEngine

/// What an import did with everything that a path held.
package struct ImportReport: Sendable {
    package var added = 0
    package var updated = 0
    package var unchanged = 0
    /// Former versions that came with the memories.
    package var versions = 0
    /// What could not be read or was refused, by file and line.
    package var faults: [TextSource.Fault] = []
    package var degradedReason: String?

    package init() {}

    package var json: JSONObject {
        var members: JSONObject = [
            "added": .integer(Int64(added)), "updated": .integer(Int64(updated)),
            "unchanged": .integer(Int64(unchanged)), "versions": .integer(Int64(versions)),
        ]
        if !faults.isEmpty { members["faults"] = .array(faults.map { .object($0.json) }) }
        members["degraded_reason"] = degradedReason.map { .string($0) }
        return members
    }
}

extension TextSource.Fault {
    package var json: JSONObject {
        var members: JSONObject = ["file": .string(file)]
        if line > 0 { members["line"] = .integer(Int64(line)) }
        members["reason"] = .string(reason)
        return members
    }

    /// `notes.jsonl, line 7: is not valid JSON`, for people.
    package var text: String { (line > 0 ? "\(file), line \(line): " : "\(file): ") + reason }
}

/// Imports keep what can be read, and say of everything else where it is and why it was refused.
extension MemoryStore {
    /// Rows that are written in one batch.
    private static let rowsAtOnce = 100

    /// Takes everything that a path held.
    ///
    /// - Parameters:
    ///   - scope: of new memories that name none.
    ///   - progress: told how many of how many are done.
    package func take(
        _ source: ImportSource, scope: MemoryScope, client: String, progress: (Int, Int) -> Void = { _, _ in }
    ) async throws(MemoryError) -> ImportReport {
        var report = ImportReport()
        report.faults = source.faults
        let total = source.count
        var done = 0
        for start in stride(from: 0, to: source.exported.count, by: Self.rowsAtOnce) {
            let rows = Array(source.exported[start..<min(source.exported.count, start + Self.rowsAtOnce)])
            try await importReadable(rows, &report)
            done += rows.count
            progress(done, total)
        }
        let context = CallContext(clientName: client, defaultScope: scope)
        for start in stride(from: 0, to: source.new.count, by: Self.rowsAtOnce) {
            let rows = Array(source.new[start..<min(source.new.count, start + Self.rowsAtOnce)])
            try await storeReadable(rows, context, &report)
            done += rows.count
            progress(done, total)
        }
        if !source.documents.isEmpty {
            let taken = done
            let documents = try await take(source.documents, scope: scope) { progress(taken + $0, total) }
            report.added += documents.stored
            report.updated += documents.updated
            report.unchanged += documents.unchanged
            report.degradedReason = documents.degradedReason ?? report.degradedReason
            report.faults += documents.refusals.map {
                TextSource.Fault(file: $0.document, line: 0, reason: "“\($0.heading)” \($0.message)")
            }
        }
        report.faults.sort { ($0.file, $0.line) < ($1.file, $1.line) }
        return report
    }

    /// Imports the rows that the contract accepts; the others are faults.
    private func importReadable(
        _ rows: [ImportSource.Row], _ report: inout ImportReport
    ) async throws(MemoryError) {
        let good = rows.filter { row in
            guard let error = importFault(row.item) else { return true }
            report.faults.append(Self.fault(row, error, path: "items[0]"))
            return false
        }
        guard !good.isEmpty else { return }
        let result = try await importItems(good.map(\.item))
        report.added += result.added
        report.updated += result.updated
        report.unchanged += result.unchanged
        report.versions += result.versions
        report.faults += result.refusals.map { refusal in
            let row = good[refusal.index]
            return TextSource.Fault(file: row.file, line: row.line, reason: refusal.message)
        }
    }

    /// Stores the rows that the contract accepts; the others are faults.
    private func storeReadable(
        _ rows: [ImportSource.Row], _ context: CallContext, _ report: inout ImportReport
    ) async throws(MemoryError) {
        var outcome = StoreOutcome()
        try await storeReadable(rows.map { .object($0.item) }, context, &outcome)
        report.added += Int(clamping: outcome.counts["stored"] ?? 0)
        report.updated += Int(clamping: (outcome.counts["updated"] ?? 0) + (outcome.counts["merged"] ?? 0))
        report.unchanged += Int(clamping: outcome.counts["skipped"] ?? 0)
        report.degradedReason = outcome.degradedReason ?? report.degradedReason
        report.faults += outcome.refusals.map { refusal in
            let row = rows[refusal.index]
            return TextSource.Fault(file: row.file, line: row.line, reason: refusal.message)
        }
    }

    /// Stores the items that the contract accepts, and says of every other why not. An error that names no item is
    /// looked for by halves.
    ///
    /// - Parameter places: which of all items these are; nil for all.
    package func storeReadable(
        _ items: [JSONValue], _ context: CallContext, places: [Int]? = nil, _ outcome: inout StoreOutcome
    ) async throws(MemoryError) {
        let places = places ?? Array(items.indices)
        guard !items.isEmpty else { return }
        let begin = clock.time()
        do throws(MemoryError) {
            outcome.add(
                try await callStore(arguments: ["items": .array(items)], context: context), places: places,
                since: begin)
        } catch {
            guard error.isAboutArguments else { throw error }
            // Each item with its own faults; the others may pass without it.
            let byItem = Dictionary(grouping: error.faults.filter { $0.itemIndex != nil }) { $0.itemIndex ?? 0 }
                .filter { items.indices.contains($0.key) }
            for (bad, faults) in byItem.sorted(by: { $0.key < $1.key }) {
                outcome.refuse(MemoryError.ofOneItem(faults) ?? error, at: places[bad])
            }
            let left = items.indices.filter { byItem[$0] == nil }
            if left.count < items.count {
                try await storeReadable(left.map { items[$0] }, context, places: left.map { places[$0] }, &outcome)
            } else if items.count == 1 {
                outcome.refuse(error, at: places[0])
            } else {
                let half = items.count / 2
                try await storeReadable(
                    Array(items[..<half]), context, places: Array(places[..<half]), &outcome)
                try await storeReadable(
                    Array(items[half...]), context, places: Array(places[half...]), &outcome)
            }
        }
    }

    private static func fault(_ row: ImportSource.Row, _ error: MemoryError, path: String) -> TextSource.Fault {
        let field = error.field.map { $0.hasPrefix(path) ? String($0.dropFirst(path.count)) : $0 } ?? ""
        let place = field.drop { $0 == "." }
        return TextSource.Fault(
            file: row.file, line: row.line, reason: place.isEmpty ? error.message : "\(place): \(error.message)")
    }
}

extension MemoryError {
    /// Whether the caller's data is at fault, so that other data may pass.
    fileprivate var isAboutArguments: Bool {
        switch code {
        case .invalidArgument, .schema, .missing, .wrongType, .outOfRange, .pattern: true
        default: false
        }
    }

    /// The faults of one item as one; those behind the first name their fields without the item, whose number in this
    /// call says nothing to who reads it.
    fileprivate static func ofOneItem(_ faults: [MemoryError]) -> MemoryError? {
        joined(
            faults.prefix(1)
                + faults.dropFirst().map { fault in
                    let field = (fault.field ?? "").drop { $0 != "]" }.dropFirst().drop { $0 == "." }
                    return MemoryError(fault, field: String(field))
                })
    }

    /// The item that the field names.
    fileprivate var itemIndex: Int? {
        guard let field, field.hasPrefix("items[") else { return nil }
        return Int(field.dropFirst("items[".count).prefix { $0 != "]" })
    }
}
