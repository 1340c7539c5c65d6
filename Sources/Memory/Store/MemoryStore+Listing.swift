import JSON
import VectorEngine

/// Which memories a list has, and in which order.
package struct ListQuery: Sendable {
    package enum Order: String, Sendable, CaseIterable { case newest, oldest, updated }

    /// Whatever its case; nil for all projects.
    package var project: String?
    /// Kinds, or names that are kept in `observation_type`.
    package var kinds: [String] = []
    /// All of these.
    package var tags: [String] = []
    package var status: String?
    package var session: String?
    package var order = Order.newest
    package var limit = 20
    package var offset = 0

    /// Pages end here: a longer list is narrowed, or exported.
    package static let limits = 1...100
    package static let offsets = 0...10_000

    package init() {}
}

/// Memories by date, and the tags there are, without asking a model.
extension MemoryStore {
    /// One page, and how many memories match.
    ///
    /// - Throws: `outOfRange` for a page that is too large or too far.
    package func listed(_ query: ListQuery) async throws(MemoryError) -> (items: [JSONObject], total: Int) {
        guard ListQuery.limits.contains(query.limit), ListQuery.offsets.contains(query.offset) else {
            throw MemoryError(.outOfRange, "a page has 1 to 100 memories and begins at 0 to 10000", field: "limit")
        }
        return try await mapped {
            _ = try await self.home.ready()
            let filter = try self.filter(of: query)
            let member = query.order == .updated ? Member.updatedAt : Member.createdAt
            let page = try await self.points.readablePage(
                ScrollRequest(
                    filter: filter, limit: query.offset + query.limit,
                    order: PayloadOrder(path: member, descending: query.order != .oldest)), in: self.collection)
            let total = try await self.points.count(filter, in: self.collection)
            let records = try page.points.dropFirst(query.offset).map { try MemoryRecord($0) }
            return (records.map { $0.json() }, total)
        }
    }

    private func filter(of query: ListQuery) throws -> Filter {
        var narrowing = Narrowing()
        if let project = query.project { narrowing.scope = MemoryScope(["project": project]) }
        narrowing.tags = query.tags
        var filter = try narrowing.memories(now: clock.time())
        if !query.kinds.isEmpty {
            let kinds = query.kinds.map { name in
                MemoryKind(rawValue: name).map { Narrowing.keyword(Member.kind, $0.rawValue) }
                    ?? Narrowing.keyword("\(Member.data).observation_type", name)
            }
            filter.must.append(.filter(Filter(should: kinds)))
        }
        if let status = query.status {
            let members = ["status", "resolution_status"].map { Narrowing.keyword("\(Member.data).\($0)", status) }
            filter.must.append(.filter(Filter(should: members)))
        }
        if let session = query.session { filter.must.append(Narrowing.keyword(Member.session, session)) }
        return filter
    }

    /// The tags of living memories with their counts, those with the most first. Cost is linear in tagged memories.
    package func tagCounts(project: String?) async throws(MemoryError) -> [(name: String, count: Int)] {
        try await mapped {
            _ = try await self.home.ready()
            var query = ListQuery()
            query.project = project
            var filter = try self.filter(of: query)
            filter.mustNot.append(.isEmpty(member: Member.tagIndex))
            var counts: [ByteText: Int] = [:]
            for point in try await self.everyPoint(filter) {
                for tag in (point.payload.object[Member.tagIndex]?.arrayValue ?? []).compactMap(\.stringValue) {
                    counts[ByteText(tag), default: 0] += 1
                }
            }
            return counts.map { ($0.key.text, $0.value) }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
        }
    }

    /// The former versions of a memory as JSON, the oldest first; also of one that is not there any more.
    package func formerVersions(of id: UUIDBytes) async throws(MemoryError) -> [JSONValue] {
        try await mapped {
            _ = try await self.home.ready()
            return try await self.versions(of: id).map(\.json)
        }
    }
}
