/// Why a call to another server has no answer.
///
/// Messages name the host, never a key, a path or anything of a body.
package struct OutboundError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The address is none that can be called.
        case invalidAddress
        case cancelled
        /// No whole answer within the time allowed.
        case timeout
        /// No connection, or one that broke.
        case unreachable
        /// The answer is larger than the caller reads.
        case tooLarge
        /// The service failed so often that it is not called for a while.
        case breakerOpen
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
