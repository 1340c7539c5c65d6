import GRDB
import JSON

/// What a caller wants written, all of it or nothing.
enum WriteOperation: Sendable {
    case apply([PreparedWrite])
    /// What becomes of each point, decided inside the transaction by its newest version.
    case revise(PointSelector, PointRevision)

    private var writes: [PreparedWrite] { if case .apply(let writes) = self { writes } else { [] } }

    /// Whether filters choose points. They are answered from the newest view, so that whatever is before the operation
    /// in the queue must be in it.
    var needsFreshView: Bool {
        if case .revise(.filter, _) = self { return true }
        return writes.contains { $0.filter != nil || $0.asksForOthers }
    }

    /// Whether it only takes away.
    var isFreeing: Bool {
        guard case .apply(let writes) = self else { return false }
        return writes.allSatisfy(\.isFreeing)
    }

    /// Points it names.
    var size: Int {
        switch self {
        case .apply(let writes): writes.reduce(0) { $0 + $1.size }
        case .revise(let selector, _): selector.size
        }
    }

    /// Bytes that it holds in memory until it is written.
    var heldBytes: Int {
        switch self {
        case .apply(let writes): writes.reduce(0) { $0 + $1.heldBytes }
        case .revise(let selector, _): selector.size * MemoryLayout<PointID>.stride
        }
    }

    /// Bytes that the write may add to the log: the rows, and the pages around them.
    var estimatedBytes: Int {
        let pages = 16 * 8192
        return switch self {
        case .apply(let writes): writes.reduce(pages) { $0 + $1.estimatedBytes }
        // A revision writes points of any size; the pages around one are the better part of most.
        case .revise(let selector, _): pages + 1024 * selector.size
        }
    }
}

/// A write of a batch whose points are checked.
struct PreparedWrite: Sendable {
    enum Change: Sendable {
        case upsert([PreparedPoint])
        case mergePayload(Payload, PointSelector)
        case delete(PointSelector)
    }

    let change: Change
    let precondition: PointWrite.Precondition?

    static func pointCount(_ writes: [PointWrite]) -> Int {
        writes.reduce(0) { if case .upsert(let points) = $1.change { $0 + points.count } else { $0 } }
    }

    /// - Throws: what `PreparedPoint` throws.
    static func all(_ writes: [PointWrite], layout: RowLayout) throws -> [PreparedWrite] {
        try writes.map { write in
            let change: Change =
                switch write.change {
                case .upsert(let points): .upsert(try PreparedPoint.all(points, layout: layout))
                case .mergePayload(let members, of: let selector): .mergePayload(members, selector)
                case .delete(let selector): .delete(selector)
                }
            return PreparedWrite(change: change, precondition: write.precondition)
        }
    }

    private var selector: PointSelector? {
        switch change {
        case .upsert: nil
        case .mergePayload(_, let selector), .delete(let selector): selector
        }
    }

    fileprivate var filter: Filter? {
        if case .filter(let filter)? = selector { filter } else { nil }
    }

    /// Whether its precondition is about points that it does not name.
    fileprivate var asksForOthers: Bool {
        switch precondition {
        case .matches, .unique: true
        case nil, .absent, .version: false
        }
    }

    fileprivate var isFreeing: Bool { if case .delete = change { true } else { false } }

    fileprivate var size: Int {
        switch change {
        case .upsert(let points): points.count
        case .mergePayload(_, let selector), .delete(let selector): selector.size
        }
    }

    fileprivate var heldBytes: Int {
        switch change {
        case .upsert(let points): points.reduce(0) { $0 + $1.sizeBytes }
        case .mergePayload(let members, _): members.text.count + size * MemoryLayout<PointID>.stride
        case .delete: size * MemoryLayout<PointID>.stride
        }
    }

    fileprivate var estimatedBytes: Int {
        switch change {
        case .upsert(let points): points.reduce(0) { $0 + 2 * $1.sizeBytes + 512 }
        case .mergePayload: 1024 * size
        // Of each table a page, wherever the row lies.
        case .delete: 3 * 8192 * size
        }
    }
}

extension PointSelector {
    /// Points it names; a filter counts as one.
    fileprivate var size: Int { if case .ids(let ids) = self { ids.count } else { 1 } }
}

extension PreparedPoint {
    fileprivate var sizeBytes: Int { point.payload.text.count + sparse.count + dense.count }
}

// MARK: Performing

