import Files
import JSON
import Logging
import Synchronization
import VectorEngine

// Damaged points. Searches leave them out, and the collection is red. A complete listing (a scroll without a filter, a
// count) and a look-up of a damaged id are refused with the ids, because their callers take every point that the answer
// lacks for gone. A scroll with a filter is a search: with `must_not` and `has_id` it lists the others.

extension QdrantAPI {
    /// What a call reads that must not leave a point out in silence.
    enum Listing {
        case scroll, count, ids
    }

    /// Answers a read of points; one that fails at a damaged row names the damaged ids. An answer that may lack damaged
    /// rows is counted and logged.
    func reading(
        _ request: Request, _ name: String, _ listing: Listing? = nil, _ read: () async throws -> CallResult
    ) async throws -> CallResult {
        let result = try await wholeOrRefused(request, name, listing, read)
        try await noteAnswer(of: name)
        return result
    }

    /// Counts and logs the answer that was just made, if the collection has damaged rows: a search leaves them out.
    private func noteAnswer(of name: String) async throws {
        let real: String
        if let opened = catalog.opened(name) {
            real = opened.name
        } else {
            // An alias, or a collection that is gone by now.
            guard let known = try await catalog.known(name) else { return }
            real = known.name
        }
        guard catalog.store.hasMetDamage(in: real) else { return }
        let count: Int
        do {
            count = try await catalog.store.damagedRows(in: real).count
        } catch let error as EngineError where error.code == .collectionNotFound {
            // Deleted since: the answer was of what there was, and nothing is left to count for.
            return
        }
        guard count > 0, let answers = degraded.note(real) else { return }
        catalog.store.logger.warning(
            "\(answers) answers lack what is damaged: searches leave \(count) points out",
            metadata: ["collection": "\(real)"])
    }

    private func wholeOrRefused(
        _ request: Request, _ name: String, _ listing: Listing?, _ read: () async throws -> CallResult
    ) async throws -> CallResult {
        guard let listing else { return try await naming(name, read) }
        guard let collection = try await catalog.known(name) else { return try await read() }
        let (result, damaged) = try await collection.store.knowingDamage(in: collection.name) {
            try await naming(name) { try await Self.lookedUp(listing, read) }
        }
        if !damaged.isEmpty {
            let answer: [UInt8] = if case .json(let bytes)? = result { bytes } else { [] }
            try Self.refuse(damaged, listing, request, listed: try ListedPoints(answer))
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
        _ damaged: [DamagedRow], _ listing: Listing, _ request: Request, listed: ListedPoints
    ) throws {
        let body = try request.optionalBody()
        let lacking: [DamagedRow]
        switch listing {
        case .scroll:
            guard try WireFilter.read(body.optional("filter"))?.isEmpty ?? true else { return }
            let start = try body.optional("offset").map { value throws(QdrantFailure) in try WireID.read(value) }
            lacking = damaged.filter { row in
                guard let id = row.id else { return true }
                return !listed.ids.contains(id) && start.map { $0 <= id } ?? true
                    && listed.next.map { id < $0 } ?? true
            }
        case .count:
            lacking = try body.bool("exact") ?? true ? damaged : []
        case .ids:
            let asked: Set<PointID> =
                if let ids = body.optional("ids") { Set(try WireID.list(ids)) } else {
                    [try WireID.read(path: request.route.parts.last ?? "")]
                }
            lacking = damaged.filter { row in row.id.map { asked.contains($0) && !listed.ids.contains($0) } ?? false }
        }
        guard let message = lacking.message else { return }
        throw QdrantFailure.internalError(message)
    }
}

/// The points of an answer that was written, by their ids. Nothing else of it is read: with a payload that is nested
/// as deep as payloads may be, the whole answer is nested deeper than the general reader goes.
private struct ListedPoints {
    private(set) var ids: Set<PointID> = []
    /// Where the next page starts.
    private(set) var next: PointID?

    /// - Parameter answer: `{"points": […], "next_page_offset": …}`, a list of points, one point, or nothing.
    init(_ answer: [UInt8]) throws(QdrantFailure) {
        let (points, next) = JSONScanner.scanning(answer) { text -> ([JSONValue], JSONValue?) in
            guard let root = text.root else { return ([], nil) }
            var places: [Int] = []
            text.forEachElement(of: text.member(Array("points".utf8), of: root) ?? root) { places.append($0) }
            if places.isEmpty { places = [root] }
            let ids = places.compactMap { text.member(Array("id".utf8), of: $0) }
            let next = text.member(Array("next_page_offset".utf8), of: root)
            return (ids.map { text.value(at: $0) }, next.map { text.value(at: $0) })
        }
        for id in points { ids.insert(try WireID.read(id)) }
        if let next, !next.isNull { self.next = try WireID.read(next) }
    }
}

/// Answers that collections with damaged rows have given, by collection.
final class DegradedAnswers: Sendable {
    private struct Entry {
        var count = 0
        /// Answers since the last line of the log.
        var unlogged = 0
        /// When that line was written, in microseconds; nil before the first.
        var loggedAt: Int64?
    }

    private let entries: Mutex<[ByteText: Entry]> = Mutex([:])
    private static let microsecondsBetweenLines: Int64 = 60_000_000

    /// - Returns: the answers to log now; nil while the last line is too fresh.
    func note(_ collection: String, now: Int64 = SteadyClock.microseconds()) -> Int? {
        entries.withLock { entries in
            var entry = entries[text: collection] ?? Entry()
            defer { entries[text: collection] = entry }
            entry.count += 1
            entry.unlogged += 1
            if let last = entry.loggedAt, now - last < Self.microsecondsBetweenLines { return nil }
            entry.loggedAt = now
            defer { entry.unlogged = 0 }
            return entry.unlogged
        }
    }

    func count(_ collection: String) -> Int { entries.withLock { $0[text: collection]?.count ?? 0 } }

    func forget(_ collection: String) { entries.withLock { $0[text: collection] = nil } }
}
