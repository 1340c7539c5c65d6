import JSON
import VectorEngine
import Vectors

/// The limits a collection sets on requests; all are off unless `strict_mode_config.enabled` is true.
struct StrictMode: Sendable {
    private let settings: JSONValue?

    init(_ settings: JSONValue) {
        // Spelled out: a nil beside a JSON value may be taken for JSON's null.
        self.settings = settings["enabled"]?.boolValue == true ? .some(settings) : .none
    }

    private func limit(_ key: String) -> Int? { settings?[key]?.integerValue.map { Int($0) } }

    var readsPerMinute: Int? { limit("read_rate_limit") }
    var writesPerMinute: Int? { limit("write_rate_limit") }
    var maximumIndexes: Int? { limit("max_payload_index_count") }

    private func check<Number: Comparable>(
        _ value: Number?, _ limit: Number?, _ name: String
    ) throws(QdrantFailure) {
        guard let value, let limit, value > limit else { return }
        throw .refusedByStrictMode(
            "Limit exceeded \(value) > \(limit) for \"\(name)\"",
            "Reduce the \"\(name)\" parameter to or below \(limit).")
    }

    func checkUpsert(_ count: Int) throws(QdrantFailure) {
        try check(count, limit("upsert_max_batchsize"), "upsert limit")
    }

    func checkVectorUpdate(_ count: Int) throws(QdrantFailure) {
        try check(count, limit("upsert_max_batchsize"), "update limit")
    }

    func checkLimit(_ asked: Limit) throws(QdrantFailure) {
        try check(asked.count, limit("max_query_limit"), "limit")
    }

    func checkTimeout(_ seconds: Int?) throws(QdrantFailure) { try check(seconds, limit("max_timeout"), "timeout") }

    func checkBatch(_ count: Int) throws(QdrantFailure) {
        try check(count, limit("search_max_batchsize"), "search batch size")
    }

    /// `exact` of counts and facets, and of the parameters of a search.
    func checkExact(_ isExact: Bool?) throws(QdrantFailure) {
        guard isExact == true, settings?["search_allow_exact"]?.boolValue == false else { return }
        throw .refusedByStrictMode("Exact search disabled!", "Set exact=false.")
    }

    func checkParams(_ params: JSONValue?) throws(QdrantFailure) {
        guard let settings, let params else { return }
        try checkExact(try params.bool("exact"))
        try check(
            try params.optional("quantization")?.double("oversampling"),
            settings["search_max_oversampling"]?.doubleValue, "oversampling")
        try check(try params.count("hnsw_ef"), limit("search_max_hnsw_ef"), "hnsw_ef")
    }

    /// A search of a vector without a graph is exact, unless it is one tenant's and tenants have their own graphs.
    func checkGraph(of name: String, _ filter: Filter?, in collection: QdrantCollection) throws(QdrantFailure) {
        guard settings?["search_allow_exact"]?.boolValue == false else { return }
        let (config, fields) = (collection.config, collection.fields)
        guard config.vector(name) != nil, config.graphSetting("m", of: name) == 0 else { return }
        let isOfTenant = (filter?.leaves ?? []).contains { condition in
            guard case .field(let path, _) = condition else { return false }
            return fields["\(path)"]?["is_tenant"]?.boolValue == true
        }
        let place = name.isEmpty ? "" : " on '\(name)'"
        guard isOfTenant else {
            throw .refusedByStrictMode(
                "Request is forbidden\(place) because global vector indexing is disabled (hnsw_config.m = 0)",
                "Use tenant-aware payload indexing or enable global vector indexing.")
        }
        guard config.graphSetting("payload_m", of: name) ?? 0 == 0 else { return }
        throw .refusedByStrictMode(
            "Request is forbidden\(place) because payload vector indexing is disabled (hnsw_config.payload_m = 0)",
            "Set hnsw_config.payload_m or enable global vector indexing.")
    }

    /// Groups need an index of their field where filters do.
    func checkGrouping(by path: PayloadPath, in collection: QdrantCollection) throws(QdrantFailure) {
        guard settings?["unindexed_filtering_retrieve"]?.boolValue == false else { return }
        let remedy = "Create an index supporting `match` for this key."
        guard let kind = collection.field(path) else {
            throw .refusedByStrictMode("Index required but not found for \"\(path)\"", remedy)
        }
        guard !collection.abilities(path).isDisjoint(with: IndexAbility.matches) else {
            throw .refusedByStrictMode("Index of type \"\(kind.rawValue.capitalized)\" found for \"\(path)\"", remedy)
        }
    }

    // MARK: What a collection may hold

    /// Whether writes are held to sizes of the collection.
    var limitsSizes: Bool {
        ["max_points_count", "max_collection_vector_size_bytes", "max_collection_payload_size_bytes"]
            .contains { limit($0) != nil }
    }

