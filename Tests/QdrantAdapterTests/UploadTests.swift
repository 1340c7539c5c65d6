import Foundation
import JSON
import QdrantAdapter
import Serving
import Testing
import VectorEngine

@Suite("Snapshots that are uploaded")
struct UploadTests {
    private static let type = "multipart/form-data; boundary=bb"

    private func form(_ content: Data, name: String = "snapshot") -> Data {
        Data("--bb\r\ncontent-disposition: form-data; name=\"\(name)\"; filename=\"x\"\r\n\r\n".utf8) + content
            + Data("\r\n--bb--\r\n".utf8)
    }

    private func call(_ body: Data = Data(), stream: HTTPBodyStream? = nil, type: String = type) -> HTTPCall {
        HTTPCall(
            method: "POST", path: ["collections", "d", "snapshots", "upload"], headers: ["content-type": type],
            body: Array(body), stream: stream)
    }

    /// Runs `body` with an API and the bytes of a snapshot of two points.
    private func withSnapshot(_ body: (ServedAPI, Data) async throws -> Void) async throws {
        try await ServedAPI.run { served in
            try await served.fill("c")
            let name = try await served.call("POST", "collections/c/snapshots").value["result"]?["name"]?.stringValue
            let path = "\(served.directory)/snapshots/collections/c/\(name ?? "")"
            try await body(served, try Data(contentsOf: URL(fileURLWithPath: path)))
        }
    }

    @Test("A form that arrives in pieces makes the collection", arguments: [1000, 65_536])
    func pieces(size: Int) async throws {
        try await withSnapshot { served, bytes in
            let stream = HTTPBodyStream()
            async let answering = served.api.respond(call(stream: stream))
            let form = Array(form(bytes))
            for start in stride(from: 0, to: form.count, by: size) {
                _ = stream.offer(Array(form[start..<min(form.count, start + size)]))
            }
            stream.end()
            let answer = await answering
            #expect(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
            let count = try await served.call("POST", "collections/d/points/count", "{}").value["result"]
            #expect(count?["count"] == 2)
            #expect(served.snapshotFiles().filter { $0.hasPrefix("tmp/") } == [])
        }
    }

    @Test("A form that is cut, malformed, of another part or of no snapshot leaves nothing behind")
    func leftovers() async throws {
        try await withSnapshot { served, bytes in
            let whole = form(bytes)
            var damaged = bytes
            for i in stride(from: 5000, to: min(damaged.count, 9000), by: 7) { damaged[i] ^= 0x55 }
            let cases: [(String, HTTPCall)] = [
                ("cut", call(whole.prefix(whole.count / 2))), ("cut at the end", call(whole.dropLast(5))),
                ("empty", call()), ("no form", call(bytes)), ("another part", call(form(bytes, name: "file"))),
                ("two parts", call(form(bytes).dropLast(4) + form(bytes).dropFirst(4))),
                ("no snapshot", call(form(Data("text".utf8)))), ("an empty one", call(form(Data()))),
                ("damaged", call(form(damaged))), ("no boundary", call(whole, type: "multipart/form-data")),
                ("JSON", call(whole, type: "application/json")),
            ]
            for (name, call) in cases {
                let answer = await served.api.respond(call)
                #expect(answer.status == 400, "\(name): \(String(decoding: answer.body, as: UTF8.self))")
                #expect(served.snapshotFiles().filter { $0.hasPrefix("tmp/") } == [], "\(name)")
            }
            let stream = HTTPBodyStream()
            _ = stream.offer(Array(whole.prefix(3000)))
            stream.end(HTTPBodyStream.CutOff())
            #expect(await served.api.respond(call(stream: stream)).status == 400)
            let wrongSum = HTTPCall(
                method: "POST", path: ["collections", "d", "snapshots", "upload"],
                query: ["checksum": String(repeating: "0", count: 64)], headers: ["content-type": Self.type],
                body: Array(whole))
            #expect(await served.api.respond(wrongSum).status == 400)
            #expect(served.snapshotFiles().filter { $0.hasPrefix("tmp/") } == [])
            let exists = try await served.call("GET", "collections/d/exists").value["result"]?["exists"]
            #expect(exists == false)
        }
    }

    @Test("Who may not upload is refused before anything of the body is taken")
    func rights() async throws {
        try await ServedAPI.run(key: "a-key") { served in
            let stream = HTTPBodyStream(limitBytes: 1)
            #expect(!stream.offer([1, 2, 3]))
            #expect(await served.api.respond(call(stream: stream)).status == 401)
            let left = try await stream.next()
            #expect(left == [1, 2, 3])
        }
    }

    @Test("Only the routes that take a file have their bodies handed on")
    func routes() {
        func isUpload(_ method: String, _ path: String) -> Bool {
            QdrantAPI.isUpload(HTTPCall(method: method, path: path.split(separator: "/").map(String.init)))
        }
        #expect(isUpload("POST", "collections/c/snapshots/upload"))
        #expect(isUpload("POST", "collections/c/shards/0/snapshots/upload"))
        for (method, path) in [
            ("PUT", "collections/c/snapshots/upload"), ("POST", "collections/snapshots/upload"),
            ("POST", "collections/c/points/0/snapshots/upload"), ("POST", "collections/c/points"), ("POST", ""),
            ("POST", "snapshots/upload"), ("POST", "collections/c/snapshots/upload/x"),
        ] {
            #expect(!isUpload(method, path), "\(method) \(path)")
        }
    }
}
