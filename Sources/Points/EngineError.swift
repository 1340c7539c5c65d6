/// An error of the engine: a code to act on, a message with the remedy, and the cause.
///
/// Messages contain places and limits, never stored text.
public struct EngineError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// No collection of that name.
        case collectionNotFound
        case collectionExists
        /// A name, limit or schema that is not allowed.
        case invalidArgument
        case wrongDimension
        /// NaN or infinity in a vector.
        case notFinite
        case unknownVector
        case invalidPayload
        /// A write's precondition does not hold; nothing of its batch was written.
        case preconditionFailed
        /// Too much is waiting to be written; nothing of this call was, and it may succeed in a moment.
        case overloaded
        /// The files cannot be written: permissions, read-only file system.
        case notWritable
        /// The disk is full or nearly full: nothing was written, reading works, and writes work again once there is
        /// space.
        case diskFull
        /// Bytes on disk do not match their checksum.
        case damaged
        /// The store is encrypted and the key is missing or wrong, or it is not encrypted although a key is given.
        case keyRefused
        /// Written by a newer version.
        case unsupportedFormat
        /// An I/O error left the outcome unknown; the next call finds out.
        case outcomeUnknown
        /// Writers replaced what was found, again and again, before it could be read; the request can be sent again.
        case overtaken
        /// The store was closed.
        case closed
        case cancelled
    }

    public let code: Code
    /// What happened and what to do about it.
    public let message: String
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { message }
}
