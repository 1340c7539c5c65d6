import JSON
import Synchronization
import VectorEngine

/// A point store that is obviously right: a dictionary, brute force, filters by plain walk, IDF counted each time.
///
/// It is the oracle of the memory's tests, and fit to be one for any other point store.
final class DictionaryPointStore: PointStore {
    struct Contents {
        var schema: CollectionSchema
        private(set) var points: [PointID: Point] = [:]
        /// The points' payloads, parsed once.
        private(set) var objects: [PointID: JSONObject] = [:]

        /// The change that wrote each point.
        private(set) var versions: [PointID: UInt64] = [:]

        mutating func put(_ point: Point, version: UInt64) {
            points[point.id] = point
            objects[point.id] = point.payload.object
            versions[point.id] = version
        }

        mutating func remove(_ id: PointID) {
            points[id] = nil
            objects[id] = nil
            versions[id] = nil
        }
    }

    struct State {
        var collections: [String: Contents] = [:]
        var sequence: UInt64 = 0
        /// Calls by name, for tests that count them.
        var calls: [String: Int] = [:]
        var failure: EngineError?
        /// What a description says to be in the way of writes.
        var writeObstacle: String?
        /// Runs once before the next write to `memories`.
        var intruder: (@Sendable () async throws -> Void)?
        /// Transactions.
        var batches = 0
    }

    let state = Mutex(State())

    /// Every write throws `failure` until it is taken away.
    func failWrites(with failure: EngineError?) { state.withLock { $0.failure = failure } }

    /// Runs `body` before the next write to the memories: what another process does between a read and a write.
    func beforeNextWrite(_ body: @escaping @Sendable () async throws -> Void) { state.withLock { $0.intruder = body } }

    func points(in collection: String = "memories") -> [Point] {
        state.withLock { ($0.collections[collection]?.points.values).map(Array.init) ?? [] }
    }

    private func read<Value: Sendable>(
        _ collection: String, _ name: String, _ body: (Contents) throws -> Value
    ) throws -> Value {
        try state.withLock { state in
            state.calls[name, default: 0] += 1
            guard let contents = state.collections[collection] else { throw Self.missing(collection) }
            return try body(contents)
        }
    }

    private static func missing(_ name: String) -> EngineError {
        EngineError(.collectionNotFound, "there is no collection \(name)")
    }

    func collectionNames() async throws -> [String] { state.withLock { $0.collections.keys.sorted() } }

    func describe(_ collection: String) async throws -> CollectionDescription? {
        state.withLock { state in
            state.collections[collection].map {
                var description = CollectionDescription(
                    schema: $0.schema, pointCount: $0.points.count, indexedPointCount: 0, segmentCount: 0, sizeBytes: 0,
                    location: "memory")
                description.writeObstacle = state.writeObstacle
                return description
            }
        }
    }

    func createCollection(_ collection: String, schema: CollectionSchema) async throws {
        try state.withLock { state in
            guard state.collections[collection] == nil else {
                throw EngineError(.collectionExists, "there is a collection \(collection)")
            }
            state.collections[collection] = Contents(schema: schema)
        }
    }

    func deleteCollection(_ collection: String) async throws {
        try state.withLock { state in
            guard state.collections.removeValue(forKey: collection) != nil else { throw Self.missing(collection) }
        }
    }

    func apply(_ writes: [PointWrite], in collection: String) async throws -> UpdateReceipt {
        let intruder = state.withLock { state in
            guard collection == "memories" else { return nil as (@Sendable () async throws -> Void)? }
            defer { state.intruder = nil }
            return state.intruder
        }
        try await intruder?()
        return try state.withLock { state in
            state.batches += 1
            for write in writes { state.calls[write.kind, default: 0] += 1 }
            guard var contents = state.collections[collection] else { throw Self.missing(collection) }
            if let failure = state.failure { throw failure }
            var affected = 0
            for write in writes {
                state.sequence += 1
                affected += try contents.apply(write, version: state.sequence)
            }
            state.collections[collection] = contents
            return UpdateReceipt(sequence: state.sequence, affected: affected)
        }
    }

    func retrieve(_ ids: [PointID], with parts: PointParts, in collection: String) async throws -> [Point] {
        try read(collection, "retrieve") { contents in ids.compactMap { contents.points[$0]?.keeping(parts) } }
    }

    func passing(
        _ filters: [Filter], among ids: [PointID], in collection: String
    ) async throws -> [Set<PointID>] {
        try read(collection, "passing") { contents in
            filters.map { Set(contents.matching($0).map(\.id)).intersection(ids) }
        }
    }

