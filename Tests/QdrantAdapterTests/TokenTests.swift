import Crypto
import Foundation
import JSON
import Testing

@Suite("What tokens allow on each route")
struct TokenTests {
    private static let key = "a-key-that-is-long-enough-to-sign-with"

    private func token(_ claims: String) -> String {
        func base64(_ data: Data) -> String {
            data.base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
                .replacingOccurrences(of: "=", with: "")
        }
        let signed = base64(Data(#"{"alg":"HS256"}"#.utf8)) + "." + base64(Data(claims.utf8))
        let code = HMAC<SHA256>.authenticationCode(
            for: Data(signed.utf8), using: SymmetricKey(data: Data(Self.key.utf8)))
        return signed + "." + base64(Data(code))
    }

    @Test("prw writes points, and neither indexes nor snapshots nor names of vectors")
    func pointWriter() async throws {
        let settings = #"{"vectors":{"v":{"size":2,"distance":"Dot"}}}"#
        let points = [
            ("PUT", "/points", #"{"points":[{"id":1,"vector":{"v":[1,2]}}]}"#),
            ("PUT", "/points/vectors", #"{"points":[{"id":1,"vector":{"v":[2,1]}}]}"#),
            ("POST", "/points/payload", #"{"payload":{"a":1},"points":[1]}"#),
            ("POST", "/points/batch", #"{"operations":[{"clear_payload":{"points":[1]}}]}"#),
            ("POST", "/points/vectors/delete", #"{"points":[1],"vector":["v"]}"#),
            ("POST", "/points/delete", #"{"points":[1]}"#), ("POST", "/points/scroll", "{}"), ("GET", "", ""),
        ]
        let rest = [
            ("PUT", "/index", #"{"field_name":"a","field_schema":"keyword"}"#), ("DELETE", "/index/a", ""),
            ("PUT", "/vectors/w", #"{"size":2,"distance":"Dot"}"#), ("DELETE", "/vectors/w", ""),
            ("POST", "/snapshots", ""), ("DELETE", "/snapshots/x.snapshot", ""),
        ]
        let manage = [
            ("PATCH", "", "{}"), ("DELETE", "", ""), ("POST", "/snapshots/upload", "x"),
            ("PUT", "/snapshots/recover", #"{"location":"file:///x"}"#),
        ]
        try await ServedAPI.run(key: Self.key) { served in
            let admin = ["api-key": Self.key]
            let made = try await served.call("PUT", "collections/c", settings, headers: admin)
            #expect(made.status == 200)
            for access in ["r", "prw", "rw"] {
                let headers = [
                    "authorization": "Bearer " + token(#"{"access":[{"collection":"c","access":"\#(access)"}]}"#)
                ]
                for (routes, isAllowed) in [(points, access != "r"), (rest, access == "rw"), (manage, false)] {
                    for (method, path, body) in routes {
                        let isRead = path.hasSuffix("scroll") || (method == "GET" && path.isEmpty)
                        let status = await served.answer(method, "collections/c" + path, body, headers: headers).status
                        #expect(
                            (status != 403) == (isAllowed || isRead), "\(access): \(method) \(path) gives \(status)")
                    }
                }
            }
        }
    }
}
