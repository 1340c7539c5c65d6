import JSON
import VectorEngine

/// `memory_get`: whole memories by id, page by page where they are long.
extension MemoryStore {
    /// `memory_get` from arguments as they came to the result as it goes out.
    package func callGet(arguments: JSONObject, context: CallContext) async throws(MemoryError) -> JSONValue {
        try await counted(.get, context) { () async throws(MemoryError) in
            let checked = try self.contract.get.read(arguments)
            let result = try await self.mapped { try await self.read(checked.members, context) }
            return result.noting(context.notes + checked.notes)
        }
    }

    /// Members that an item has whole, or else by itself in parts.
    private static let parts = [
        "content", "data", "metadata", "tags", "versions", "relations", "chunks", "merge_history",
    ]
    /// Characters of a member beyond which it comes in parts where an answer is limited.
    private static let inlineCharacters = 2_000

    private func read(_ arguments: JSONObject, _ context: CallContext) async throws -> JSONValue {
        let ids = (arguments["ids"]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap { UUIDBytes($0) } }
            .reduce(into: [UUIDBytes]()) { if !$0.contains($1) { $0.append($1) } }
        let digest = String(
            ContentHash.hex(of: .object(arguments.filter { $0.key != "cursor" })).prefix(ReadCursor.digits))
        var place = ReadCursor(item: 0, part: 0, from: 0, digest: digest)
        if let text = arguments["cursor"]?.stringValue {
            guard let cursor = ReadCursor(text), cursor.digest == digest, cursor.item < ids.count,
                cursor.part < Self.parts.count
            else {
                throw MemoryError(
                    .invalidArgument, "no page of these ids gave this cursor; start without one", field: "cursor")
            }
            place = cursor
        }
        let (records, retired) = try await found(ids, arguments)
        var page = ReadPage(
            budget: AnswerBudget(context.maximumCharacters), isLimited: context.maximumCharacters != nil)
        var missing: [JSONValue] = []
        var next: ReadCursor?
        for (i, id) in ids.enumerated().dropFirst(place.item) {
            guard let record = records[id] else {
                missing.append(.string(id.description))
                continue
            }
            var item = try await whole(record, arguments)
            if let end = retired[id]?.validUntil { item["retired_at"] = .string(Timestamp.format(end)) }
            let start = i == place.item ? place : ReadCursor(item: i, part: 0, from: 0, digest: digest)
            next = page.add(item, from: start, parts: Self.parts, inline: Self.inlineCharacters)
            if let place = next, place.item >= ids.count { next = nil }
            if next != nil { break }
        }
        let notes = retired.filter { records[$0.key] == nil }.values.map(Self.note).sorted()
        if page.items.isEmpty, next == nil, missing.count == ids.count {
            throw MemoryError(
                .notFound,
                notes.isEmpty
                    ? "there is no memory with \(ids.count == 1 ? "this id" : "any of these ids"); it may have "
                        + "expired or been deleted: memory_find and memory_list show what there is"
                    : notes.joined(separator: "; "), field: "ids")
        }
        var members: JSONObject = ["items": .array(page.items)]
        if !notes.isEmpty { members["notes"] = .array(notes.map { .string($0) }) }
        if !missing.isEmpty { members["missing"] = .array(missing) }
        if let next { members["next_cursor"] = .string(next.text) }
        if let damage = try await damageNote(history: arguments["versions"] == true) {
            members["degraded_reason"] = .string(damage)
        }
        return .object(members)
    }

    /// The memories to answer with, and the last versions of those that were retired, which only a call shows that
    /// asks for versions or for a moment.
    private func found(
        _ ids: [UUIDBytes], _ arguments: JSONObject
    ) async throws -> (records: [UUIDBytes: MemoryRecord], retired: [UUIDBytes: Version]) {
        _ = try await home.ready()
        var found: [UUIDBytes: MemoryRecord] = [:]
        if let moment = arguments["as_of"]?.stringValue.flatMap(Timestamp.end(of:)) {
            for id in ids where !Chunk.isChunk(id) { found[id] = try await record(id, asOf: moment) }
        } else {
            let records = try await records(ids)
            try await extend(records, at: clock.time())
            for record in records { found[record.id] = record }
        }
        let retired = try await retired(ids.filter { !Chunk.isChunk($0) })
        if arguments["versions"] == true, arguments["as_of"] == nil {
            for (id, version) in retired { found[id] = version.record }
        }
        return (found, retired)
    }

    /// Where a memory is that was asked for and is not stored any more.
    private static func note(on retired: Version) -> String {
        "\(retired.record.id) was retired at \(Timestamp.format(retired.validUntil)), when its section left its "
            + "document: versions shows what it said, memory_update with restore \(retired.number) stores it again"
    }

