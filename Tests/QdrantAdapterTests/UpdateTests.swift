import JSON
import Testing

@Suite("Changes of points as requests write them")
struct UpdateTests {
    private static let refusals = [
        Refusal("PUT", "points", "{}", 400, "enum PointInsertOperations"),
        Refusal("PUT", "points", "[]", 400, "enum PointInsertOperations"),
        Refusal("PUT", "points", #"{"points":{}}"#, 400, "points: invalid type"),
        Refusal("PUT", "points", #"{"points":[1]}"#, 400, "expected struct PointStruct"),
        Refusal("PUT", "points", #"{"points":[{"vector":[1,2]}]}"#, 400, "missing field `id`"),
        Refusal("PUT", "points", #"{"points":[{"id":-1,"vector":[1,2]}]}"#, 400, "value -1 is not a valid point ID"),
        Refusal("PUT", "points", #"{"points":[{"id":"","vector":[1,2]}]}"#, 400, "value \"\" is not a valid point ID"),
        Refusal("PUT", "points", #"{"points":[{"id":1e3,"vector":[1,2]}]}"#, 400, "enum ExtendedPointId"),
        Refusal(
            "PUT", "points", #"{"points":[{"id":18446744073709551616,"vector":[1,2]}]}"#, 400, "enum ExtendedPointId"),
        Refusal("PUT", "points", #"{"points":[{"id":9}]}"#, 400, "missing field `vector`"),
        Refusal("PUT", "points", #"{"points":[{"id":9,"vector":[1]}]}"#, 400, "expected dim: 2, got 1"),
        Refusal("PUT", "points", #"{"points":[{"id":9,"vector":[1,1e39]}]}"#, 400, "number out of range"),
        Refusal(
            "PUT", "points", #"{"points":[{"id":9,"vector":[1,1e400]}]}"#, 400, "a number that JSON does not allow"),
        Refusal("PUT", "points", #"{"points":[{"id":9,"vector":"x"}]}"#, 400, "enum VectorStruct"),
        Refusal("PUT", "points", #"{"points":[{"id":9,"vector":{"x":[1,2]}}]}"#, 400, "vector name error: x"),
        Refusal("PUT", "points", #"{"points":[{"id":9,"vector":{"text":"a","model":"m"}}]}"#, 500, "InferenceService"),
        Refusal("PUT", "points", #"{"points":[{"id":9,"vector":[1,2],"payload":1}]}"#, 400, "expected a map"),
        Refusal("PUT", "points", #"{"points":[{"id":9,"vector":[1,2],"payload":{"t":"\ud83d"}}]}"#, 400, "bad escape"),
        Refusal("PUT", "points", #"{"points":[],"update_mode":"x"}"#, 400, "unknown variant `x`"),
        Refusal("PUT", "points", #"{"points":[],"update_mode":1}"#, 400, "update_mode: invalid type"),
        Refusal("PUT", "points", #"{"points":[],"update_filter":1}"#, 400, "expected struct Filter"),
        Refusal("PUT", "points", #"{"batch":{}}"#, 400, "missing field `ids`"),
        Refusal("PUT", "points", #"{"batch":{"ids":[1]}}"#, 400, "missing field `vectors`"),
        Refusal("PUT", "points", #"{"batch":{"ids":[9],"vectors":[[1,2],[3,4]]}}"#, 422, "must be equal (1 != 2)"),
        Refusal(
            "PUT", "points", #"{"batch":{"ids":[9],"vectors":[[1,2]],"payloads":[]}}"#, 422,
            "number of ids and payloads"),
        Refusal("PUT", "points", #"{"batch":{"ids":[9],"vectors":{"x":[]}}}"#, 422, "batch.vectors.x"),
        Refusal("PUT", "points", #"{"batch":{"ids":[9],"vectors":1}}"#, 400, "enum BatchVectorStruct"),
        Refusal("points/delete", "{}", 400, "Either list of ids or filter must be provided"),
        Refusal("points/delete", #"{"points":1}"#, 400, "expected a sequence"),
        Refusal("points/delete", #"{"points":["x"]}"#, 400, "is not a valid point ID"),
        Refusal("PUT", "points/vectors", "{}", 400, "missing field `points`"),
        Refusal("PUT", "points/vectors", #"{"points":[]}"#, 422, "points: value invalid, must not be empty"),
        Refusal("PUT", "points/vectors", #"{"points":[{"id":1,"vector":{}}]}"#, 422, "points[0].vector"),
        Refusal("PUT", "points/vectors", #"{"points":[{"id":1,"vector":[1]}]}"#, 400, "expected dim: 2, got 1"),
        Refusal("PUT", "points/vectors?wait=true", #"{"points":[{"id":99,"vector":[1,2]}]}"#, 404, "id 99"),
        Refusal("points/vectors/delete", #"{"points":[1]}"#, 400, "missing field `vector`"),
        Refusal("points/vectors/delete", #"{"points":[1],"vector":[]}"#, 422, "vector: value invalid"),
        Refusal("points/vectors/delete", #"{"points":[1],"vector":["x"]}"#, 400, "vector name error: x"),
        Refusal("points/vectors/delete", #"{"vector":[""]}"#, 400, "Either list of ids or filter"),
        Refusal("points/payload", "{}", 400, "missing field `payload`"),
        Refusal("points/payload", #"{"payload":[]}"#, 400, "payload: invalid type"),
        Refusal("points/payload", #"{"payload":{}}"#, 400, "Either list of ids or filter"),
        Refusal("points/payload", #"{"payload":{},"points":[1],"key":"a["}"#, 400, "Invalid json path: 'a['"),
        Refusal("points/payload?wait=true", #"{"payload":{"a":1},"points":[99]}"#, 404, "No point with id 99 found"),
        Refusal("PUT", "points/payload", #"{"payload":null,"points":[1]}"#, 400, "missing field `payload`"),
        Refusal("points/payload/delete", #"{"points":[1]}"#, 400, "missing field `keys`"),
        Refusal("points/payload/delete", #"{"points":[1],"keys":[""]}"#, 400, "Invalid json path: ''"),
        Refusal("points/payload/clear", "{}", 400, "Either list of ids or filter"),
        Refusal("points/batch", "{}", 400, "missing field `operations`"),
        Refusal("points/batch", #"{"operations":[{"merge":{}}]}"#, 400, "enum UpdateOperation"),
        Refusal("points/batch", #"{"operations":[{}]}"#, 400, "enum UpdateOperation"),
        Refusal("points/batch", #"{"operations":[1]}"#, 400, "enum UpdateOperation"),
        Refusal(
            "points/batch", #"{"operations":[{"delete":{"points":[1]},"upsert":{"points":[]}}]}"#, 400,
            "enum UpdateOperation"),
        Refusal("points/batch?wait=maybe", #"{"operations":[]}"#, 400, "was not `true` or `false`"),
        Refusal("points/batch?timeout=0", #"{"operations":[]}"#, 422, "timeout"),
        Refusal("points/batch?timeout=4294967296", #"{"operations":[]}"#, 400, "query parameters"),
        Refusal("points/batch?ordering=odd", #"{"operations":[]}"#, 400, "unknown variant `odd`"),
    ]

    @Test("A change that cannot be read is refused by the name of what is wrong in it, and changes nothing")
    func refused() async throws {
        try await ServedAPI.run { served in
            try await served.fillWithExtremes()
            for refusal in Self.refusals { try await refusal.check(served) }
        }
    }

    @Test("Payloads of extreme values come back as they were sent")
    func extremes() async throws {
        let values = [
            "9223372036854775807", "-9223372036854775808", "18446744073709551615", "-0.0", "1e308", "5e-324", "0.1",
            #""""#, #""\u0000""#, #""\ud83d\udfe2""#, #""e\u0301""#, "null", "[]", "{}", #"{"":{"":[[]]}}"#,
        ]
        try await ServedAPI.run { served in
            try await served.fillWithExtremes()
            for value in values {
                let written = try await served.call(
                    "PUT", "collections/c/points/payload?wait=true", #"{"points":[1],"payload":{"v":\#(value)}}"#)
                #expect(written.status == 200, "\(value)")
                let read = try await served.call("GET", "collections/c/points/1").value["result"]?["payload"]?["v"]
                let sent = try JSONParser.parse(value)
                #expect(read.map { JSONWriter.text($0) } == JSONWriter.text(sent), "\(value)")
            }
        }
    }

    /// What is done to point 1, whose payload is `{"a":{"b":[1,2]},"c":1}`, and what it holds then.
    private static let changes: [(method: String, path: String, body: String, payload: String)] = [
        ("POST", "payload", #""payload":{"c":2}"#, #"{"a":{"b":[1,2]},"c":2}"#),
        ("POST", "payload", #""payload":{"c":null}"#, #"{"a":{"b":[1,2]}}"#),
        ("POST", "payload", #""payload":{"d":1},"key":"a""#, #"{"a":{"b":[1,2],"d":1},"c":1}"#),
        ("POST", "payload", #""payload":{"d":1},"key":"a.b[0]""#, #"{"a":{"b":[{"d":1},2]},"c":1}"#),
        ("POST", "payload", #""payload":{"d":1},"key":"a.b[9223372036854775807]""#, #"{"a":{"b":[1,2]},"c":1}"#),
        ("PUT", "payload", #""payload":{"e":null}"#, #"{"e":null}"#),
        ("POST", "payload/delete", #""keys":["a.b","nothing"]"#, #"{"a":{},"c":1}"#),
        ("POST", "payload/delete", #""keys":["a.b[]"]"#, #"{"a":{"b":[]},"c":1}"#),
        ("POST", "payload/delete", #""keys":[]"#, #"{"a":{"b":[1,2]},"c":1}"#),
        ("POST", "payload/clear", #""filter":null"#, "{}"),
    ]

    @Test("A change of a payload does what it says, and as one operation of a batch the same")
    func payloads() async throws {
        let names = ["POST payload": "set_payload", "PUT payload": "overwrite_payload"]
        try await ServedAPI.run { served in
            try await served.fill("c")
            for (method, path, body, payload) in Self.changes {
                for isBatch in [false, true] {
                    _ = try await served.call(
                        "PUT", "collections/c/points/payload?wait=true",
                        #"{"points":[1],"payload":{"a":{"b":[1,2]},"c":1}}"#)
                    let change = #"{"points":[1],\#(body)}"#
                    let name =
                        names["\(method) \(path)"] ?? path.split(separator: "/").reversed().joined(separator: "_")
                    let answer =
                        isBatch
                        ? try await served.call(
                            "POST", "collections/c/points/batch?wait=true", #"{"operations":[{"\#(name)":\#(change)}]}"#
                        )
                        : try await served.call(method, "collections/c/points/\(path)?wait=true", change)
                    #expect(answer.status == 200, "\(name) \(change): \(answer.value)")
                    let read = try await served.call("GET", "collections/c/points/1").value["result"]?["payload"]
                    #expect(try (read ?? [:]) == JSONParser.parse(payload), "\(name) \(change)")
                }
            }
        }
    }

    @Test("What is answered is in an envelope: the result, the word ok, and the seconds it took")
    func envelopes() async throws {
        try await ServedAPI.run { served in
            try await served.fillWithExtremes()
            for (wait, status) in [("true", "completed"), ("false", "acknowledged")] {
                let answer = await served.answer(
                    "POST", "collections/c/points/payload?wait=\(wait)", #"{"payload":{"q":1},"points":[1]}"#)
                let value = try JSONParser.parse(answer.body)
                #expect(value.objectValue?.keys.sorted() == ["result", "status", "time"])
                #expect(value["status"] == "ok")
                #expect(value["result"]?["status"]?.stringValue == status)
                #expect((value["result"]?["operation_id"]?.integerValue ?? 0) > 0)
                #expect(answer.contentType.hasPrefix("application/json"))
            }
            let refused = try await served.call("POST", "collections/none/points/scroll", "{}")
            #expect(refused.status == 404)
            #expect(refused.value.objectValue?.keys.sorted() == ["status", "time"])
            #expect(refused.value["status"]?["error"] == "Not found: Collection `none` doesn't exist!")
            let nowhere = await served.answer("POST", "collections/c/nowhere", "{}")
            #expect(nowhere.status == 404)
            #expect(nowhere.body.isEmpty)
        }
    }
}
