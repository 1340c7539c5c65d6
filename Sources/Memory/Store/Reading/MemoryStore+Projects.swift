import JSON
import Synchronization
import VectorEngine

/// How the projects that this process met are spelled in the store.
final class ProjectSpellings: Sendable {
    /// Beyond this many all are forgotten and looked up again.
    private static let limit = 1_000
    private let names = Mutex<[ByteText: String]>([:])

    subscript(key: String) -> String? { names.withLock { $0[text: key] } }

    func remember(_ name: String, for key: String) {
        names.withLock { names in
            if names.count >= Self.limit { names.removeAll() }
            names[text: key] = name
        }
    }
}

extension MemoryStore {
    /// The first projects of living memories, in the order in which they came; one that is spelled in several ways
    /// counts once.
    func projectNames(limit: Int) async throws -> [String] {
        let now = clock.time()
        let member = Member.scope("project")
        var seen: [String] = []
        var projects: [String] = []
        var keys: Set<ByteText> = []
        while projects.count < limit {
            try Task.checkCancellation()
            var filter = Filter(
                must: [Narrowing.alive(at: now), Chunk.excluded], mustNot: [.isEmpty(member: member)])
            if !seen.isEmpty { filter.mustNot.append(.match(member: member, anyOf: seen.map { .keyword($0) })) }
            let page = try await points.scroll(ScrollRequest(filter: filter, limit: 1), in: collection)
            guard let name = page.points.first?.payload.object[member]?.stringValue else { break }
            seen.append(name)
            if keys.insert(ByteText(MemoryScope.projectKey(of: name))).inserted { projects.append(name) }
        }
        return projects
    }

    /// The scope with its project spelled as the store spells it.
    func settled(_ scope: MemoryScope) async throws -> MemoryScope {
        guard let name = scope.values["project"], let key = scope.projectKey else { return scope }
        if let known = spellings[key] { return scope.with(project: known) }
        let page = try await points.scroll(
            ScrollRequest(filter: Filter(must: [Narrowing.keyword(Member.projectKey, key)]), limit: 1), in: collection)
        let known = page.points.first?.payload.object[Member.scope("project")]?.stringValue ?? name
        spellings.remember(known, for: key)
        return scope.with(project: known)
    }
}