/// What filters find inside a transaction: in the view as of its beginning, or in a point as it is now.
struct FilterMatching {
    /// The ids that a filter chose when the transaction began.
    let ids: (Filter) throws -> [PointID]
    /// Whether a point passes.
    let passes: (Point, Filter) -> Bool

    init(_ view: Searcher, contents: @escaping ContentsLookup) {
        ids = { view.ids(of: try view.matches($0, contents: contents)) }
        passes = { point, filter in
            let vectors = point.vectors
            let context = FilterContext(
                id: point.id,
                hasVector: { vectors.dense[$0] != nil || vectors.sparse[$0] != nil || vectors.multi[$0] != nil },
                analyzer: view.analyzer, indexKind: view.indexKind)
            return filter.matches(PayloadMembers(point.payload.object), context)
        }
    }
}

extension ChangeWriter {
    /// - Parameter matching: answers filters; there where the operation needs a fresh view.
    /// - Returns: how many points were touched.
    mutating func perform(_ operation: WriteOperation, matching: FilterMatching?) throws -> UpdateReceipt {
        var affected = 0
        switch operation {
        case .apply(let writes):
            for write in writes { affected += try apply(write, matching) }
        case .revise(let selector, let revision):
            for id in try ids(selector, matching) where try revise(id, revision) { affected += 1 }
        }
        return UpdateReceipt(sequence: UInt64(sequence), affected: affected)
    }

    private mutating func apply(_ write: PreparedWrite, _ matching: FilterMatching?) throws -> Int {
        var affected = 0
        switch write.change {
        case .upsert(let points):
            if case .unique(let members)? = write.precondition { try checkUnique(points, members, matching) }
            for point in points {
                try check(write.precondition, of: point.point.id, matching)
                try upsert(point)
            }
            affected = points.count
        case .delete(let selector):
            for id in try ids(selector, matching) {
                try check(write.precondition, of: id, matching)
                if try delete(id) { affected += 1 }
            }
        case .mergePayload(let members, let selector):
            let members = members.object
            for id in try ids(selector, matching) {
                try check(write.precondition, of: id, matching)
                if try mergePayload(members, into: id) { affected += 1 }
            }
        }
        return affected
    }

    private func check(
        _ precondition: PointWrite.Precondition?, of id: PointID, _ matching: FilterMatching?
    ) throws {
        switch precondition {
        case nil, .unique: return
        case .absent:
            guard try version(of: id.key) != nil else { return }
            throw EngineError(
                .preconditionFailed, "a point that was to be inserted is there already; nothing of the batch was kept")
        case .version(let expected):
            guard try version(of: id.key).map({ UInt64(clamping: $0) }) != expected else { return }
        case .matches(let filter):
            if let point = try point(id), matching?.passes(point, filter) ?? false { return }
        }
        throw EngineError(
            .preconditionFailed,
            "a point was changed by another caller since it was read; nothing of the batch was kept. Read it again")
    }

    /// Whether points other than `points` have one of their keywords at `members`.
    private func checkUnique(
        _ points: [PreparedPoint], _ members: [PayloadPath], _ matching: FilterMatching?
    ) throws {
        let payloads = points.map { $0.point.payload.object }
        let conditions = members.compactMap { member -> Condition? in
            let values = payloads.flatMap { member.nodes(in: $0) }.flatMap { $0.arrayValue ?? [$0] }
            let keywords = values.compactMap { $0.stringValue.map(MatchValue.keyword) }
            return keywords.isEmpty ? nil : .field(member, .anyOf(Set(keywords)))
        }
        guard !conditions.isEmpty else { return }
        let own = Set(points.map(\.point.id))
        guard try ids(.filter(Filter(should: conditions)), matching).allSatisfy(own.contains) else {
            throw EngineError(
                .preconditionFailed,
                "another point has a keyword that was to be unique; nothing of the batch was kept")
        }
    }

    /// The ids that `selector` means now. What a filter chose when the transaction began is right for the points that
    /// were not changed since; the others are looked at one by one.
    private func ids(_ selector: PointSelector, _ matching: FilterMatching?) throws -> [PointID] {
        switch selector {
        case .ids(let ids): return ids
        case .filter(let filter):
            guard let matching else { preconditionFailure("a filter is answered from a view") }
            let matches = try matching.ids(filter)
            let changed = changedIDs
            guard !changed.isEmpty else { return matches }
            return try matches.filter { !changed.contains($0) }
                + changed.filter { id in
                    guard let point = try point(id) else { return false }
                    return matching.passes(point, filter)
                }
        }
    }
}
