/// What a listener turns away before anything else looks at the request.
///
/// Any web page that the user visits can send requests to this machine: "simple" ones without asking (a POST of
/// `text/plain`), and any at all through a name of its own that it lets resolve to 127.0.0.1 (DNS rebinding). Where a
/// key is needed, the page does not know it. Without a key, the header `Host` tells under which name the request came,
/// `Origin` tells which page sent it, and a content type that a page may not send without asking closes the rest.
package struct AdmissionPolicy: Sendable, Equatable {
    /// Whether callers must show a key; then the key decides, and nothing is turned away here.
    package let hasKey: Bool
    /// Whether the listener can be reached from this machine alone.
    package let isOnLoopback: Bool

    package init(hasKey: Bool, isOnLoopback: Bool) {
        self.hasKey = hasKey
        self.isOnLoopback = isOnLoopback
    }

    /// An answer in plain text.
    package struct Refusal: Sendable, Equatable {
        package let status: Int
        package let text: String
    }

    /// nil when the request is admitted.
    ///
    /// - Parameters:
    ///   - headers: every header as it came; names in any case.
    ///   - authority: the host that the request's target names, where it names one (RFC 9112, 3.2.2).
    ///   - isUpload: whether the body may be a form with a file.
    package func refusal(
        method: String, headers: some Sequence<(name: String, value: String)>, authority: String? = nil,
        isUpload: Bool = false
    ) -> Refusal? {
        if hasKey { return nil }
        guard isOnLoopback else { return Self.needsKey }
        let read = Headers(headers)
        guard read.hosts.count == 1, (read.hosts + (authority.map { [$0] } ?? [])).allSatisfy(LoopbackName.isAuthority)
        else { return Self.foreignHost }
        guard read.origins.allSatisfy(LoopbackName.isOrigin) else { return Self.foreignOrigin }
        guard read.hasBody, !Self.changesNothing.contains(method) else { return nil }
        let isAccepted = read.types == ["application/json"] || isUpload && read.types == ["multipart/form-data"]
        return isAccepted ? nil : Self.otherContent(isUpload)
    }

    /// Methods whose bodies nothing here reads.
    private static let changesNothing: Set<String> = ["GET", "HEAD"]

    /// What counts here; of headers that come more than once, each.
    private struct Headers {
        var hosts: [String] = []
        var origins: [String] = []
        /// Media types in small letters.
        var types: [String] = []
        var hasBody = false

        init(_ headers: some Sequence<(name: String, value: String)>) {
            for (name, value) in headers {
                switch name.lowercased() {
                case "host": hosts.append(value)
                case "origin": origins.append(value)
                case "content-type": types.append(AdmissionPolicy.mediaType(value))
                case "transfer-encoding": hasBody = true
                case "content-length" where !value.utf8.allSatisfy({ $0 == UInt8(ascii: "0") }): hasBody = true
                default: break
                }
            }
        }
    }

    /// The type in small letters, without its parameters.
    private static func mediaType(_ value: String) -> String {
        let type = value.utf8.prefix { $0 != UInt8(ascii: ";") }
        func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let end = type.lastIndex { !isSpace($0) }.map(type.index(after:)) ?? type.startIndex
        return String(decoding: type[..<end].drop(while: isSpace), as: UTF8.self).lowercased()
    }

    // MARK: What is said

    private static let needsKey = Refusal(
        status: 403, text: "Refused: this server can be reached from other machines, so it needs an API key.")

    private static let foreignHost = Refusal(
        status: 403,
        text: "Refused: the header Host does not name this machine. This server has no API key, so it answers only "
            + "requests to localhost, 127.0.0.0/8 and [::1]. Use one of these in the URL, or start the server with "
            + "CORTEX_API_KEY and send the key in the header api-key.")

    private static let foreignOrigin = Refusal(
        status: 403,
        text: "Refused: the header Origin names a web page that is not of this machine. This server has no API key, "
            + "so it answers only pages from localhost, 127.0.0.0/8 and [::1]. To call it from elsewhere, start it "
            + "with CORTEX_API_KEY and send the key in the header api-key.")

    private static func otherContent(_ isUpload: Bool) -> Refusal {
        let wanted = isUpload ? "multipart/form-data (a file is uploaded here)" : "application/json"
        return Refusal(
            status: 415,
            text: "Refused: a request with a body needs the header content-type: \(wanted). With curl: "
                + (isUpload ? "-F 'snapshot=@FILE'" : "-H 'content-type: application/json'"))
    }
}
