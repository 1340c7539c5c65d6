import JSON
import VectorEngine

/// `memory_list`: memories by date, page by page, or the projects and tags with their counts.
extension MemoryStore {
    /// `memory_list` from arguments as they came to the result as it goes out.
    package func callList(arguments: JSONObject, context: CallContext) async throws(MemoryError) -> JSONValue {
        try await counted(.list, context) { () async throws(MemoryError) in
            let checked = try self.contract.list.read(arguments)
            let result = try await self.mapped {
                switch checked["what"]?.stringValue {
                case "projects":
                    try await self.values(of: Member.scope("project"), as: "projects", checked.members, context)
                case "tags": try await self.values(of: Member.tagIndex, as: "tags", checked.members, context)
                default: try await self.list(checked.members, context)
                }
            }
            return result.noting(context.notes + checked.notes)
        }
    }

    // MARK: Memories

    /// Characters of a text that a list shows where an answer is limited.
    private static let listedCharacters = 400

    private func list(_ arguments: JSONObject, _ context: CallContext) async throws -> JSONValue {
        _ = try await home.ready()
        let order = ListOrder(arguments["order"]?.stringValue)
        let count = arguments["limit"]?.integerValue.flatMap { Int(exactly: $0) } ?? 20
        let filter = try listFilter(arguments, context)
        let total = try await points.count(filter, in: collection)
        var place = ListCursor(moment: nil, shown: 0)
        if let text = arguments["cursor"]?.stringValue {
            guard let cursor = ListCursor(text) else {
                throw MemoryError(.invalidArgument, "no page gave this cursor; start without one", field: "cursor")
            }
            place = cursor
        }
        let records = try await page(filter, order, from: place, count: count + 1)
        var budget = AnswerBudget(context.maximumCharacters)
        var items: [JSONValue] = []
        for record in records.prefix(count) {
            var item = record.json(maximumLength: context.maximumCharacters == nil ? .max : Self.listedCharacters)
            if items.isEmpty { item = budget.fitted(item) { _ in true } }
            guard budget.take(AnswerBudget.cost(of: item) { _ in true }) || items.isEmpty else { break }
            items.append(.object(item))
        }
        var members: JSONObject = ["items": .array(items), "total": .integer(Int64(total))]
        if items.count < records.count {
            members["next_cursor"] = .string(place.after(records.prefix(items.count).map(order.moment)).text)
        }
        if let damage = try await damageNote() { members["degraded_reason"] = .string(damage) }
        return .object(members)
    }

    private func listFilter(_ arguments: JSONObject, _ context: CallContext) throws -> Filter {
        var narrowing = try ofProject(arguments, context)
        (narrowing.kinds, narrowing.kindNames) = Narrowing.kinds(arguments["kinds"], named: arguments["kinds_names"])
        narrowing.tags = (arguments["tags"]?.arrayValue ?? []).compactMap(\.stringValue)
        narrowing.created = (
            arguments["created_after"]?.stringValue.flatMap(Timestamp.parse),
            arguments["created_before"]?.stringValue.flatMap(Timestamp.parse)
        )
        var filter = try narrowing.memories(now: clock.time())
        if let session = arguments["session"]?.stringValue {
            filter.must.append(Narrowing.keyword(Member.session, session))
        }
        if let status = arguments["status"]?.stringValue {
            // What other kinds call a status, an incident calls its resolution's status.
            let members = ["status", "resolution_status"].map { name in
                let spelled = MemoryKind.spellings(of: .string(status), in: name)
                let values = (spelled.arrayValue ?? [spelled]).compactMap {
                    $0.stringValue.map { MatchValue.keyword($0) }
                }
                return Condition.match(member: "\(Member.data).\(name)", anyOf: values)
            }
            filter.must.append(.filter(Filter(should: members)))
        }
        return filter
    }

    /// Memories of the project that the call names.
    private func ofProject(_ arguments: JSONObject, _ context: CallContext) throws(MemoryError) -> Narrowing {
        var narrowing = Narrowing()
        guard let project = arguments["project"]?.stringValue else { return narrowing }
        narrowing.scope = MemoryScope(["project": project])
        do throws(MemoryError) {
            try narrowing.settle(in: context.defaultScope)
        } catch {
            throw MemoryError(error, field: "project")
        }
        return narrowing
    }

