import Files
import Foundation
import JSON
import Memory
import Operations

/// One run over files whose memories they own: read, take, retire, report. `store --from` and `sync` share it.
struct DocumentRun {
    let path: String
    let kind: String
    let splitsLines: Bool
    let tags: [String]
    let ttl: String?

    /// What a run did.
    struct Report {
        var documents = DocumentsResult()
        var items = StoreOutcome()
        var skipped: [FolderWalk.Skipped] = []
        var faults: [TextSource.Fault] = []

        var isWhole: Bool { documents.refusals.isEmpty && items.isWhole && faults.isEmpty }
        /// Whether anything in the store is other than before.
        var changesSomething: Bool {
            documents.stored + documents.updated + documents.retired > 0 || items.changesSomething
        }

        var json: JSONObject {
            var members = items.json
            for (name, count) in [
                ("stored", documents.stored), ("updated", documents.updated), ("skipped", documents.unchanged),
                ("retired", documents.retired),
            ] {
                members[name] = .integer((members[name]?.integerValue ?? 0) + Int64(count))
            }
            let ids = documents.ids.map { JSONValue.string($0.description) } + (members["ids"]?.arrayValue ?? [])
            // The ids of a bulk import would be the bulk of its output.
            members["ids"] = ids.count <= StoreOutcome.shownIDs ? .array(ids) : nil
            if !documents.retiredIDs.isEmpty {
                members["retired_ids"] = .array(
                    documents.retiredIDs.prefix(StoreOutcome.shownIDs).map { .string($0.description) })
            }
            if !skipped.isEmpty {
                members["passed_over"] = .array(
                    skipped.map { ["path": .string($0.path), "reason": .string($0.reason)] })
            }
            let refused =
                (members["refused"]?.arrayValue ?? [])
                + documents.refusals.map {
                    [
                        "document": .string($0.document), "heading": .string($0.heading),
                        "message": .string($0.message),
                    ]
                } + faults.map { .object($0.json) }
            if !refused.isEmpty { members["refused"] = .array(refused) }
            if let reason = documents.degradedReason { members["degraded_reason"] = .string(reason) }
            return members
        }
    }

    /// Reads the files; a file that cannot be read ends the command where it was the only one.
    func source() throws(MemoryError) -> TextSource {
        let absolute = URL(fileURLWithPath: Environment.current.absolute(path)).standardizedFileURL.path
        let git = GitFolders(containing: absolute)
        var source = TextSource(
            kind: kind, splitsLines: splitsLines, tags: tags,
            userRules: Environment.current.configFolder + "/git/ignore", checkout: git.map { ($0.top, $0.main) })
        try source.read(absolute)
        return source
    }

    /// Whether nothing is left of a file. One that cannot be looked at is not gone, nor is a link that leads nowhere.
    private static func isGone(_ path: String) -> Bool {
        do throws(FileFacts.Absence) {
            _ = try FileFacts(path)
            return false
        } catch {
            return error == .missing
        }
    }

    /// - Parameters:
    ///   - showsProgress: whether a bar is drawn on a terminal.
    ///   - advanced: told how many of how many parts and items are done.
    func run(
        _ source: TextSource, in house: House, client: String, showsProgress: Bool = true,
        advanced: (Int, Int) -> Void = { _, _ in }
    ) async throws -> Report {
        var report = Report()
        report.skipped = source.skipped
        report.faults = source.faults
        let parts = source.documents.reduce(0) { $0 + $1.parts.count }
        let total = parts + source.items.count
        var bar = ProgressBar("storing")
        let expiry = try Shown.expiry(ttl)
        report.documents = try await house.memory.take(source.documents, scope: house.scope, expiry: expiry) { done in
            if showsProgress { bar.show(done, of: total) }
            advanced(done, total)
        }
        if let folder = source.folder {
            let gone = try await house.memory.retireDocuments(
                in: folder, scope: house.scope, kept: Set(source.documents.map(\.id)),
                isGone: { Self.isGone(source.path(ofDocument: $0)) })
            report.documents.add(gone)
        }
        let context = CallContext(clientName: client, defaultScope: house.scope)
        let dressing = ItemDressing(kind: kind, tags: tags, ttl: ttl)
        let items = source.items.map { dressing.dressed($0.value) }
        for start in stride(from: 0, to: items.count, by: ItemDressing.batchSize) {
            let end = min(items.count, start + ItemDressing.batchSize)
            try await house.memory.storeReadable(
                Array(items[start..<end]), context, places: Array(start..<end), &report.items)
            if showsProgress { bar.show(parts + end, of: total) }
            advanced(parts + end, total)
        }
        bar.finish()
        return report
    }
}

extension DocumentRun.Report {
    private static let shownLines = 20

    /// What a person reads: counts on standard output, everything that was passed over or refused on standard error.
    func show() {
        let documents = documents
        var counts = items.counts
        for (name, count) in [
            ("stored", documents.stored), ("updated", documents.updated), ("retired", documents.retired),
            ("unchanged", documents.unchanged),
        ] where count > 0 {
            counts[name, default: 0] += Int64(count)
        }
        print(StoreOutcome.sentence(counts, similar: items.similar))
        Self.note(skipped.map { "passed over: \($0.path) \($0.reason)" })
        // Everything that was not stored is named, however long the list is.
        let refusals = documents.refusals.map { "\($0.document), “\($0.heading)”: \($0.message)" }
        for line in faults.map(\.text) + refusals + items.refused { Terminal.note(line) }
        Self.note(items.remarks)
        if let reason = documents.degradedReason { Terminal.note("degraded: \(reason)") }
    }

    static func note(_ lines: [String]) {
        for line in lines.prefix(shownLines) { Terminal.note(line) }
        if lines.count > shownLines { Terminal.note("… and \(lines.count - shownLines) more") }
    }
}
