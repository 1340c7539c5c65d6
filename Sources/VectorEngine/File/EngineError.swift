/// What the engine says when it cannot do what was asked: a code to act on, a message with the remedy, the cause.
///
/// Messages name places and limits, never stored text.
public struct EngineError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// No collection of that name.
        case collectionNotFound
        case collectionExists
        /// A name, limit or schema that cannot be.
        case invalidArgument
        case wrongDimension
        /// NaN or infinity in a vector.
        case notFinite
        case unknownVector
        case invalidPayload
        /// The files cannot be written: permissions, read-only file system.
        case notWritable
        /// The disk is full, or all but: nothing was written, reading goes on, writes succeed again once there is room.
        case diskFull
        /// Bytes on disk are not what was written.
        case damaged
        /// Encrypted, and the key is missing or another one; or not encrypted, though a key is given.
        case keyRefused
        /// Written by a newer version.
        case unsupportedFormat
        /// An I/O error left the outcome unknown; reopen the store to know.
        case outcomeUnknown
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
