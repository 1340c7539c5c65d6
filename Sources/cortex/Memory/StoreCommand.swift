import ArgumentParser
import Foundation
import JSON
import Memory
import Operations
import VectorEngine

/// `cortex store`: texts, files and folders into the memory.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Store a text, a file or a folder of Markdown and text.",
        discussion: """
            Without a text and without --from the text is read from stdin. Markdown is stored by headings, a .jsonl \
            file holds one memory item a line. Exact copies in one scope are kept once, so a store can be repeated. \
            Exit code 4 when an item was refused.
            """)

    @OptionGroup var house: HouseOptions

    @ArgumentParser.Argument(help: "The text.")
    var text: [String] = []

    @Option(help: ArgumentHelp("A file or a folder.", valueName: "path"))
    var from: String?

    @Option(help: "The kind of each memory that does not say its own.")
    var kind = "observation"

    @Flag(help: "Each line of a text is a memory.")
    var lines = false

    @Option(name: .customLong("tag"), help: ArgumentHelp("A tag; may be given several times.", valueName: "tag"))
    var tags: [String] = []

    @Option(help: "How long it is kept: default, short, long or permanent.")
    var ttl: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    private static let batchSize = 100

    func validate() throws {
        if from != nil, !text.isEmpty { throw ValidationError("give a text or --from, not both") }
    }

    func run() async throws {
        var source = TextSource(kind: kind, splitsLines: lines)
        let items = try read(&source)
        for reason in source.skipped { Terminal.note("passed over: \(reason)") }
        guard !items.isEmpty else { throw ValidationError("there is no text to store") }
        try await House.visit(house) { house in
            var outcome = Outcome()
            var bar = ProgressBar("storing")
            for start in stride(from: 0, to: items.count, by: Self.batchSize) {
                let batch = items[start..<min(items.count, start + Self.batchSize)].map(dressed)
                outcome.add(try await stored(batch, in: house, offset: start), offset: start)
                bar.show(start + batch.count, of: items.count)
            }
            bar.finish()
            try await house.index()
            if json { print(JSONWriter.text(outcome.json)) } else { outcome.show(of: items.count) }
            if outcome.failed + outcome.blocked > 0 { throw ExitCode(4) }
        }
    }

    /// Stores one batch; a refusal says which item of the whole input it means, and how many before it are kept.
    private func stored(_ batch: [JSONValue], in house: House, offset: Int) async throws -> JSONValue {
        do {
            return try await house.memory.callStore(
                arguments: ["items": .array(batch)],
                context: CallContext(clientName: "cortex store", defaultScope: house.scope))
        } catch let error {
            guard let field = error.field, field.hasPrefix("items["),
                let index = Int(field.dropFirst("items[".count).prefix { $0 != "]" })
            else { throw error }
            let path = field.drop { $0 != "]" }.dropFirst().drop { $0 == "." }
            let place = path.isEmpty ? "" : "\(path): "
            let kept = offset > 0 ? "; the \(offset) items before this batch were taken" : ""
            throw CommandFailure(
                code: error.code.rawValue, message: "item \(offset + index + 1): \(place)\(error.message)\(kept)")
        }
    }

    private func read(_ source: inout TextSource) throws -> [JSONValue] {
        if let from {
            do {
                return try source.items(at: from)
            } catch let error as MemoryError {
                throw ValidationError(error.message)
            }
        }
        var content = text.joined(separator: " ")
        if text.isEmpty || text == ["-"] {
            guard let piped = String(bytes: FileHandle.standardInput.readDataToEndOfFile(), encoding: .utf8) else {
                throw ValidationError("stdin is not UTF-8 text")
            }
            content = piped
        }
        if lines { return source.lines(content) }
        let trimmed = content.trimmingCharacters(in: .whitespacesAndNewlines)
        return trimmed.isEmpty ? [] : [["kind": .string(kind), "content": .string(trimmed)]]
    }

    /// The item with the command's tags and expiry where it has none of its own.
    private func dressed(_ item: JSONValue) -> JSONValue {
        guard case .object(var members) = item else { return item }
        if members["kind"] == nil { members["kind"] = .string(kind) }
        if !tags.isEmpty, members["tags"] == nil { members["tags"] = .array(tags.map { .string($0) }) }
        if let ttl, members["ttl_config"] == nil { members["ttl_config"] = ["policy": .string(ttl)] }
        return .object(members)
    }
}

/// What became of the items of all batches.
private struct Outcome {
    var counts: [String: Int64] = [:]
    var refused: [JSONValue] = []
    var ids: [JSONValue] = []
    var degradedReason: String?

    var failed: Int64 { counts["failed"] ?? 0 }
    var blocked: Int64 { counts["blocked"] ?? 0 }

    mutating func add(_ result: JSONValue, offset: Int) {
        for (name, count) in result["summary"]?.objectValue ?? [:] {
            counts[name, default: 0] += count.integerValue ?? 0
        }
        for item in result["items"]?.arrayValue ?? [] {
            if let id = item["id"] ?? item["existing_id"] { ids.append(id) }
            guard let error = item["error"], let index = item["input_index"]?.integerValue else { continue }
            refused.append(["item": .integer(Int64(offset) + index), "error": error])
        }
        degradedReason = result["meta"]?["degraded_reason"]?.stringValue ?? degradedReason
    }

    var json: JSONValue {
        var members = JSONObject()
        for (name, count) in counts.sorted(by: { $0.key < $1.key }) { members[name] = .integer(count) }
        // The ids of a bulk import would be the bulk of its output.
        if ids.count <= 100 { members["ids"] = .array(ids) }
        if !refused.isEmpty { members["refused"] = .array(refused) }
        members["degraded_reason"] = degradedReason.map { .string($0) }
        return .object(members)
    }

    func show(of total: Int) {
        let names = ["stored", "merged", "skipped", "blocked", "failed"]
        let parts = names.compactMap { name in
            counts[name].flatMap { $0 > 0 ? "\($0) \(name)" : nil }
        }
        print(parts.isEmpty ? "nothing stored" : parts.joined(separator: ", "))
        if total == 1, case .string(let id)? = ids.first { print(Terminal.dim("memory://\(id)")) }
        for refusal in refused.prefix(10) {
            let message = refusal["error"]?["message"]?.stringValue ?? ""
            Terminal.note("item \((refusal["item"]?.integerValue ?? 0) + 1): \(message)")
        }
        if refused.count > 10 { Terminal.note("… and \(refused.count - 10) more") }
        if let degradedReason { Terminal.note("degraded: \(degradedReason)") }
    }
}
