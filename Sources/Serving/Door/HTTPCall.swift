/// A request. Its body has arrived whole, except where `stream` hands it on while it arrives.
package struct HTTPCall: Sendable {
    package let method: String
    /// The path's parts, percent-decoded; a slash at the end counts for nothing.
    package let path: [String]
    /// Parameters behind the question mark, decoded; of two of one name the last counts.
    package let query: [String: String]
    /// By name in lower case.
    package let headers: [String: String]
    package let body: [UInt8]
    /// The body of a request that the door was told to stream; `body` is empty then.
    package let stream: HTTPBodyStream?

    package init(
        method: String, path: [String], query: [String: String] = [:], headers: [String: String] = [:],
        body: [UInt8] = [], stream: HTTPBodyStream? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.stream = stream
    }

    func with(body: [UInt8] = [], stream: HTTPBodyStream? = nil) -> HTTPCall {
        HTTPCall(method: method, path: path, query: query, headers: headers, body: body, stream: stream)
    }
}

/// What a call is answered with.
package struct HTTPAnswer: Sendable {
    package var status: Int
    package var contentType: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// A file whose bytes are the body; `body` is empty then.
    package var file: HTTPFile?

    package init(
        status: Int = 200, contentType: String = "application/json", headers: [(name: String, value: String)] = [],
        body: [UInt8] = [], file: HTTPFile? = nil
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
        self.file = file
    }

    var bodyBytes: Int { file?.byteCount ?? body.count }

    package static func text(_ text: String, status: Int = 200) -> HTTPAnswer {
        HTTPAnswer(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }
}
