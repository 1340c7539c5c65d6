import JSON
import VectorEngine

/// Queries as the wire writes them.
enum QueryReading {
    static let maximumDepth = 32

    /// `vector` stood in the place of `query`, read apart.
    static func node(
        _ body: JSONValue, vector: [Float]? = nil, isRoot: Bool = true, depth: Int = 0
    ) throws(QdrantFailure) -> QueryNode {
        guard body.objectValue != nil else {
            throw .format("invalid type: \(body.typeName), expected struct QueryRequest")
        }
        guard depth < maximumDepth else { throw .format("prefetches are nested deeper than \(maximumDepth)") }
        var node = QueryNode()
        if let vector {
            node.kind = .nearest(.vector(.dense(vector)), mmr: nil)
        } else if let query = body.optional("query") {
            node.kind = try kind(query)
        }
        if let prefetch = body.optional("prefetch") {
            let list = prefetch.arrayValue ?? [prefetch]
            node.prefetch = try list.map { value throws(QdrantFailure) in
                try self.node(value, isRoot: false, depth: depth + 1)
            }
        }
        node.using = try body.string("using") ?? ""
        try common(body, &node)
        node.limit = try body.limit("limit", default: 10)
        if isRoot { node.offset = try body.offset("offset") }
        try check(node)
        if isRoot { try node.checkPrefetches() }
        return node
    }

    /// What every kind of search has: filter, parameters, threshold, lookup.
    static func common(_ body: JSONValue, _ node: inout QueryNode) throws(QdrantFailure) {
        node.filter = try WireFilter.read(body.optional("filter"))
        if let params = body.optional("params") {
            guard params.objectValue != nil else {
                throw .format("invalid type: \(params.typeName), expected struct SearchParams")
            }
            node.breadth = try params.count("hnsw_ef").map { min(max(1, $0), Limit.most.count) }
            node.isExact = try params.bool("exact") ?? false
            _ = try params.bool("indexed_only")
            if let corpus = params.optional("idf")?.optional("corpus") { node.idfCorpus = try WireFilter.read(corpus) }
            if let quantization = params.optional("quantization") {
                node.codes = try codeSearch(quantization)
            }
        }
        node.threshold = try body.double("score_threshold").map { Float($0) }
        if let lookup = body.optional("lookup_from") {
            guard let name = try lookup.string("collection") else { throw .format("missing field `collection`") }
            node.lookup = (name, try lookup.string("vector"))
        }
    }

    /// `ignore` asks for the floats of every candidate, `rescore: false` for none.
    private static func codeSearch(_ quantization: JSONValue) throws(QdrantFailure) -> CodeSearch {
        var search = CodeSearch()
        if let oversampling = try quantization.double("oversampling") {
            var validation = Validation()
            validation.fraction("params.quantization.oversampling", oversampling, from: 1, to: nil)
            try validation.finish()
            search.oversampling = oversampling
        }
        if try quantization.bool("rescore") == false { search.rescoring = .none }
        if try quantization.bool("ignore") == true { search.rescoring = .all }
        return search
    }

    private static func check(_ node: QueryNode) throws(QdrantFailure) {
        try node.kind?.checkExamples(in: "query.")
        switch node.kind {
        case .nearest(_, let mmr?) where mmr.candidates == nil:
            // Without a number of its own there are as many candidates as results.
            var validation = Validation()
            validation.range("limit", Int64(node.limit.count), from: 0, to: Int64(QueryLimits.diversified))
            try validation.finish()
        case nil where !node.prefetch.isEmpty:
            throw .badRequest(
                "A query is needed to merge the prefetches. Can't have prefetches without defining a query.")
        case .rrf(_, let weights):
            if node.prefetch.isEmpty { throw .badRequest("Fusion queries need prefetches to fuse") }
            if let weights, weights.count != node.prefetch.count {
                throw .badRequest(
                    "RRF weights length (\(weights.count)) does not match the number of prefetches "
                        + "(\(node.prefetch.count))"
                )
            }
        case .dbsf where node.prefetch.isEmpty: throw .badRequest("Fusion queries need prefetches to fuse")
        case .formula where node.prefetch.isEmpty:
            throw .badRequest("Formula queries need prefetches to score")
        default: return
        }
    }

    // MARK: Kinds

    private static func mismatch(_ name: String) -> QdrantFailure {
        .format("data did not match any variant of untagged enum \(name)")
    }

