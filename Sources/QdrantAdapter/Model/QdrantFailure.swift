import JSON
import VectorEngine

/// A request that ends with an error, as the wire shows it: a status code and the text clients compare.
package struct QdrantFailure: Error, Sendable, CustomStringConvertible {
    package let status: Int
    package let text: String
    /// Seconds after which asking again makes sense (429).
    package var retryAfterSeconds: Int?

    package var description: String { text }

    package init(_ status: Int, _ text: String, retryAfterSeconds: Int? = nil) {
        self.status = status
        self.text = text
        self.retryAfterSeconds = retryAfterSeconds
    }

    static func wrongInput(_ text: String) -> QdrantFailure { QdrantFailure(400, "Wrong input: " + text) }
    static func badRequest(_ text: String) -> QdrantFailure { QdrantFailure(400, "Bad request: " + text) }
    static func notFound(_ text: String) -> QdrantFailure { QdrantFailure(404, "Not found: " + text) }
    static func conflict(_ text: String) -> QdrantFailure { QdrantFailure(409, "Wrong input: " + text) }
    static func forbidden(_ text: String) -> QdrantFailure { QdrantFailure(403, "Forbidden: " + text) }
    static func internalError(_ text: String) -> QdrantFailure { QdrantFailure(500, "Service internal error: " + text) }

    /// A body that is JSON but not the shape asked for.
    static func format(_ text: String) -> QdrantFailure { QdrantFailure(400, "Format error in JSON body: " + text) }

    static func noCollection(_ name: String) -> QdrantFailure { .notFound("Collection `\(name)` doesn't exist!") }
    static func noVector(_ name: String) -> QdrantFailure {
        .wrongInput("Not existing vector name error: \(name)")
    }
    static func noPoint(_ id: PointID) -> QdrantFailure { .notFound("No point with id \(id) found") }

    static func wrongDimension(expected: Int, got: Int) -> QdrantFailure {
        .wrongInput("Vector dimension error: expected dim: \(expected), got \(got)")
    }

    static func standalone() -> QdrantFailure { QdrantFailure(405, "Qdrant is running in standalone mode") }

    /// A queue of writes that is full is written in less.
    private static let overloadedRetrySeconds = 1

    /// What the engine refused, in the wire's words.
    init(_ error: EngineError, collection: String) {
        switch error.code {
        case .collectionNotFound: self = .noCollection(collection)
        case .collectionExists: self = .conflict("Collection `\(collection)` already exists!")
        case .invalidArgument, .wrongDimension, .notFinite, .unknownVector, .invalidPayload:
            self = .wrongInput(error.message)
        case .preconditionFailed: self = .conflict(error.message)
        case .overloaded:
            self = QdrantFailure(
                429, "Rate limiting exceeded: " + error.message, retryAfterSeconds: Self.overloadedRetrySeconds)
        case .notWritable, .diskFull: self = QdrantFailure(507, "Insufficient storage: " + error.message)
        case .overtaken: self = QdrantFailure(503, "Service unavailable: " + error.message, retryAfterSeconds: 1)
        case .damaged, .keyRefused, .unsupportedFormat, .outcomeUnknown, .closed, .cancelled:
            self = .internalError(error.message)
        }
    }
}

/// Gathers what is wrong with the values of a well-formed request; all of it is shown at once.
struct Validation {
    private let place: String
    private(set) var problems: [String] = []

    /// `place` is `JSON body`, `path parameters` or `query parameters`.
    init(_ place: String = "JSON body") { self.place = place }

    mutating func problem(_ path: String, _ text: String) { problems.append("\(path): \(text)") }

    /// Checks a whole number that may be absent.
    mutating func range(_ path: String, _ value: Int64?, from minimum: Int64, to maximum: Int64? = nil) {
        guard let value, value < minimum || maximum.map({ value > $0 }) ?? false else { return }
        if let maximum {
            problem(path, "value \(value) invalid, must be from \(minimum) to \(maximum)")
        } else {
            problem(path, "value \(value) invalid, must be \(minimum) or larger")
        }
    }

    /// Checks a fraction that may be absent; shown as Rust shows its floats.
    mutating func fraction(_ path: String, _ value: Double?, from minimum: Double, to maximum: Double?) {
        guard let value, value < minimum || maximum.map({ value > $0 }) ?? false else { return }
        let upper = maximum.map { " to \($0)" } ?? ""
        problem(
            path,
            "value \(value) invalid, must be \(maximum == nil ? "" : "from ")\(minimum)\(upper)"
                + (maximum == nil ? " or larger" : ""))
    }

    /// Checks the length of a text, in characters.
    mutating func length(_ path: String, _ text: String, from minimum: Int, to maximum: Int? = nil) {
        let length = text.unicodeScalars.count
        guard length < minimum || maximum.map({ length > $0 }) ?? false else { return }
        let shown = JSONWriter.text(.string(text))
        let rule =
            maximum.map { "must be from \(minimum) to \($0) characters" } ?? "must be at least \(minimum) characters"
        problem(path, "value \(shown) invalid, \(rule)")
    }

    func finish() throws(QdrantFailure) {
        guard !problems.isEmpty else { return }
        throw QdrantFailure(422, "Validation error in \(place): [\(problems.joined(separator: "; "))]")
    }
}