    /// The memory with all that was asked for beside it.
    private func whole(_ record: MemoryRecord, _ arguments: JSONObject) async throws -> JSONObject {
        var item = record.json()
        let former = try await versions(of: record.id)
        let current = max(record.version, (former.last?.number ?? 0) &+ 1)
        item["version"] = .integer(former.first { $0.validFrom == record.updatedAt }?.number ?? current)
        if !record.mergeHistory.isEmpty { item["merge_history"] = .array(record.mergeHistory) }
        if arguments["versions"] == true {
            item["versions"] = .array(former.map(\.json))
        }
        if arguments["relations"] == true {
            var expansion = Expansion()
            expansion.kind = .all
            expansion.maximumDepth = 1
            let filter = try Narrowing().memories(now: clock.time())
            let graph = await home.knowsTraits ? try await expanded([record], expansion, filter) : Graph(seeds: [])
            item["relations"] = .array(graph.edges.map(\.json))
        }
        if arguments["chunks"] == true {
            let ranges = try await everyPoint(Filter(must: [Chunk.of([.uuid(record.id)])]))
                .compactMap { Chunk.range(in: $0.payload.object) }
            item["chunks"] = .array(ranges.map { .object(FoundItem.match(at: $0)) })
        }
        return item
    }
}

/// Where a page of `memory_get` begins: in which item, in which of its parts, after how many characters.
struct ReadCursor {
    static let digits = 8

    let item: Int
    let part: Int
    let from: Int
    /// Of the call's other arguments.
    let digest: String

    init(item: Int, part: Int, from: Int, digest: String) {
        (self.item, self.part, self.from, self.digest) = (item, part, from, digest)
    }

    init?(_ text: String) {
        let fields = text.split(separator: "-", omittingEmptySubsequences: false)
        guard fields.count == 4, fields[0].hasPrefix("g"), fields[3].count == Self.digits,
            let item = Int(fields[0].dropFirst()), let part = Int(fields[1]), let from = Int(fields[2]),
            item >= 0, part >= 0, from >= 0
        else { return nil }
        self.init(item: item, part: part, from: from, digest: String(fields[3]))
    }

    var text: String { "g\(item)-\(part)-\(from)-\(digest)" }
}

/// The items of one page of `memory_get`.
private struct ReadPage {
    private(set) var items: [JSONValue] = []
    var budget: AnswerBudget
    let isLimited: Bool
    /// For the names and numbers beside a part, and the least of a part that a page has.
    private static let partCharacters = 400

    /// Adds an item from `start` on; answers where the next page begins, nil when the item is on this page to its end.
    mutating func add(_ item: JSONObject, from start: ReadCursor, parts: [String], inline: Int) -> ReadCursor? {
        guard isLimited else {
            items.append(.object(item))
            return nil
        }
        let isWhole = start.part == 0 && start.from == 0
        if isWhole, budget.take(AnswerBudget.cost(of: item) { _ in true }) {
            items.append(.object(item))
            return nil
        }
        // An item that does not fit begins a page of its own, and a page has one part of it.
        if isWhole, !items.isEmpty { return start }
        let large = parts.enumerated().filter { i, name in
            i == 0 ? item[name] != nil : item[name].map { AnswerBudget.characters($0) > inline } ?? false
        }
        guard let (i, name) = large.first(where: { $0.offset >= start.part }) else {
            items.append(.object(item))
            return nil
        }
        let kept = ["id", "kind", "scope", "created_at", "updated_at", "version"]
        var head = item.filter { member in
            isWhole ? !large.contains { $0.element == member.key } : kept.contains(member.key)
        }
        let text = name == "content" ? item[name]?.stringValue ?? "" : JSONWriter.text(item[name] ?? .null)
        let length = text.unicodeScalars.count
        let from = min(i == start.part ? start.from : 0, length)
        let room = budget.left - AnswerBudget.cost(of: head) { _ in true } - Self.partCharacters
        let rest = String(String.UnicodeScalarView(text.unicodeScalars.dropFirst(from)))
        let piece = AnswerBudget.prefix(of: rest, costing: max(room, Self.partCharacters))
        let end = from + piece.unicodeScalars.count
        if name == "content" {
            head["content"] = .string(piece)
            head["content_length"] = .integer(Int64(length))
            if from > 0 { head["content_from"] = .integer(Int64(from)) }
        } else {
            head["part"] = [
                "member": .string(name), "text": .string(piece), "from": .integer(Int64(from)),
                "length": .integer(Int64(length)),
            ]
        }
        items.append(.object(head))
        if end < length { return ReadCursor(item: start.item, part: i, from: end, digest: start.digest) }
        if let later = large.first(where: { $0.offset > i }) {
            return ReadCursor(item: start.item, part: later.offset, from: 0, digest: start.digest)
        }
        return ReadCursor(item: start.item + 1, part: 0, from: 0, digest: start.digest)
    }
}