    func scroll(_ request: ScrollRequest, in collection: String) async throws -> ScrollPage {
        try read(collection, "scroll") { contents in
            let matching = contents.matching(request.filter)
            guard let order = request.order else {
                let rest = matching.sorted { $0.id < $1.id }.drop { point in
                    request.startAt.map { point.id < $0 } ?? false
                }
                let page = rest.prefix(request.limit)
                return ScrollPage(
                    points: page.map { $0.keeping(request.parts) },
                    next: rest.count > page.count ? rest.dropFirst(page.count).first?.id : nil)
            }
            let keyed = matching.compactMap { point in
                PayloadWalk.values(at: order.path, in: contents.objects[point.id] ?? [:]).compactMap(\.doubleValue)
                    .first.map {
                        (order.descending ? -$0 : $0, point)
                    }
            }
            let sorted = keyed.sorted { $0.0 != $1.0 ? $0.0 < $1.0 : $0.1.id < $1.1.id }
            return ScrollPage(points: sorted.prefix(request.limit).map { $0.1.keeping(request.parts) }, next: nil)
        }
    }

    func count(_ filter: Filter?, in collection: String) async throws -> Int {
        try read(collection, "count") { $0.matching(filter).count }
    }

    func counts(
        of member: String, _ filter: Filter?, limit: Int, in collection: String
    ) async throws -> [(value: MatchValue, count: Int)] {
        try read(collection, "counts") { contents in
            var counts: [ByteText: Int] = [:]
            for point in contents.matching(filter) {
                let values = PayloadWalk.values(at: member, in: point.payload.object).compactMap(\.stringValue)
                for value in Set(values.map { ByteText($0) }) { counts[value, default: 0] += 1 }
            }
            return counts.map { (value: MatchValue.keyword($0.key.text), count: $0.value) }
                .sorted { $0.count != $1.count ? $0.count > $1.count : $0.value < $1.value }.prefix(limit).map { $0 }
        }
    }

    func query(_ queries: [PointQuery], in collection: String) async throws -> [[ScoredPoint]] {
        try read(collection, "query") { contents in try queries.map { try contents.answer($0) } }
    }
}

extension DictionaryPointStore {
    func read(_ reads: [PointRead], in collection: String) async throws -> [PointAnswer] {
        try read(collection, "read") { contents in
            try reads.map { read in
                switch read {
                case .query(let query): .found(try contents.answer(query))
                case .weights(let vector, let name, let corpus):
                    .weights(contents.weights(of: vector, name: name, corpus: corpus))
                case .count(let filter): .count(contents.matching(filter).count)
                case .passing(let filters, let ids):
                    .passing(filters.map { Set(contents.matching($0).map(\.id)).intersection(ids) })
                case .points(let ids, let parts): .points(ids.compactMap { contents.points[$0]?.keeping(parts) })
                }
            }
        }
    }
}

extension DictionaryPointStore.Contents {
    func matching(_ filter: Filter?) -> [Point] {
        guard let filter else { return Array(points.values) }
        return points.values.filter { PayloadWalk.passes($0, objects[$0.id] ?? [:], filter) }
    }

    func selected(_ selector: PointSelector) -> [PointID] {
        switch selector {
        case .ids(let ids): ids.filter { points[$0] != nil }
        case .filter(let filter): matching(filter).map(\.id)
        }
    }

