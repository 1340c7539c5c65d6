import Embedding
import JSON
import VectorEngine

/// What the memory says when it cannot do what was asked: a code to act on, the place of the fault, and the remedy.
///
/// `message` names places and limits, never stored or sent text.
package struct MemoryError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        case notFound = "E2000"
        case failed = "E2001"
        case timeout = "E2002"
        case cancelled = "E2003"
        case invalidArgument = "E2004"
        case denied = "E2005"
        case unavailable = "E2006"
        case dependency = "E2007"
        case responseTooLarge = "E2103"
        /// A field that the contract does not know, or one that was given twice.
        case schema = "E2200"
        case missing = "E2201"
        case wrongType = "E2202"
        case outOfRange = "E2203"
        /// A string that is not of the form asked for: a choice, a timestamp, an id.
        case pattern = "E2204"
        case quota = "E2400"
        case rateLimit = "E2403"

        /// The word shown beside the code.
        package var category: String {
            switch self {
            case .notFound: "not_found"
            case .failed: "failed"
            case .timeout: "timeout"
            case .cancelled: "cancelled"
            case .invalidArgument: "invalid_argument"
            case .denied: "denied"
            case .unavailable: "unavailable"
            case .dependency: "dependency"
            case .responseTooLarge: "response_too_large"
            case .schema, .missing, .wrongType, .outOfRange, .pattern: "validation"
            case .quota: "quota"
            case .rateLimit: "rate_limit"
            }
        }
    }

    package let code: Code
    /// What happened and what to do about it; with the other faults of the same call, where there are any.
    package let message: String
    /// Where in the arguments the fault lies, for example `items[3].kind`.
    package let field: String?
    /// Whether the same call may succeed later, unchanged.
    package let isRetryable: Bool
    package let retryAfterMilliseconds: Int?
    /// The faults that one call has, each by itself, where there are several; else this error alone.
    private var parts: [MemoryError] = []

    /// Faults that one error tells of; the rest are counted.
    private static let mostParts = 40

    package init(
        _ code: Code, _ message: String, field: String? = nil, isRetryable: Bool = false,
        retryAfterMilliseconds: Int? = nil
    ) {
        self.code = code
        self.message = message
        self.field = field
        self.isRetryable = isRetryable
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }

    /// One error with the code and the place of the first, and the message of all; nil when there is none.
    static func joined(_ given: [MemoryError]) -> MemoryError? {
        let faults = given.flatMap { $0.parts.isEmpty ? [$0] : $0.parts }
        guard let first = faults.first, faults.count > 1 else { return faults.first }
        let others = faults.dropFirst().prefix(mostParts).map { "\($0.field.map { "\($0): " } ?? "")\($0.message)" }
        let rest = faults.count > mostParts + 1 ? "; and \(faults.count - mostParts - 1) more" : ""
        var joined = MemoryError(
            first.code, "\(first.message); also \(others.joined(separator: "; "))\(rest)", field: first.field)
        joined.parts = Array(faults.prefix(mostParts + 1))
        return joined
    }

    /// The faults by themselves; this error where it is the only one.
    var faults: [MemoryError] { parts.isEmpty ? [self] : parts }

    /// A line for each fault.
    package var description: String {
        guard parts.isEmpty else { return parts.map(\.description).joined(separator: "\n") }
        return "\(code.rawValue) \(field.map { "\($0): " } ?? "")\(message)"
    }

    /// The error object of the contract; `correlationID` ties it to the logs of one call.
    package func json(correlationID: String?) -> JSONValue {
        var members: JSONObject = [
            "code": .string(code.rawValue), "category": .string(code.category), "message": .string(message),
        ]
        if let field { members["field"] = .string(field) }
        members["retryable"] = .bool(isRetryable)
        if let retryAfterMilliseconds { members["retry_after_ms"] = .integer(Int64(retryAfterMilliseconds)) }
        if let correlationID { members["correlation_id"] = .string(correlationID) }
        return .object(members)
    }
}

extension MemoryError {
    /// Any error of the rooms below in the contract's words.
    init(mapping error: any Error) {
        switch error {
        case let error as MemoryError: self = error
        case let error as EngineError: self.init(engine: error)
        case let error as EmbeddingError:
            self.init(
                error.code == .cancelled ? .cancelled : .dependency, error.message, isRetryable: error.isRetryable)
        case is CancellationError: self.init(.cancelled, "the call was cancelled before it was done")
        default:
            self.init(.failed, "an unexpected error (\(type(of: error))); the log of this call says more")
        }
    }

    /// A queue of writes that is full is written in less.
    private static let overloadedRetryMilliseconds = 1000

    private init(engine error: EngineError) {
        switch error.code {
        case .collectionNotFound: self.init(.notFound, error.message)
        case .invalidArgument, .wrongDimension, .notFinite, .unknownVector, .invalidPayload:
            self.init(.failed, error.message)
        case .notWritable: self.init(.unavailable, error.message)
        case .diskFull: self.init(.unavailable, error.message, isRetryable: true)
        case .closed: self.init(.unavailable, error.message)
        case .overloaded:
            self.init(
                .unavailable, error.message, isRetryable: true, retryAfterMilliseconds: Self.overloadedRetryMilliseconds
            )
        case .overtaken: self.init(.unavailable, error.message, isRetryable: true)
        case .collectionExists, .outcomeUnknown, .preconditionFailed:
            self.init(.failed, error.message, isRetryable: true)
        case .damaged, .unsupportedFormat, .keyRefused: self.init(.failed, error.message)
        case .cancelled: self.init(.cancelled, error.message)
        }
    }
}
