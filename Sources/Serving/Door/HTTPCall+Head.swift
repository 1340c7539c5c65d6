import Foundation
import NIOHTTP1

extension HTTPCall {
    /// A request whose head was read.
    init(_ head: HTTPRequestHead) {
        var headers: [String: String] = [:]
        headers.reserveCapacity(head.headers.count)
        for (name, value) in head.headers { headers[name.lowercased()] = value }
        let (path, query) = Self.target(head.uri)
        self.init(method: head.method.rawValue, path: path, query: query, headers: headers)
    }

    /// The host that a request's target names before its path; nil where it names none (RFC 9112, 3.2).
    static func authority(_ text: String) -> String? {
        guard text.utf8.first != UInt8(ascii: "/"), let scheme = text.range(of: "://") else { return nil }
        return String(text[scheme.upperBound...].utf8.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") })
    }

    /// Path and parameters of a request's target, which may name scheme and host before them (RFC 9112, 3.2).
    static func target(_ text: String) -> (path: [String], query: [String: String]) {
        var text = Substring(text)
        if text.first != "/", let scheme = text.range(of: "://") {
            let rest = text[scheme.upperBound...]
            text = rest.firstIndex { $0 == "/" || $0 == "?" }.map { rest[$0...] } ?? ""
        }
        let bytes = text.utf8
        let end = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        let path = text[..<end].utf8.split(separator: UInt8(ascii: "/")).map { decoded(Substring($0)) }
        guard end < bytes.endIndex else { return (path, [:]) }
        var query: [String: String] = [:]
        let parameters = bytes[bytes.index(after: end)...].prefix { $0 != UInt8(ascii: "#") }
        for part in parameters.split(separator: UInt8(ascii: "&")) {
            let name = part.prefix { $0 != UInt8(ascii: "=") }
            query[decoded(form: Substring(name))] = decoded(form: Substring(part.dropFirst(name.count + 1)))
        }
        return (path, query)
    }

    /// Percent signs and what they stand for; a text that is not encoded well stays as it came.
    private static func decoded(_ part: Substring) -> String {
        part.utf8.contains(UInt8(ascii: "%")) ? part.removingPercentEncoding ?? String(part) : String(part)
    }

    /// The same for parameters, where a plus is a space.
    private static func decoded(form part: Substring) -> String {
        part.utf8.contains(UInt8(ascii: "+"))
            ? decoded(Substring(part.replacingOccurrences(of: "+", with: " "))) : decoded(part)
    }
}