    /// `count` memories in `order` from `place` on.
    private func page(_ filter: Filter, _ order: ListOrder, from place: ListCursor, count: Int) async throws
        -> [MemoryRecord]
    {
        var filter = filter
        if let moment = place.moment {
            let range =
                order.isDescending
                ? NumericRange(atMost: .integer(moment)) : NumericRange(atLeast: .integer(moment))
            filter.must.append(.range(member: order.member, range))
        }
        let found = try await points.readablePage(
            ScrollRequest(
                filter: filter, limit: count + place.shown,
                order: PayloadOrder(path: order.member, descending: order.isDescending)), in: collection)
        return try found.points.map { try MemoryRecord($0) }.dropFirst(place.shown).map { $0 }
    }

    // MARK: Projects and tags

    private func values(
        of member: String, as name: String, _ arguments: JSONObject, _ context: CallContext
    ) async throws -> JSONValue {
        _ = try await home.ready()
        let narrowing = name == "tags" ? try ofProject(arguments, context) : Narrowing()
        let counts = try await points.counts(
            of: member, narrowing.memories(now: clock.time()), limit: Self.mostValues + 1, in: collection)
        let found = name == "projects" ? Self.withoutCase(counts) : counts
        var place = 0
        if let text = arguments["cursor"]?.stringValue {
            guard let start = Int(text), (0...Self.mostValues).contains(start) else {
                throw MemoryError(.invalidArgument, "no page gave this cursor; start without one", field: "cursor")
            }
            place = start
        }
        let count = arguments["limit"]?.integerValue.flatMap { Int(exactly: $0) } ?? 20
        var budget = AnswerBudget(context.maximumCharacters)
        var page: [JSONValue] = []
        for (value, count) in found.dropFirst(place).prefix(count) {
            var name = value.text ?? ""
            let isWhole = context.maximumCharacters == nil || name.unicodeScalars.count <= Self.listedCharacters
            if !isWhole {
                name = String(String.UnicodeScalarView(name.unicodeScalars.prefix(Self.listedCharacters))) + "…"
            }
            let row: JSONObject = ["name": .string(name), "count": .integer(Int64(count))]
            guard budget.take(AnswerBudget.cost(of: row) { _ in true }) || page.isEmpty else { break }
            page.append(.object(row))
        }
        var members: JSONObject = [name: .array(page), "total": .integer(Int64(found.count))]
        let end = Limit(within: place).with(page.count).count
        if end < found.count { members["next_cursor"] = .string(String(end)) }
        return .object(members)
    }

    private static let mostValues = 10_000

    /// The counts of projects that differ in letter case alone, together under the commonest spelling.
    private static func withoutCase(
        _ counts: [(value: MatchValue, count: Int)]
    ) -> [(value: MatchValue, count: Int)] {
        var found: [(value: MatchValue, count: Int)] = []
        var places: [ByteText: Int] = [:]
        for (value, count) in counts {
            let key = ByteText(MemoryScope.projectKey(of: value.text ?? ""))
            if let place = places[key] {
                found[place].count += count
            } else {
                places[key] = found.count
                found.append((value, count))
            }
        }
        return found
    }
}

/// By which moment a list is ordered.
private struct ListOrder {
    let member: String
    let isDescending: Bool

    init(_ name: String?) {
        member = name == "updated" ? Member.updatedAt : Member.createdAt
        isDescending = name != "oldest"
    }

    func moment(of record: MemoryRecord) -> Int64 {
        member == Member.updatedAt ? record.updatedAt : record.createdAt
    }
}

/// Where a page of a list begins: after so many of the memories of one moment.
private struct ListCursor {
    /// Microseconds since 1970; nil at the beginning.
    let moment: Int64?
    let shown: Int
    /// With a page of the longest it stays within the results that one read may have.
    private static let mostShown = 99_000

    init(moment: Int64?, shown: Int) { (self.moment, self.shown) = (moment, shown) }

    init?(_ text: String) {
        let fields = text.split(separator: "-")
        guard fields.count == 2, fields[0].hasPrefix("l"), let moment = Int64(fields[0].dropFirst()),
            let shown = Int(fields[1]), (0...Self.mostShown).contains(shown)
        else { return nil }
        self.init(moment: moment, shown: shown)
    }

    var text: String { "l\(moment ?? 0)-\(shown)" }

    /// The place after memories of these moments, which begin at this place.
    func after(_ moments: [Int64]) -> ListCursor {
        guard let last = moments.last else { return self }
        let ofLast = moments.reversed().prefix { $0 == last }.count
        return ListCursor(moment: last, shown: last == moment && ofLast == moments.count ? shown + ofLast : ofLast)
    }
}

extension MatchValue {
    /// The text of a keyword.
    fileprivate var text: String? {
        if case .keyword(let text) = self { return text }
        return nil
    }
}