    func answer(_ query: PointQuery) throws -> [ScoredPoint] {
        let candidates = matching(query.filter)
        var scored: [(Point, Float)] = []
        switch query.target {
        case .dense(let name, let vector):
            guard let schema = schema.dense[name] else {
                throw EngineError(.unknownVector, "there is no vector \(name)")
            }
            guard vector.count == schema.dimension else { throw EngineError(.wrongDimension, "\(schema.dimension)") }
            for point in candidates {
                if let stored = point.vectors.dense[name] { scored.append((point, Self.cosine(vector, stored))) }
            }
        case .sparse(let name, let vector):
            guard let schema = schema.sparse[name] else {
                throw EngineError(.unknownVector, "there is no vector \(name)")
            }
            let corpus = matching(query.idfCorpus ?? query.filter).map { $0.vectors.sparse[name] ?? .empty }
            let weights = schema.usesIDF ? Self.weighted(vector, over: corpus) : Self.entries(vector)
            for point in candidates {
                guard let stored = point.vectors.sparse[name].map(Self.entries) else { continue }
                let shared = weights.compactMap { index, weight in stored[index].map { $0 * weight } }
                if !shared.isEmpty { scored.append((point, shared.sorted().reduce(0, +))) }
            }
        case .cover(let name, let vector):
            let weights = Self.entries(vector)
            for point in candidates {
                let shared = (point.vectors.sparse[name]?.indices ?? []).compactMap { weights[$0] }
                if !shared.isEmpty { scored.append((point, shared.sorted().reduce(0, +))) }
            }
        }
        let kept = scored.filter { score in query.scoreThreshold.map { score.1 >= $0 } ?? true }
        let sorted = kept.sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0.id < $1.0.id }
        return sorted.prefix(query.limit).map { point, score in
            let shown = point.keeping(query.parts)
            return ScoredPoint(
                id: point.id, score: score, payload: query.parts.payload ? shown.payload : nil,
                vectors: query.parts.vectors ? shown.vectors : nil)
        }
    }

    func weights(of vector: SparseVector, name: String, corpus: Filter?) -> [Float] {
        let weights = Self.weighted(vector, over: matching(corpus).map { $0.vectors.sparse[name] ?? .empty })
        return vector.indices.map { weights[$0] ?? 0 }
    }

    private static func entries(_ vector: SparseVector) -> [UInt32: Float] {
        Dictionary(uniqueKeysWithValues: zip(vector.indices, vector.values))
    }

    /// Each weight times ln(1 + (N − n + .5) / (n + .5)).
    private static func weighted(_ vector: SparseVector, over corpus: [SparseVector]) -> [UInt32: Float] {
        var weights = entries(vector)
        for (index, weight) in weights {
            let n = Double(corpus.count { $0.indices.contains(index) })
            let idf = (1 + (Double(corpus.count) - n + 0.5) / (n + 0.5))
            weights[index] = weight * Float(Self.naturalLogarithm(idf))
        }
        return weights
    }

    /// ln by ln x = 2·artanh((x − 1) / (x + 1)), after halving into [1, 2).
    static func naturalLogarithm(_ x: Double) -> Double {
        let exponent = x.exponent
        let y = (x.significand - 1) / (x.significand + 1)
        var sum = 0.0
        var power = y
        for k in stride(from: 1, to: 60, by: 2) {
            sum += power / Double(k)
            power *= y * y
        }
        return 2 * sum + Double(exponent) * 0.693147180559945309
    }

    private static func cosine(_ a: [Float], _ b: [Float]) -> Float {
        func dot(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
        let norms = (dot(a, a) * dot(b, b)).squareRoot()
        return norms > 0 ? Float(dot(a, b) / norms) : 0
    }
}

extension Point {
    func keeping(_ parts: PointParts) -> Point {
        Point(
            id: id, vectors: parts.vectors ? vectors : PointVectors(), payload: parts.payload ? payload : .empty)
    }
}

extension PointWrite {
    /// The name that calls are counted under.
    fileprivate var kind: String {
        switch change {
        case .upsert: "upsert"
        case .mergePayload: "mergePayload"
        case .delete: "delete"
        }
    }
}

extension DictionaryPointStore.Contents {
    /// - Returns: how many points were touched.
    fileprivate mutating func apply(_ write: PointWrite, version: UInt64) throws -> Int {
        switch write.change {
        case .upsert(let points):
            if case .unique(let members)? = write.precondition { try checkUnique(points, members) }
            for point in points {
                try check(point)
                try check(write.precondition, of: point.id)
                put(point, version: version)
            }
            return points.count
        case .mergePayload(let members, of: let selector):
            let ids = selected(selector)
            for id in ids {
                try check(write.precondition, of: id)
                guard var point = points[id], var object = objects[id] else { continue }
                for (key, value) in members.object {
                    if value.isNull { object.removeValue(forKey: key) } else { object[key] = value }
                }
                point.payload = Payload(object)
                put(point, version: version)
            }
            return ids.count
        case .delete(let selector):
            let ids = selected(selector)
            for id in ids {
                try check(write.precondition, of: id)
                remove(id)
            }
            return ids.count
        }
    }

    private func checkUnique(_ written: [Point], _ members: [PayloadPath]) throws {
        let own = Set(written.map(\.id))
        for member in members {
            let keywords = Set(
                written.flatMap { PayloadWalk.values(at: member.description, in: $0.payload.object) }
                    .compactMap(\.stringValue))
            let isTaken = objects.contains { id, object in
                !own.contains(id)
                    && PayloadWalk.values(at: member.description, in: object).compactMap(\.stringValue)
                        .contains(where: keywords.contains)
            }
            guard !isTaken else { throw EngineError(.preconditionFailed, "a keyword is taken") }
        }
    }

    private func check(_ point: Point) throws {
        for (name, vector) in point.vectors.dense {
            guard let described = schema.dense[name] else {
                throw EngineError(.unknownVector, "there is no vector \(name)")
            }
            guard vector.count == described.dimension else {
                throw EngineError(.wrongDimension, "\(name) has \(described.dimension) components")
            }
            guard vector.allSatisfy(\.isFinite) else { throw EngineError(.notFinite, "not finite") }
        }
    }

    private func check(_ precondition: PointWrite.Precondition?, of id: PointID) throws {
        let holds =
            switch precondition {
            case nil, .unique: true
            case .matches(let filter): points[id].map { PayloadWalk.passes($0, objects[id] ?? [:], filter) } ?? false
            case .absent: versions[id] == nil
            case .version(let version): versions[id] == version
            }
        guard holds else { throw EngineError(.preconditionFailed, "a point is not as it should be") }
    }
}
