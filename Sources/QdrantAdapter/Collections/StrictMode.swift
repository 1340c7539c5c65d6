import JSON
import VectorEngine
import Vectors

/// The limits a collection sets on requests; all are off unless `strict_mode_config.enabled` is true.
struct StrictMode: Sendable {
    private let settings: JSONValue?

    init(_ settings: JSONValue) { self.settings = settings["enabled"]?.boolValue == true ? settings : nil }

    private func limit(_ key: String) -> Int? { settings?[key]?.integerValue.map { Int($0) } }

    var maximumPoints: Int? { limit("max_points_count") }
    var readsPerMinute: Int? { limit("read_rate_limit") }
    var writesPerMinute: Int? { limit("write_rate_limit") }
    var maximumIndexes: Int? { limit("max_payload_index_count") }

    func checkUpsert(_ count: Int) throws(QdrantFailure) {
        guard let limit = limit("upsert_max_batchsize"), count > limit else { return }
        throw .refusedByStrictMode(
            "Limit exceeded \(count) > \(limit) for \"upsert limit\"",
            "Reduce the \"upsert limit\" parameter to or below \(limit).")
    }

    func checkLimit(_ count: Int) throws(QdrantFailure) {
        guard let limit = limit("max_query_limit"), count > limit else { return }
        throw .refusedByStrictMode(
            "Limit exceeded \(count) > \(limit) for \"limit\"", "Reduce the \"limit\" parameter to or below \(limit).")
    }

    func checkTimeout(_ seconds: Int?) throws(QdrantFailure) {
        guard let seconds, let limit = limit("max_timeout"), seconds > limit else { return }
        throw .refusedByStrictMode(
            "Limit exceeded \(seconds) > \(limit) for \"timeout\"",
            "Reduce the \"timeout\" parameter to or below \(limit).")
    }

    func checkBatch(_ count: Int) throws(QdrantFailure) {
        guard let limit = limit("search_max_batchsize"), count > limit else { return }
        throw .refusedByStrictMode(
            "Limit exceeded \(count) > \(limit) for \"search batch size\"",
            "Reduce the \"search batch size\" parameter to or below \(limit).")
    }

    func checkParams(_ params: JSONValue?) throws(QdrantFailure) {
        guard let settings, let params else { return }
        if settings["search_allow_exact"]?.boolValue == false, try params.bool("exact") == true {
            throw .refusedByStrictMode("Exact search disabled!", "Set exact=false.")
        }
        if let limit = limit("search_max_hnsw_ef"), let breadth = try params.count("hnsw_ef"), breadth > limit {
            throw .refusedByStrictMode(
                "Limit exceeded \(breadth) > \(limit) for \"hnsw_ef\"",
                "Reduce the \"hnsw_ef\" parameter to or below \(limit).")
        }
        if let limit = settings["search_max_oversampling"]?.doubleValue,
            let asked = try params.optional("quantization")?.double("oversampling"), asked > limit
        {
            throw .refusedByStrictMode(
                "Limit exceeded \(asked) > \(limit) for \"oversampling\"",
                "Reduce the \"oversampling\" parameter to or below \(limit).")
        }
    }

    func checkFilter(_ filter: DocumentFilter?, in collection: QdrantCollection, isUpdate: Bool) throws(QdrantFailure) {
        guard let settings, let filter else { return }
        let leaves = filter.leaves
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
        try checkIndexed(filter, below: nil, in: collection)
    }

    private func checkIndexed(
        _ filter: DocumentFilter, below prefix: FieldPath?, in collection: QdrantCollection
    ) throws(QdrantFailure) {
        for condition in filter.must + filter.should + filter.mustNot + filter.minShould {
            switch condition {
            case .field(let path, let test):
                let whole = prefix?.appending(path) ?? path
                guard let missing = test.missingIndex(collection.field(whole)) else { continue }
                throw .refusedByStrictMode(
                    "Index required but not found for \"\(whole)\" of one of the following types: [\(missing)]",
                    "Create an index for this key or use a different filter.")
            case .filter(let inner): try checkIndexed(inner, below: prefix, in: collection)
            case .nested(let path, let inner):
                try checkIndexed(inner, below: prefix?.appending(path) ?? path, in: collection)
            default: continue
            }
        }
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

extension DocumentCondition {
    /// Values that a condition lists.
    fileprivate var size: Int {
        switch self {
        case .field(_, .anyOf(let values)), .field(_, .noneOf(let values)): values.count
        case .hasID(let ids): ids.count
        default: 0
        }
    }
}

extension FieldTest {
    /// The kinds of index that would serve this test, unless `kind` is one of them.
    fileprivate func missingIndex(_ kind: FieldIndexKind?) -> String? {
        let fitting: [FieldIndexKind] =
            switch self {
            case .anyOf(let values), .noneOf(let values):
                switch values.first {
                case .keyword: [.keyword, .uuid]
                case .integer: [.integer]
                case .bool: [.bool]
                case nil: FieldIndexKind.allCases
                }
            case .text, .textAny, .phrase: [.text]
            case .prefix, .substring: [.keyword]
            case .range: [.integer, .float]
            case .moments: [.datetime]
            case .geo: [.geo]
            }
        if let kind, fitting.contains(kind) { return nil }
        return fitting.map(\.rawValue).joined(separator: ", ")
    }
}
