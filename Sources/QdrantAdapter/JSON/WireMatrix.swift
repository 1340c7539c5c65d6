import JSON
import VectorEngine

extension DistanceMatrix {
    init(_ body: JSONValue) throws(QdrantFailure) {
        let filter = try WireFilter.read(body.optional("filter"))
        let (sample, limit) = (try body.count("sample"), try body.count("limit"))
        var validation = Validation()
        validation.range("sample", sample.map(Int64.init), from: 2, to: Int64(QueryLimits.matrixSample))
        validation.range("limit", limit.map(Int64.init), from: 1)
        try validation.finish()
        let rows = Limit(within: sample ?? Self.defaultSample)
        let nearest = Limit(within: limit ?? Self.defaultLimit)
        // No point of the sample has more neighbours than the sample has points.
        if rows.times(nearest.atMost(rows).count).count > QueryLimits.matrixPairs {
            validation.problem(
                "limit",
                "value \(nearest.count) invalid for a sample of \(rows.count), which may have at most "
                    + "\(QueryLimits.matrixPairs) pairs in all")
        }
        try validation.finish()
        self.init(
            filter: filter, sample: rows, limit: nearest,
            using: try body.string("using") ?? "")
    }
}

extension DistanceMatrix.Answer {
    /// As a list of pairs, or as a sparse matrix in columns.
    func json(asPairs: Bool) -> [UInt8] { asPairs ? self.asPairs : asOffsets }

    private var asPairs: [UInt8] {
        var writer = WireWriter()
        writer.raw("{\"pairs\":")
        writer.list(pairs) { writer, pair in
            writer.raw("{\"a\":")
            writer.id(ids[pair.a])
            writer.raw(",\"b\":")
            writer.id(pair.b)
            writer.raw(",\"score\":")
            writer.float(pair.score)
            writer.raw("}")
        }
        writer.raw("}")
        return writer.bytes
    }

    private var asOffsets: [UInt8] {
        let offsets = Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, $0) })
        var writer = WireWriter()
        writer.raw("{\"offsets_row\":")
        writer.list(pairs) { $0.integer(UInt64($1.a)) }
        writer.raw(",\"offsets_col\":")
        writer.list(pairs) { $0.integer(UInt64(offsets[$1.b] ?? 0)) }
        writer.raw(",\"scores\":")
        writer.floats(pairs.map(\.score))
        writer.raw(",\"ids\":")
        writer.list(ids) { $0.id($1) }
        writer.raw("}")
        return writer.bytes
    }
}
