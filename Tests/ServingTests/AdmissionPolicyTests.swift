import Serving
import Testing

@Suite("What a listener turns away at once")
struct AdmissionPolicyTests {
    private static let hosts: [(text: String?, isOurs: Bool)] = [
        ("localhost", true), ("LocalHost:6333", true), ("127.0.0.1", true), ("127.0.0.1:80", true),
        ("127.255.0.9:65535", true), ("[::1]", true), ("[::1]:6333", true), ("localhost:", true),
        (nil, false), ("", false), ("evil.example", false), ("evil.example:6333", false),
        ("localhost.evil.example", false), ("127.0.0.1.evil.example", false), ("127.evil.example", false),
        ("notlocalhost", false), ("192.168.0.1", false), ("0.0.0.0", false), ("10.127.0.1", false), ("127.1", false),
        ("127.0.0.256", false), ("127.0.0.01", false), ("127.0.0.1.", false), ("127.0.0.1:port", false),
        ("127.0.0.1:123456", false), ("127.0.0.1@evil.example", false), ("localhost@evil.example", false),
        ("localhost/evil", false), ("localhost evil.example", false), ("::1", false), ("[::1", false),
        ("[::1].evil.example", false), ("[::2]", false), ("[::ffff:127.0.0.1]", false), ("2130706433", false),
        ("x", false), ("loc\u{0430}lhost", false), ("localhost\u{0}", false), ("\u{FF11}27.0.0.1", false),
    ]

    private static let origins: [(text: String?, isOurs: Bool)] = [
        (nil, true), ("http://localhost", true), ("http://localhost:3000", true), ("https://127.0.0.1:8443", true),
        ("HTTP://[::1]:1", true),
        ("null", false), ("", false), ("http://evil.example", false), ("http://localhost.evil.example", false),
        ("http://evil.example/localhost", false), ("http://localhost/", false), ("localhost", false),
        ("file://", false), ("chrome-extension://localhost", false), ("http://127.0.0.1.evil.example", false),
        ("http://localhost@evil.example", false), ("http://localhost http://evil.example", false),
    ]

    private static let types: [(text: String?, media: String)] = [
        ("application/json", "json"), ("Application/JSON; charset=utf-8", "json"), (" application/json ;x=y", "json"),
        ("multipart/form-data; boundary=x", "form"),
        (nil, "other"), ("", "other"), ("text/plain", "other"), ("text/plain; application/json", "other"),
        ("application/x-www-form-urlencoded", "other"), ("application/jsonp", "other"),
        ("application/json, text/plain", "other"), ("application / json", "other"), ("application/json+x", "other"),
    ]

    private static let bodies: [(name: String, value: String, isThere: Bool)?] = [
        nil, ("content-length", "0", false), ("Content-Length", "2", true), ("transfer-encoding", "chunked", true),
    ]

    private static func headers(
        _ host: String?, _ origin: String?, _ type: String?, _ body: (name: String, value: String, isThere: Bool)?
    ) -> [(name: String, value: String)] {
        [("Accept", "*/*")] + (host.map { [("Host", $0)] } ?? []) + (origin.map { [("ORIGIN", $0)] } ?? [])
            + (type.map { [("Content-Type", $0)] } ?? []) + (body.map { [($0.name, $0.value)] } ?? [])
    }

    @Test(
        "On loopback without a key: every host, origin, content type and body with every method",
        arguments: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
    func loopback(method: String) {
        let policy = AdmissionPolicy(hasKey: false, isOnLoopback: true)
        for host in Self.hosts {
            for origin in Self.origins {
                for type in Self.types {
                    for body in Self.bodies {
                        for isUpload in [false, true] {
                            let refusal = policy.refusal(
                                method: method, headers: Self.headers(host.text, origin.text, type.text, body),
                                isUpload: isUpload)
                            let changes = method != "GET" && method != "HEAD"
                            let fits = type.media == "json" || isUpload && type.media == "form"
                            let expected: Int? =
                                !host.isOurs || !origin.isOurs
                                ? 403 : changes && body?.isThere == true && !fits ? 415 : nil
                            #expect(
                                refusal?.status == expected,
                                "\(host.text ?? "-") \(origin.text ?? "-") \(type.text ?? "-") \(body?.name ?? "-")")
                        }
                    }
                }
            }
        }
    }

    @Test("With a key nothing is turned away here, on loopback or off it")
    func key() {
        for isOnLoopback in [true, false] {
            let policy = AdmissionPolicy(hasKey: true, isOnLoopback: isOnLoopback)
            for host in Self.hosts {
                for origin in Self.origins {
                    for type in Self.types {
                        let headers = Self.headers(host.text, origin.text, type.text, ("content-length", "2", true))
                        #expect(policy.refusal(method: "DELETE", headers: headers) == nil)
                    }
                }
            }
        }
    }

    @Test("Off loopback without a key everything is turned away, whatever it claims to come from")
    func offLoopback() {
        let policy = AdmissionPolicy(hasKey: false, isOnLoopback: false)
        for method in ["GET", "POST"] {
            let refusal = policy.refusal(method: method, headers: Self.headers("localhost", nil, nil, nil))
            #expect(refusal?.status == 403 && refusal?.text.contains("key") == true)
        }
    }

    @Test("Of two hosts, two origins, two content types or a target of its own, none may be foreign")
    func twice() {
        let policy = AdmissionPolicy(hasKey: false, isOnLoopback: true)
        func status(_ headers: [(name: String, value: String)], authority: String? = nil) -> Int? {
            policy.refusal(method: "POST", headers: headers, authority: authority)?.status
        }
        #expect(status([("host", "localhost"), ("host", "localhost")]) == 403)
        #expect(status([("host", "localhost"), ("host", "evil.example")]) == 403)
        #expect(status([("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://a.example")]) == 403)
        #expect(status([("host", "localhost")], authority: "evil.example") == 403)
        #expect(status([("host", "localhost")], authority: "127.0.0.1:1") == nil)
        let body = [("host", "localhost"), ("content-length", "2"), ("content-type", "application/json")]
        #expect(status(body) == nil)
        #expect(status(body + [("content-type", "text/plain")]) == 415)
    }

    @Test("A refusal says what to do")
    func texts() {
        let policy = AdmissionPolicy(hasKey: false, isOnLoopback: true)
        func text(_ headers: [(name: String, value: String)], isUpload: Bool = false) -> String {
            policy.refusal(method: "POST", headers: headers, isUpload: isUpload)?.text ?? ""
        }
        #expect(text([("host", "evil.example")]).contains("CORTEX_API_KEY"))
        #expect(text([("host", "evil.example")]).contains("localhost"))
        #expect(text([("host", "localhost"), ("origin", "null")]).contains("Origin"))
        let body = [("host", "localhost"), ("content-length", "2")]
        #expect(text(body).contains("content-type: application/json"))
        #expect(text(body, isUpload: true).contains("multipart/form-data"))
    }

    @Test("An address to listen on is loopback only by one of its spellings")
    func listeners() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1", "LOCALHOST"] {
            #expect(LoopbackName.contains(host))
        }
        for host in ["0.0.0.0", "::", "127.evil.example", "", "localhost.", "[::1]", "example.org", "127.0.0.1:80"] {
            #expect(!LoopbackName.contains(host))
        }
    }
}
