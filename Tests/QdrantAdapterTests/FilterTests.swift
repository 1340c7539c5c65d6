import JSON
import Testing

@Suite("Filters as requests write them")
struct FilterTests {
    /// A filter, and the points of ``ServedAPI/fillWithExtremes()`` that pass it.
    private static let passing: [(filter: String, ids: [Int64])] = [
        ("{}", [1, 2, 3, 4, 5, 6]), ("null", [1, 2, 3, 4, 5, 6]), (#"{"must":[]}"#, [1, 2, 3, 4, 5, 6]),
        (#"{"must":{"key":"n","match":{"value":1}}}"#, [1]),
        (#"{"must":[{"key":"n","match":{"value":"1"}}]}"#, [5]),
        (#"{"must":[{"key":"n","range":{"gte":1,"lte":1}}]}"#, [1, 4]),
        (#"{"must":[{"key":"n","range":{"gte":1.0,"lt":1.5}}]}"#, [1, 4]),
        (#"{"must":[{"key":"n","range":{"gte":9223372036854775807,"lte":9223372036854775807}}]}"#, [2]),
        (#"{"must":[{"key":"n","range":{"gt":9223372036854775806}}]}"#, [2]),
        (#"{"must":[{"key":"n","range":{"gt":9223372036854775807}}]}"#, []),
        (#"{"must":[{"key":"n","range":{"gte":18446744073709551615}}]}"#, []),
        (#"{"must":[{"key":"n","range":{"gte":-0.0,"lte":0}}]}"#, [3]),
        (#"{"must":[{"key":"n","range":{"lt":0}}]}"#, []),
        (#"{"must":[{"key":"n","range":{}}]}"#, [1, 2, 3, 4]),
        (#"{"must":[{"key":"t","match":{"value":"caf\u00e9"}}]}"#, [1]),
        (#"{"must":[{"key":"t","match":{"value":"cafe\u0301"}}]}"#, [2]),
        (#"{"must":[{"key":"t","match":{"value":""}}]}"#, [3]),
        (#"{"must":[{"key":"t","match":{"value":"a\u0000b"}}]}"#, [4]),
        (#"{"must":[{"key":"t","match":{"value":"a"}}]}"#, []),
        (#"{"must":[{"key":"b","match":{"value":true}}]}"#, [5]),
        (#"{"must":[{"key":"b","match":{"value":1}}]}"#, []),
        (#"{"must":[{"key":"tags","match":{"any":["b","none"]}}]}"#, [1]),
        (#"{"must":[{"key":"tags","match":{"any":[]}}]}"#, []),
        (#"{"must":[{"is_empty":{"key":"tags"}}]}"#, [2, 3, 4, 5, 6]),
        (#"{"must":[{"is_null":{"key":"z"}}]}"#, [2]),
        (#"{"must":[{"key":"tags","values_count":{"gte":2}}]}"#, [1]),
        (#"{"must":[{"has_id":[6,1,99]}]}"#, [1, 6]), (#"{"must":[{"has_id":[]}]}"#, []),
        (#"{"must_not":[{"has_id":[1,2,3,4,5]}]}"#, [6]),
        (#"{"must":[{"has_vector":""}]}"#, [1, 2, 3, 4, 5, 6]),
        (#"{"must":[{"slice":{"total":1,"index":0}}]}"#, [1, 2, 3, 4, 5, 6]),
        (#"{"must":[{"key":"at","range":{"gte":"2020-01-01","lt":"2020-01-02T00:00:00Z"}}]}"#, [1]),
        (#"{"must":[{"key":"at","range":{"gt":"2020-01-01T00:00:00Z"}}]}"#, []),
        (#"{"must":[{"key":"geo","geo_radius":{"center":{"lon":0,"lat":0},"radius":1}}]}"#, [1]),
        (
            #"{"must":[{"nested":{"key":"list","filter":{"must":[{"key":"x","match":{"value":1}},"#
                + #"{"key":"y","match":{"value":2}}]}}}]}"#, [3]
        ),
        (
            #"{"must":[{"nested":{"key":"list","filter":{"must":[{"key":"x","match":{"value":1}},"#
                + #"{"key":"y","match":{"value":1}}]}}}]}"#, []
        ),
        (#"{"must":[{"key":"list[].x","match":{"value":2}}]}"#, [3]),
        (#"{"should":[{"has_id":[1]},{"must":[{"has_id":[2]}]}]}"#, [1, 2]),
        (#"{"min_should":{"conditions":[{"has_id":[1,2]},{"has_id":[2,3]},{"has_id":[3]}],"min_count":2}}"#, [2, 3]),
        (#"{"min_should":{"conditions":[{"has_id":[1]}],"min_count":9223372036854775807}}"#, []),
    ]

    @Test("A filter lets exactly those points through that it means, in a scroll, a count and a query")
    func passing() async throws {
        try await ServedAPI.run { served in
            try await served.fillWithExtremes()
            for (filter, ids) in Self.passing {
                let found = try await served.ids("scroll", #"{"limit":100,"filter":\#(filter)}"#)
                #expect(found == ids, "\(filter)")
                let queried = try await served.ids("query", #"{"query":[1,1],"limit":100,"filter":\#(filter)}"#)
                #expect(queried.sorted() == ids, "\(filter)")
                let count = try await served.call("POST", "collections/c/points/count", #"{"filter":\#(filter)}"#)
                #expect(count.value["result"]?["count"]?.integerValue == Int64(ids.count), "\(filter)")
            }
        }
    }

    /// As deep as it is allowed, and one deeper.
    private static func nested(_ depth: Int) -> String {
        String(repeating: #"{"must":[{"must":["#, count: depth / 2) + #"{"has_id":[1]}"#
            + String(repeating: "]}]}", count: depth / 2)
    }

    private static let refusals: [(filter: String, status: Int, part: String)] = [
        (#""x""#, 400, "invalid type: string, expected struct Filter"), ("1", 400, "expected struct Filter"),
        ("[]", 400, "expected struct Filter"),
        (#"{"musts":[]}"#, 400, "unknown field `musts`"), (#"{"must":1}"#, 400, "enum Condition"),
        (#"{"must":[{}]}"#, 200, ""), (#"{"must":[null]}"#, 400, "enum Condition"),
        (#"{"must":[{"key":"n"}]}"#, 422, "At least one field condition must be specified"),
        (#"{"must":[{"key":1,"match":{"value":1}}]}"#, 400, "enum Condition"),
        (#"{"must":[{"key":"","match":{"value":1}}]}"#, 400, "Invalid json path: ''"),
        (#"{"must":[{"key":"a[","match":{"value":1}}]}"#, 400, "Invalid json path: 'a['"),
        (#"{"must":[{"key":"n","match":{}}]}"#, 400, "enum MatchInterface"),
        (#"{"must":[{"key":"n","match":{"value":1.5}}]}"#, 400, "enum MatchInterface"),
        (#"{"must":[{"key":"n","match":{"value":1e400}}]}"#, 400, "a number that JSON does not allow"),
        (#"{"must":[{"key":"n","match":{"any":["a",1]}}]}"#, 400, "enum MatchInterface"),
        (#"{"must":[{"key":"n","match":{"any":"a"}}]}"#, 400, "any: invalid type"),
        (#"{"must":[{"key":"n","match":{"text":1}}]}"#, 400, "text: invalid type"),
        (#"{"must":[{"key":"n","range":{"gte":"x"}}]}"#, 400, "enum RangeInterface"),
        (#"{"must":[{"key":"n","range":{"gte":{}}}]}"#, 400, "gte: invalid type"),
        (#"{"must":[{"key":"n","range":{"gt":1,"above":2}}]}"#, 400, "unknown field `above`"),
        (#"{"must":[{"key":"n","range":[]}]}"#, 400, "expected struct Range"),
        (
            #"{"must":[{"key":"g","geo_radius":{"center":{"lon":0,"lat":90.5},"radius":1}}]}"#, 400,
            "`lat` within [-90;90]"
        ),
        (#"{"must":[{"key":"g","geo_radius":{"center":{"lon":0,"lat":0}}}]}"#, 400, "missing field `radius`"),
        (#"{"must":[{"key":"g","geo_radius":{"center":{"lat":0},"radius":1}}]}"#, 400, "missing field `lon`"),
        (#"{"must":[{"key":"g","geo_bounding_box":{}}]}"#, 400, "missing field `top_left`"),
        (#"{"must":[{"key":"g","geo_polygon":{"exterior":{"points":[]}}}]}"#, 422, "filter.geo_polygon"),
        (#"{"must":[{"key":"g","geo_polygon":{}}]}"#, 400, "missing field `exterior`"),
        (#"{"min_should":{"conditions":[]}}"#, 400, "missing field `min_count`"),
        (#"{"min_should":{"min_count":1}}"#, 400, "missing field `conditions`"),
        (#"{"min_should":{"conditions":[],"min_count":-1}}"#, 400, "min_count: invalid value: integer `-1`"),
        (#"{"min_should":{"conditions":[],"min_count":18446744073709551615}}"#, 400, "min_count"),
        (#"{"must":[{"nested":{"key":"a","filter":{"must":[{"has_id":[1]}]}}}]}"#, 400, "has_id is not allowed"),
        (#"{"must":[{"nested":{"key":"a"}}]}"#, 400, "missing field `filter`"),
        (#"{"must":[{"has_id":[-1]}]}"#, 400, "value -1 is not a valid point ID"),
        (#"{"must":[{"has_id":["x"]}]}"#, 400, "value \"x\" is not a valid point ID"),
        (#"{"must":[{"has_id":[""]}]}"#, 400, "value \"\" is not a valid point ID"),
        (#"{"must":[{"has_id":[1.5]}]}"#, 400, "enum ExtendedPointId"),
        (#"{"must":[{"has_id":1}]}"#, 400, "expected a sequence"),
        (#"{"must":[{"has_vector":1}]}"#, 400, "enum Condition"),
        (#"{"must":[{"slice":{"total":0,"index":0}}]}"#, 422, "slice.total"),
        (#"{"must":[{"slice":{"total":5,"index":5}}]}"#, 422, "slice.index"),
        (#"{"must":[{"key":"t","match":{"value":"\ud800"}}]}"#, 400, "a string with a bad escape"),
        (nested(34), 400, "nested deeper than 32"),
    ]

    @Test("A filter that cannot be read is refused by the name of what is wrong in it", arguments: refusals.indices)
    func refused(index: Int) async throws {
        let (filter, status, part) = Self.refusals[index]
        try await ServedAPI.run { served in
            try await served.fillWithExtremes()
            guard status != 200 else {
                return #expect(try await served.ids("scroll", #"{"filter":\#(filter)}"#).count == 6)
            }
            for path in ["points/scroll", "points/count", "points/delete"] {
                try await Refusal(path, #"{"filter":\#(filter)}"#, status, part).check(served)
            }
            try await Refusal("points/query", #"{"query":[1,2],"filter":\#(filter)}"#, status, part).check(served)
        }
    }

    @Test("Filters may be nested to the limit, and no deeper")
    func depth() async throws {
        try await ServedAPI.run { served in
            try await served.fillWithExtremes()
            #expect(try await served.ids("scroll", #"{"filter":\#(Self.nested(32))}"#) == [1])
        }
    }
}
