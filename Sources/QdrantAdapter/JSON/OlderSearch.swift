import JSON
import VectorEngine

/// The searches from before `query`, as queries.
enum OlderSearch {
    static func node(_ body: JSONValue, style: String) throws(QdrantFailure) -> QueryNode {
        guard body.objectValue != nil else { throw .format("invalid type: \(body.typeName), expected a map") }
        var node = QueryNode()
        node.using = try body.string("using") ?? ""
        try QueryReading.common(body, &node)
        let isGrouped = body.optional("group_by") != nil
        guard body.optional("limit") != nil || body.optional("top") != nil || isGrouped else {
            throw .format("missing field `limit`")
        }
        node.limit = try body.limit(body.optional("limit") == nil ? "top" : "limit", default: 10)
        node.offset = isGrouped ? .none : try body.offset("offset")
        switch style {
        case "search": try search(body, &node)
        case "recommend":
            node.kind = .recommend(
                positive: try QueryReading.inputs(body.array("positive")),
                negative: try QueryReading.inputs(body.array("negative")), try QueryReading.strategy(body))
        default:
            let pairs = try QueryReading.pairs(body.optional("context"))
            if let target = body.optional("target") {
                node.kind = .discover(target: try QueryReading.input(target), pairs)
            } else {
                guard !pairs.isEmpty else { throw .wrongInput("target and/or context_pairs must be specified") }
                node.kind = .context(pairs)
            }
        }
        try node.kind?.checkExamples(in: "")
        return node
    }

    /// `vector` is an array, or `{name, vector}` with an array or a sparse object inside.
    private static func search(_ body: JSONValue, _ node: inout QueryNode) throws(QdrantFailure) {
        let vector = try body.required("vector")
        guard let name = try vector.string("name") else {
            node.kind = .nearest(.vector(try WireVector.read(vector)), mmr: nil)
            return
        }
        node.using = name
        node.kind = .nearest(.vector(try WireVector.read(try vector.required("vector"))), mmr: nil)
    }
}