    private static func kind(_ value: JSONValue) throws(QdrantFailure) -> QueryKind {
        guard let members = value.objectValue else { return .nearest(try input(value), mmr: nil) }
        if let nearest = value.optional("nearest") {
            return .nearest(try input(nearest), mmr: try value.optional("mmr").map(mmr))
        }
        if let recommend = value.optional("recommend") { return try self.recommend(recommend) }
        if let discover = value.optional("discover") {
            return .discover(
                target: try input(try discover.required("target")), try pairs(discover.optional("context")))
        }
        if let context = value.optional("context") { return .context(try pairs(context)) }
        if let order = value.optional("order_by") { return .orderBy(try orderBy(order)) }
        if let fusion = value.optional("fusion") {
            switch fusion.stringValue {
            case "rrf": return .rrf(k: 2, weights: nil)
            case "dbsf": return .dbsf
            default: throw mismatch("QueryInterface")
            }
        }
        if let rrf = value.optional("rrf") { return try self.rrf(rrf) }
        if value.optional("formula") != nil { return .formula(try Formula(value)) }
        if let sample = value.optional("sample") {
            guard sample.stringValue == "random" else { throw mismatch("QueryInterface") }
            return .sample
        }
        if let feedback = value.optional("relevance_feedback") { return try self.feedback(feedback) }
        guard members["indices"] != nil || members["model"] != nil else { throw mismatch("QueryInterface") }
        return .nearest(try input(value), mmr: nil)
    }

    private static func mmr(_ value: JSONValue) throws(QdrantFailure) -> (diversity: Float, candidates: Int?) {
        let diversity = try value.double("diversity")
        let candidates = try value.count("candidates_limit")
        var validation = Validation()
        validation.fraction("query.mmr.diversity", diversity, from: 0, to: 1)
        validation.range(
            "query.mmr.candidates_limit", candidates.map(Int64.init), from: 0, to: Int64(QueryLimits.diversified))
        try validation.finish()
        return (Float(diversity ?? 0.5), candidates)
    }

    private static func rrf(_ value: JSONValue) throws(QdrantFailure) -> QueryKind {
        let k = try value.count("k")
        var validation = Validation()
        validation.range("query.rrf.k", k.map(Int64.init), from: 1)
        try validation.finish()
        let weights = try value.array("weights")?.map { value throws(QdrantFailure) in try value.component() }
        return .rrf(k: k ?? 2, weights: weights)
    }

    private static func recommend(_ value: JSONValue) throws(QdrantFailure) -> QueryKind {
        let positive = try inputs(value.array("positive"))
        let negative = try inputs(value.array("negative"))
        if positive.isEmpty && negative.isEmpty {
            var validation = Validation()
            validation.problem(
                "query.recommend.positives, negatives", "At least one positive or negative vector/id must be provided")
            try validation.finish()
        }
        return .recommend(positive: positive, negative: negative, try strategy(value))
    }

    static func strategy(_ value: JSONValue) throws(QdrantFailure) -> RecommendStrategy {
        guard let name = try value.string("strategy") else { return .averageVector }
        guard let strategy = RecommendStrategy(rawValue: name) else {
            throw .format("unknown variant `\(name)`, expected one of `average_vector`, `best_score`, `sum_scores`")
        }
        return strategy
    }

    static func inputs(_ values: [JSONValue]?) throws(QdrantFailure) -> [VectorInput] {
        try (values ?? []).map { value throws(QdrantFailure) in try input(value) }
    }

    static func input(_ value: JSONValue) throws(QdrantFailure) -> VectorInput {
        switch value {
        case .integer, .unsigned, .string: return .id(try WireID.read(value))
        case .array, .object: return .vector(try WireVector.read(value))
        default: throw mismatch("VectorInput")
        }
    }

    static func pairs(_ value: JSONValue?) throws(QdrantFailure) -> [ContextPair] {
        guard let value else { return [] }
        return try (value.arrayValue ?? [value]).map { pair throws(QdrantFailure) in
            guard let positive = pair.optional("positive"), let negative = pair.optional("negative") else {
                throw mismatch("ContextInput")
            }
            try pair.only(["positive", "negative"])
            return ContextPair(positive: try input(positive), negative: try input(negative))
        }
    }

    static func orderBy(_ value: JSONValue) throws(QdrantFailure) -> OrderBy {
        if let key = value.stringValue { return OrderBy(path: try WirePath.read(key)) }
        guard let key = try value.string("key") else { throw mismatch("OrderByInterface") }
        var order = OrderBy(path: try WirePath.read(key))
        switch try value.string("direction") {
        case nil, "asc": break
        case "desc": order.descending = true
        default: throw mismatch("OrderByInterface")
        }
        if let start = value.optional("start_from") {
            if let text = start.stringValue {
                guard let moment = Timestamp.parseLoosely(text) else { throw mismatch("StartFrom") }
                order.start = .integer(moment)
            } else {
                guard let number = Number(start) else { throw mismatch("StartFrom") }
                order.start = number
            }
        }
        return order
    }

    private static func feedback(_ value: JSONValue) throws(QdrantFailure) -> QueryKind {
        let strategy = try (try value.required("strategy")).required("naive")
        guard let a = try strategy.double("a"), let b = try strategy.double("b"), let c = try strategy.double("c")
        else {
            throw mismatch("FeedbackStrategy")
        }
        let items = try (value.array("feedback") ?? []).map { item throws(QdrantFailure) in
            (try input(try item.required("example")), Float(try item.double("score") ?? 0))
        }
        return .feedback(
            target: try input(try value.required("target")), items, a: Float(a), b: Float(b), c: Float(c))
    }
}
