import JSON
import VectorEngine

// Damaged points. Searches leave them out, and the collection is red. A complete listing (a scroll without a filter, a
// count) and a look-up of a damaged id are refused with the ids, because their callers take what is not in the answer
// for gone. A scroll with a filter is a search: with `must_not` and `has_id` it lists what is left.

extension QdrantAPI {
    /// What a call reads that must not leave a point out in silence.
    enum Listing {
        case scroll, count, ids
    }

    /// Answers a read of points; one that fails at a damaged row names the damaged ids.
    func reading(
        _ request: Request, _ name: String, _ listing: Listing? = nil, _ read: () async throws -> CallResult
    ) async throws -> CallResult {
        guard let listing else { return try await naming(name, read) }
        guard let collection = try await catalog.known(name) else { return try await read() }
        let (result, damaged) = try await collection.store.knowingDamage(in: collection.name) {
            try await naming(name) { try await Self.lookedUp(listing, read) }
        }
        if !damaged.isEmpty {
            let answer: JSONValue = if case .json(let bytes)? = result { try JSONParser.parse(bytes) } else { .null }
            try Self.refuse(damaged, listing, request, listed: answer)
        }
        // Nothing is there, and nothing damaged was asked for: the read itself says so.
        guard let result else { return try await read() }
        return result
    }

    /// The answer to a look-up; nil where a point by its id is not there.
    private static func lookedUp(_ listing: Listing, _ read: () async throws -> CallResult) async throws -> CallResult?
    {
        do {
            return try await read()
        } catch let failure as QdrantFailure where failure.status == 404 && listing == .ids {
            return nil
        }
    }

    /// Runs `read`; an error about one damaged row becomes one that names all damaged ids.
    private func naming<Result>(_ name: String, _ read: () async throws -> Result) async throws -> Result {
        do {
            return try await read()
        } catch let error as EngineError where error.code == .damaged {
            // Where none is left, the row was mended meanwhile.
            guard let message = try await damagedRows(of: name).message else { return try await read() }
            throw QdrantFailure.internalError(message)
        }
    }

    private func damagedRows(of name: String) async throws -> [DamagedRow] {
        let collection = try await catalog.collection(name)
        return try await collection.store.damagedRows(in: collection.name)
    }

    /// - Throws: an internal error that names the damaged rows which an answer (`listed`) lacks.
    private static func refuse(
        _ damaged: [DamagedRow], _ listing: Listing, _ request: Request, listed: JSONValue
    ) throws {
        let body = try request.optionalBody()
        let lacking: [DamagedRow]
        switch listing {
        case .scroll:
            guard try WireFilter.read(body.optional("filter"))?.isEmpty ?? true else { return }
            let start = try body.optional("offset").map { value throws(QdrantFailure) in try WireID.read(value) }
            let next = try listed.optional("next_page_offset").map { value throws(QdrantFailure) in
                try WireID.read(value)
            }
            let there = try ids(of: listed["points"])
            lacking = damaged.filter { row in
                guard let id = row.id else { return true }
                return !there.contains(id) && start.map { $0 <= id } ?? true && next.map { id < $0 } ?? true
            }
        case .count:
            lacking = try body.bool("exact") ?? true ? damaged : []
        case .ids:
            let asked: Set<PointID> =
                if let ids = body.optional("ids") { Set(try WireID.list(ids)) } else {
                    [try WireID.read(path: request.route.parts.last ?? "")]
                }
            let there = try ids(of: listed)
            lacking = damaged.filter { row in row.id.map { asked.contains($0) && !there.contains($0) } ?? false }
        }
        guard let message = lacking.message else { return }
        throw QdrantFailure.internalError(message)
    }

    private static func ids(of points: JSONValue?) throws -> Set<PointID> {
        let list = points?.arrayValue ?? []
        return try Set(list.compactMap { $0["id"] }.map { value throws(QdrantFailure) in try WireID.read(value) })
    }
}