    /// Refuses a write to a collection that is full already; `vectorBytes` is what one point's vectors take.
    func checkSizes(_ view: CollectionView, vectorBytes: Int) throws {
        func megabytes(_ bytes: Int) -> Float { Float(bytes) / 1_048_576 }
        if let limit = limit("max_collection_vector_size_bytes"),
            view.pointCount.multipliedReportingOverflow(by: vectorBytes).partialValue >= limit
        {
            throw QdrantFailure.badRequest("Max vector storage size limit of \(megabytes(limit))MB reached!")
        }
        if let limit = limit("max_collection_payload_size_bytes"), try view.payloadBytes() >= limit {
            throw QdrantFailure.badRequest("Max payload storage size limit of \(megabytes(limit))MB reached!")
        }
        if let limit = limit("max_points_count"), view.pointCount >= limit {
            throw QdrantFailure.badRequest("Max points count limit of \(limit) reached!")
        }
    }

    /// Refuses sparse vectors with too many entries and multivectors with too many rows.
    func checkVectors(_ vectors: PointVectors) throws(QdrantFailure) {
        guard let settings else { return }
        for (name, vector) in vectors.multi {
            guard let limit = settings["multivector_config"]?[name]?["max_vectors"]?.integerValue else { continue }
            guard vector.rowCount > limit else { continue }
            throw .badRequest(
                "Multivector '\(name)' has a limit of \(limit) vectors, but \(vector.rowCount) were provided!")
        }
        for (name, vector) in vectors.sparse {
            guard let limit = settings["sparse_config"]?[name]?["max_length"]?.integerValue else { continue }
            guard vector.count > limit else { continue }
            throw .badRequest(
                "Sparse vector '\(name)' has a limit of \(limit) indices, but \(vector.count) were provided!")
        }
    }

    // MARK: Filters

    func checkFilter(_ filter: Filter?, in collection: QdrantCollection, isUpdate: Bool) throws(QdrantFailure) {
        guard let settings, let filter else { return }
        let leaves = filter.leaves
        for case .field(let path, .substring) in leaves {
            throw .refusedByStrictMode(
                "Substring matching is not allowed, used for \"\(path)\": it scans every value of the field, with or "
                    + "without an index", "Use a prefix match or a full-text match instead.")
        }
        if let limit = limit("filter_max_conditions"), leaves.count > limit {
            throw .refusedByStrictMode(
                "Filter condition limit reached (\(leaves.count) > \(limit))",
                "Reduce the amount of conditions of your filter.")
        }
        if let limit = limit("condition_max_size"), let size = leaves.map(\.size).max(), size > limit {
            throw .refusedByStrictMode(
                "Condition size limit reached (\(size) > \(limit))", "Reduce the size of your condition.")
        }
        let key = isUpdate ? "unindexed_filtering_update" : "unindexed_filtering_retrieve"
        guard settings[key]?.boolValue == false else { return }
        try checkIndexed(filter, below: nil, in: collection, "filter")
    }

    /// A formula may read only members that have an index where filters may.
    func checkFormula(_ needs: [IndexNeed], in collection: QdrantCollection) throws(QdrantFailure) {
        guard settings?["unindexed_filtering_retrieve"]?.boolValue == false else { return }
        for need in needs {
            switch need {
            case .member(let path, let abilities):
                try check(path, has: abilities, in: collection, "formula expression")
            case .condition(let condition):
                try checkIndexed(Filter(must: [condition]), below: nil, in: collection, "formula expression")
            }
        }
    }

    private func checkIndexed(
        _ filter: Filter, below prefix: PayloadPath?, in collection: QdrantCollection, _ what: String
    ) throws(QdrantFailure) {
        for condition in filter.must + filter.should + filter.mustNot + filter.minShould {
            switch condition {
            case .field(let path, let test):
                try check(prefix?.appending(path) ?? path, has: test.abilities, in: collection, what)
            case .isEmpty(let path, _), .isNull(let path, _), .valuesCount(let path, _):
                try check(prefix?.appending(path) ?? path, has: IndexAbility.allCases, in: collection, what)
            case .filter(let inner): try checkIndexed(inner, below: prefix, in: collection, what)
            case .nested(let path, let inner):
                try checkIndexed(inner, below: prefix?.appending(path) ?? path, in: collection, what)
            case .hasID, .hasVector, .slice: continue
            }
        }
    }

    /// - Parameter abilities: of which the index must have one; none are needed where the list is empty.
    private func check(
        _ path: PayloadPath, has abilities: [IndexAbility], in collection: QdrantCollection, _ what: String
    ) throws(QdrantFailure) {
        guard !abilities.isEmpty, collection.abilities(path).isDisjoint(with: abilities) else { return }
        let kinds = Set(abilities.map(\.kind.rawValue)).sorted().joined(separator: ", ")
        throw .refusedByStrictMode(
            "Index required but not found for \"\(path)\" of one of the following types: [\(kinds)]",
            "Create an index for this key or use a different \(what).")
    }
}

extension QdrantCollection {
    var strictMode: StrictMode { StrictMode(config.strictMode) }
}

extension QdrantFailure {
    /// A refusal by a collection's strict mode, with what to do about it.
    static func refusedByStrictMode(_ what: String, _ remedy: String) -> QdrantFailure {
        .badRequest("\(what). Help: \(remedy)")
    }
}

extension Condition {
    /// Values that a condition lists.
    fileprivate var size: Int {
        switch self {
        case .field(_, .anyOf(let values)), .field(_, .noneOf(let values)): values.count
        case .hasID(let ids): ids.count
        default: 0
        }
    }
}
