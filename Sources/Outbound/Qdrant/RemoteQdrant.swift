import Foundation

/// A Qdrant (or a served Cortex) at a URL, by Qdrant's REST calls.
package struct RemoteQdrant: Sendable {
    /// The URL without a user and a password, for reports.
    package let name: String
    private let base: String
    private let apiKey: String?
    private let client: OutboundClient

    /// Largest answer that is read, in bytes.
    private static let mostAnswerBytes = 256 << 20
    private static let timeout: Duration = .seconds(120)

    /// A call is made again when the connection fails too: every call of a migration can be repeated.
    package static let retryPolicy: RetryPolicy = {
        var policy = RetryPolicy()
        policy.attempts = 5
        policy.firstPauseSeconds = 0.2
        policy.retriesFailures = true
        // A migration makes many calls at once, and waits for a peer that is busy.
        policy.budget = 100
        policy.perSuccess = 0.2
        return policy
    }()

    /// - Throws: `invalidAddress`.
    package init(
        url: String, apiKey: String?, client: OutboundClient = OutboundClient(policy: RemoteQdrant.retryPolicy)
    ) throws(OutboundError) {
        guard let parsed = URL(string: url), let scheme = parsed.scheme, ["http", "https"].contains(scheme),
            parsed.host != nil
        else { throw OutboundError(.invalidAddress, "'\(url)' is no URL of a Qdrant; write http://host:6333") }
        base = url.hasSuffix("/") ? String(url.dropLast()) : url
        name = scheme + "://" + OutboundCall(url: base).host
        self.apiKey = apiKey
        self.client = client
    }

    /// Makes one call; the body is JSON.
    ///
    /// - Parameter path: its parts, not yet percent-encoded.
    package func send(
        _ method: String, _ path: [String], query: [String: String], body: [UInt8]
    ) async throws(OutboundError) -> OutboundAnswer {
        let escaped = path.map { $0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? $0 }
        let parameters = query.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
        var call = OutboundCall(
            url: base + "/" + escaped.joined(separator: "/") + (parameters.isEmpty ? "" : "?" + parameters))
        call.method = method
        call.headers = [("content-type", "application/json")]
        if let apiKey { call.headers.append(("api-key", apiKey)) }
        call.body = body
        call.timeout = Self.timeout
        call.mostAnswerBytes = Self.mostAnswerBytes
        return try await client.send(call)
    }
}
