import JSON
import Testing

/// A request that is refused: what is sent, and what the answer says.
struct Refusal: Sendable, CustomTestStringConvertible {
    let method: String
    let path: String
    let body: String
    let status: Int
    /// A part of the error's text that names the field or the fault.
    let part: String

    init(_ method: String, _ path: String, _ body: String, _ status: Int, _ part: String) {
        (self.method, self.path, self.body, self.status, self.part) = (method, path, body, status, part)
    }

    /// A `POST`.
    init(_ path: String, _ body: String, _ status: Int, _ part: String) { self.init("POST", path, body, status, part) }

    var testDescription: String { "\(method) \(path) \(body.prefix(100))" }

    /// Sends the request, and then the same points are there as before.
    func check(_ served: ServedAPI) async throws {
        let before = try await served.call("POST", "collections/c/points/count").value["result"]
        let answer = try await served.call(method, "collections/c/" + path, body)
        let text = answer.value["status"]?["error"]?.stringValue ?? ""
        #expect(answer.status == status, "\(testDescription): \(text)")
        #expect(text.contains(part), "\(testDescription): \(text)")
        #expect(answer.value["result"] == nil)
        #expect((answer.value["time"]?.doubleValue ?? -1) >= 0)
        #expect(try await served.call("POST", "collections/c/points/count").value["result"] == before)
    }
}

extension ServedAPI {
    /// The collection `c` of points whose payloads hold what is easily read wrongly.
    func fillWithExtremes() async throws {
        _ = try await call("PUT", "collections/c", #"{"vectors":{"size":2,"distance":"Dot"}}"#)
        let answer = try await call(
            "PUT", "collections/c/points?wait=true",
            #"""
            {"points":[
            {"id":1,"vector":[1,0],"payload":{"n":1,"t":"caf\u00e9","tags":["a","b"],"geo":{"lon":0,"lat":0},
             "at":"2020-01-01T00:00:00Z"}},
            {"id":2,"vector":[0,1],"payload":{"n":9223372036854775807,"t":"cafe\u0301","tags":[],"z":null}},
            {"id":3,"vector":[1,1],"payload":{"n":-0.0,"t":"","list":[{"x":1,"y":2},{"x":2,"y":1}]}},
            {"id":4,"vector":[2,1],"payload":{"n":1.0,"t":"a\u0000b"}},
            {"id":5,"vector":[1,2],"payload":{"n":"1","b":true}},
            {"id":6,"vector":[3,3]}]}
            """#)
        #expect(answer.status == 200, "\(answer.value)")
    }

    /// The ids that a scroll or a query answers, in its order.
    func ids(_ path: String, _ body: String) async throws -> [Int64] {
        let answer = try await call("POST", "collections/c/points/" + path, body)
        #expect(answer.status == 200, "\(body): \(answer.value)")
        return (answer.value["result"]?["points"]?.arrayValue ?? []).compactMap { $0["id"]?.integerValue }
    }
}
