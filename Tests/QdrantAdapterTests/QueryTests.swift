import JSON
import Testing

@Suite("Queries as requests write them")
struct QueryTests {
    private static let deep =
        String(repeating: #"{"query":{"fusion":"rrf"},"prefetch":"#, count: 33) + "{}"
        + String(repeating: "}", count: 33)

    private static let refusals = [
        Refusal("points/query", "", 400, "EOF while parsing a value"),
        Refusal("points/query", "{", 400, "the text ends inside a value"),
        Refusal("points/query", "[]", 400, "expected struct QueryRequest"),
        Refusal("points/query", "\u{0}", 400, "a character that JSON does not allow here"),
        Refusal("points/query", #"{"query":[1]}"#, 400, "expected dim: 2, got 1"),
        Refusal("points/query", #"{"query":[]}"#, 400, "expected dim: 2, got 0"),
        Refusal("points/query", #"{"query":[1,"a"]}"#, 400, "expected f32"),
        Refusal("points/query", #"{"query":[1,1e39]}"#, 400, "number out of range, expected f32"),
        Refusal("points/query", #"{"query":[1,1e400]}"#, 400, "a number that JSON does not allow"),
        Refusal("points/query", #"{"query":[1,null]}"#, 400, "expected f32"),
        Refusal("points/query", #"{"query":[[1,2],[3]]}"#, 422, "all vectors must have the same dimension"),
        Refusal("points/query", #"{"query":[[1,2]]}"#, 400, "multi and regular vectors"),
        Refusal("points/query", #"{"query":{"indices":[1],"values":[1]}}"#, 400, "sparse and regular vectors"),
        Refusal("points/query", #"{"query":{"indices":[1,1],"values":[1,2]}}"#, 422, "indices: must be unique"),
        Refusal("points/query", #"{"query":{"indices":[1],"values":[]}}"#, 422, "values: must be the same length"),
        Refusal("points/query", #"{"query":{"indices":[4294967296],"values":[1]}}"#, 400, "expected u32"),
        Refusal("points/query", #"{"query":{"indices":[-1],"values":[1]}}"#, 400, "expected u32"),
        Refusal("points/query", #"{"query":{"text":"a","model":"m"}}"#, 500, "InferenceService is not initialized"),
        Refusal("points/query", #"{"query":true}"#, 400, "enum VectorInput"),
        Refusal("points/query", #"{"query":1.5}"#, 400, "enum VectorInput"),
        Refusal("points/query", #"{"query":-1}"#, 400, "value -1 is not a valid point ID"),
        Refusal("points/query", #"{"query":99}"#, 404, "No point with id 99 found"),
        Refusal("points/query", #"{"query":{"near":1}}"#, 400, "enum QueryInterface"),
        Refusal("points/query", #"{"query":{"fusion":"sum"}}"#, 400, "enum QueryInterface"),
        Refusal("points/query", #"{"query":{"fusion":"rrf"}}"#, 400, "Fusion queries need prefetches"),
        Refusal("points/query", #"{"query":{"fusion":"dbsf"}}"#, 400, "Fusion queries need prefetches"),
        Refusal("points/query", #"{"query":{"rrf":{"k":0}},"prefetch":{}}"#, 422, "query.rrf.k"),
        Refusal(
            "points/query", #"{"query":{"rrf":{"weights":[1]}},"prefetch":[{},{}]}"#, 400, "RRF weights length (1)"),
        Refusal("points/query", #"{"prefetch":{}}"#, 400, "A query is needed to merge the prefetches"),
        Refusal("points/query", #"{"query":{"nearest":[1,2],"mmr":{"diversity":2}}}"#, 422, "query.mmr.diversity"),
        Refusal(
            "points/query", #"{"query":{"nearest":[1,2],"mmr":{"candidates_limit":16385}}}"#, 422,
            "query.mmr.candidates_limit"),
        Refusal("points/query", #"{"query":{"recommend":{}}}"#, 422, "At least one positive or negative"),
        Refusal("points/query", #"{"query":{"recommend":{"positive":[1],"strategy":"x"}}}"#, 400, "variant `x`"),
        Refusal("points/query", #"{"query":{"discover":{}}}"#, 400, "missing field `target`"),
        Refusal("points/query", #"{"query":{"context":[{"positive":1}]}}"#, 400, "enum ContextInput"),
        Refusal("points/query", #"{"query":{"order_by":{"key":"n","direction":"up"}}}"#, 400, "enum OrderByInterface"),
        Refusal("points/query", #"{"query":{"order_by":{"key":"n","start_from":"x"}}}"#, 400, "enum StartFrom"),
        Refusal("points/query", #"{"query":{"order_by":"n"}}"#, 400, "No range index for `order_by` key: `n`"),
        Refusal("points/query", #"{"query":{"sample":"all"}}"#, 400, "enum QueryInterface"),
        Refusal("points/query", #"{"query":{"formula":1}}"#, 400, "Formula queries need prefetches"),
        Refusal("points/query", #"{"query":{"formula":{"sum":1}},"prefetch":{}}"#, 400, "enum Expression"),
        Refusal("points/query", #"{"query":{"formula":{"max":[]}},"prefetch":{}}"#, 400, "`max` needs at least one"),
        Refusal("points/query", #"{"query":{"formula":"$score[x]"},"prefetch":{}}"#, 400, "Invalid score pattern"),
        Refusal("points/query", #"{"query":{"formula":"none"},"prefetch":{}}"#, 400, "No value found for none"),
        Refusal("points/query", #"{"query":{"formula":{"sqrt":-1}},"prefetch":{}}"#, 400, "a non-finite number"),
        Refusal("points/query", #"{"query":{"formula":1e39},"prefetch":{}}"#, 400, "a non-finite number"),
        Refusal(
            "points/query", #"{"query":{"formula":{"lin_decay":{"x":1,"scale":0}}},"prefetch":{}}"#, 400,
            "Decay scale"),
        Refusal("points/query", #"{"query":[1,2],"limit":0}"#, 422, "limit: value 0 invalid"),
        Refusal("points/query", #"{"query":[1,2],"limit":-1}"#, 400, "limit: invalid value: integer `-1`"),
        Refusal("points/query", #"{"query":[1,2],"limit":1.5}"#, 400, "limit: invalid type"),
        Refusal("points/query", #"{"query":[1,2],"limit":"1"}"#, 400, "limit: invalid type"),
        Refusal("points/query", #"{"query":[1,2],"limit":18446744073709551615}"#, 400, "limit: "),
        Refusal("points/query", #"{"query":[1,2],"offset":18446744073709551616}"#, 400, "offset: "),
        Refusal("points/query", #"{"query":[1,2],"using":"x"}"#, 400, "Not existing vector name error: x"),
        Refusal("points/query", #"{"query":[1,2],"using":1}"#, 400, "using: invalid type"),
        Refusal("points/query", #"{"query":[1,2],"params":1}"#, 400, "expected struct SearchParams"),
        Refusal("points/query", #"{"query":[1,2],"params":{"hnsw_ef":-1}}"#, 400, "hnsw_ef: invalid value"),
        Refusal("points/query", #"{"query":[1,2],"params":{"exact":1}}"#, 400, "exact: invalid type"),
        Refusal(
            "points/query", #"{"query":[1,2],"params":{"quantization":{"oversampling":0.5}}}"#, 422,
            "params.quantization.oversampling"),
        Refusal("points/query", #"{"query":[1,2],"score_threshold":"a"}"#, 400, "score_threshold: invalid type"),
        Refusal("points/query", #"{"query":1,"lookup_from":{}}"#, 400, "missing field `collection`"),
        Refusal("points/query", #"{"query":1,"lookup_from":{"collection":"x"}}"#, 404, "Collection `x` doesn't exist!"),
        Refusal("points/query", #"{"query":[1,2],"with_payload":"x"}"#, 400, "enum WithPayloadInterface"),
        Refusal("points/query", #"{"query":[1,2],"with_payload":["a["]}"#, 400, "Invalid json path: 'a['"),
        Refusal("points/query", #"{"query":[1,2],"with_vector":"x"}"#, 400, "enum WithVector"),
        Refusal("points/query", deep, 400, "nested deeper than 32"),
        Refusal("points/query/batch", "{}", 400, "missing field `searches`"),
        Refusal("points/query/batch", #"{"searches":{}}"#, 400, "searches: invalid type"),
        Refusal("points/query/groups", #"{"query":[1,2]}"#, 400, "missing field `group_by`"),
        Refusal("points/query/groups", #"{"query":[1,2],"group_by":""}"#, 422, "group_by"),
        Refusal("points/query/groups", #"{"query":[1,2],"group_by":"n","group_size":0}"#, 422, "group_size"),
        Refusal("points/query/groups", #"{"query":[1,2],"group_by":"n","with_lookup":{}}"#, 400, "`collection`"),
        Refusal("points/search", #"{"vector":[1,2]}"#, 400, "missing field `limit`"),
        Refusal("points/search", #"{"limit":1}"#, 400, "missing field `vector`"),
        Refusal("points/recommend", #"{"positive":[],"limit":1}"#, 400, "At least one positive"),
        Refusal("points/search/matrix/pairs", #"{"sample":1}"#, 422, "sample"),
        Refusal("points/search/matrix/offsets", #"{"limit":0}"#, 422, "limit"),
        Refusal("points/scroll", #"{"offset":-1}"#, 400, "value -1 is not a valid point ID"),
        Refusal("points/scroll", #"{"order_by":"n","offset":1}"#, 400, "Cannot use an `offset`"),
        Refusal("points", "{}", 400, "missing field `ids`"),
        Refusal("points", #"{"ids":[null]}"#, 400, "enum ExtendedPointId"),
        Refusal("GET", "points/x", "", 400, "Can not recognize \"x\" as point id"),
        Refusal("GET", "points/18446744073709551616", "", 400, "as point id"),
        Refusal("GET", "points/18446744073709551615", "", 404, "18446744073709551615"),
        Refusal("facet", #"{"key":"t","limit":0}"#, 422, "limit"),
        Refusal("facet", "{}", 400, "missing field `key`"),
    ]

    @Test("A query that cannot be read or run is refused by the name of what is wrong in it")
    func refused() async throws {
        try await ServedAPI.run { served in
            try await served.fillWithExtremes()
            for refusal in Self.refusals { try await refusal.check(served) }
        }
    }

    @Test("Limits and offsets may be any whole number: the points are answered, or the limit is named")
    func largeNumbers() async throws {
        let most = "9223372036854775807"
        try await ServedAPI.run { served in
            try await served.fillWithExtremes()
            #expect(try await served.ids("query", #"{"query":[1,1],"params":{"hnsw_ef":\#(most)}}"#).count == 6)
            #expect(try await served.ids("scroll", #"{"limit":\#(most)}"#) == [1, 2, 3, 4, 5, 6])
            #expect(try await served.ids("scroll", #"{"limit":\#(most),"offset":\#(most)}"#) == [])
            for (limit, offset, count) in [("100000", "0", 6), ("99999", "1", 5), ("1", "99999", 0)] {
                let body = #"{"query":[1,1],"limit":\#(limit),"offset":\#(offset)}"#
                #expect(try await served.ids("query", body).count == count, "\(body)")
            }
            for (limit, offset) in [("100001", "0"), ("100000", "1"), ("1", "100000"), (most, "1"), (most, most)] {
                try await Refusal(
                    "points/query", #"{"query":[1,1],"limit":\#(limit),"offset":\#(offset)}"#, 400,
                    "limit and offset together may not exceed 100000"
                ).check(served)
            }
            let groups = try await served.call(
                "POST", "collections/c/points/query/groups",
                #"{"query":[1,1],"group_by":"n","limit":\#(most),"group_size":\#(most)}"#)
            #expect(groups.value["result"]?["groups"]?.arrayValue?.isEmpty == false, "\(groups.value)")
        }
    }

    @Test("A query of every kind answers the points that it means, the best first")
    func kinds() async throws {
        try await ServedAPI.run { served in
            try await served.fillWithExtremes()
            func ids(_ query: String, _ more: String = "") async throws -> [Int64] {
                try await served.ids("query", #"{"query":\#(query),"limit":3\#(more)}"#)
            }
            #expect(try await ids("[1,0]").prefix(2) == [6, 4])
            // A point is no answer to itself.
            #expect(try await Set(ids("6")) == [3, 4, 5])
            #expect(try await ids(#"{"recommend":{"positive":[6],"negative":[1]}}"#).contains(6) == false)
            #expect(try await ids(#"{"sample":"random"}"#).count == 3)
            let prefetch = #","prefetch":[{"query":[1,0],"limit":1},{"query":[0,1],"limit":1}]"#
            #expect(try await ids(#"{"fusion":"rrf"}"#, prefetch) == [6])
            #expect(try await ids(#"{"formula":{"mult":["$score",2]}}"#, prefetch) == [6])
            let fallback = #"{"formula":"n","defaults":{"n":7}}"#
            let answer = try await served.call(
                "POST", "collections/c/points/query", #"{"query":\#(fallback)\#(prefetch)}"#)
            #expect(answer.value["result"]?["points"]?.arrayValue?.first?["score"]?.doubleValue == 7)
        }
    }

    @Test(
        "Diverse answers are those of the definition, whether the matrix of similarities is held or not",
        arguments: [1_000, 1_200])
    func diverse(candidates: Int) async throws {
        // A point is (x, y); the values are far enough from each other that no two scores are equal.
        let points = (1...1_200).map { (i: Int) -> (x: Double, y: Double) in
            (x: Double(i * 769 % 1_201) / 1_201, y: Double(i * 419 % 1_213) / 1_213)
        }
        func product(_ a: (x: Double, y: Double), _ b: (x: Double, y: Double)) -> Double { a.x * b.x + a.y * b.y }
        let question = (x: 1.0, y: 0.37)
        let order = points.indices.sorted { product(points[$0], question) > product(points[$1], question) }
        var left = Array(order.prefix(candidates))
        var expected: [Int] = []
        while expected.count < 20 {
            func value(_ i: Int) -> Double {
                guard !expected.isEmpty else { return product(points[i], question) }
                let nearest = expected.map { product(points[$0], points[i]) }.max() ?? 0
                return 0.5 * product(points[i], question) - 0.5 * nearest
            }
            guard let best = left.max(by: { value($0) < value($1) }) else { break }
            left.removeAll { $0 == best }
            expected.append(best)
        }
        try await ServedAPI.run { served in
            _ = try await served.call("PUT", "collections/c", #"{"vectors":{"size":2,"distance":"Dot"}}"#)
            let list = points.enumerated().map { (place, point) -> String in
                #"{"id":\#(place + 1),"vector":[\#(point.x),\#(point.y)]}"#
            }
            _ = try await served.call(
                "PUT", "collections/c/points", #"{"points":[\#(list.joined(separator: ","))]}"#)
            let found = try await served.ids(
                "query",
                #"{"query":{"nearest":[1,0.37],"mmr":{"diversity":0.5,"candidates_limit":\#(candidates)}},"limit":20}"#)
            #expect(found == expected.map { Int64($0 + 1) })
        }
    }
}
