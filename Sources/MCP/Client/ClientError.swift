import JSON

/// What a client of MCP says when it has no answer.
package struct ClientError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The server could not be started or written to, or left before it answered.
        case unreachable
        /// What came is no message of the protocol.
        case malformed
        /// The server answered with an error of the protocol.
        case refused
        /// The server ended with another status than 0.
        case failed
    }

    package let code: Code
    /// What happened and what to do about it.
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { message }
}
