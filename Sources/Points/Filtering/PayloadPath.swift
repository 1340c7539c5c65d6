import JSON

/// A payload path with array positions: `a.b`, `a[].b` (every element), `a[0].b` (one), `"a.b"` (a key with dots).
///
/// Where a path ends at an array its elements are the values, as in Qdrant.
public struct PayloadPath: Sendable, CustomStringConvertible {
    package enum Step: Sendable, Equatable {
        case key(String)
        case elements
        case index(Int)
    }

    /// A step whose key is bytes, as texts are searched for it.
    package enum KeyedStep: Sendable {
        case key([UInt8])
        case elements
        case index(Int)

        init(_ step: Step) {
            switch step {
            case .key(let key): self = .key(Array(key.utf8))
            case .elements: self = .elements
            case .index(let index): self = .index(index)
            }
        }
    }

    package let steps: [Step]
    package let keyedSteps: [KeyedStep]
    /// The path as it was written.
    public let description: String

    /// - Throws: `invalidArgument` for an empty path, an empty key, an open quote or bracket.
    public init(_ text: String) throws(EngineError) {
        var reader = PathReader(bytes: Array(text.utf8))
        guard let steps = reader.steps() else { throw Self.bad }
        self.steps = steps
        keyedSteps = steps.map(KeyedStep.init)
        description = text
    }

    private static var bad: EngineError {
        EngineError(.invalidArgument, "a payload path is keys joined by dots, with [] or [0] behind an array's key")
    }

    /// Whatever lies at the end of the path, arrays not opened; nothing where a key is missing.
    package func nodes(in object: JSONObject) -> [JSONValue] {
        guard case .key(let first) = steps[0], let start = object[first] else { return [] }
        if steps.count == 1 { return [start] }
        var current = [start]
        for step in steps.dropFirst() {
            switch step {
            case .key(let key): current = current.compactMap { $0[key] }
            case .elements: current = current.flatMap { $0.arrayValue ?? [] }
            case .index(let index):
                current = current.compactMap { node in
                    guard case .array(let elements) = node, index < elements.count else { return nil }
                    return elements[index]
                }
            }
            if current.isEmpty { break }
        }
        return current
    }

    /// The values at the path: the nodes, with arrays replaced by their elements.
    package func values(in object: JSONObject) -> [JSONValue] { Self.values(of: nodes(in: object)) }

    /// `nodes` with arrays replaced by their elements.
    package static func values(of nodes: [JSONValue]) -> [JSONValue] {
        if nodes.count == 1, nodes[0].arrayValue == nil { return nodes }
        return nodes.flatMap { node -> [JSONValue] in
            if case .array(let elements) = node { return elements }
            return [node]
        }
    }

    /// The path of a member of the objects in this path's array.
    package func appending(_ other: PayloadPath) -> PayloadPath {
        let isArray = endsAtElements
        return PayloadPath(
            steps: steps + (isArray ? [] : [.elements]) + other.steps,
            description: description + (isArray ? "." : "[].") + other.description)
    }

    /// Whether the path ends with `[]`.
    package var endsAtElements: Bool {
        if case .elements? = steps.last { return true }
        return false
    }

    private init(steps: [Step], description: String) {
        self.steps = steps
        keyedSteps = steps.map(KeyedStep.init)
        self.description = description
    }
}

/// Reads a path byte by byte: a letter with an accent behind a dot is no part of the dot.
private struct PathReader {
    let bytes: [UInt8]
    var at = 0

    mutating func steps() -> [PayloadPath.Step]? {
        var steps: [PayloadPath.Step] = []
        repeat {
            if !steps.isEmpty { at += 1 }
            guard let key = key() else { return nil }
            steps.append(.key(key))
            while at < bytes.count, bytes[at] == UInt8(ascii: "[") {
                guard let step = position() else { return nil }
                steps.append(step)
            }
            guard at == bytes.count || bytes[at] == UInt8(ascii: ".") else { return nil }
        } while at < bytes.count
        return steps
    }

    /// A key as it is, or between quotes.
    private mutating func key() -> String? {
        guard at < bytes.count else { return nil }
        if bytes[at] == UInt8(ascii: "\"") {
            guard let close = bytes[(at + 1)...].firstIndex(of: UInt8(ascii: "\"")) else { return nil }
            defer { at = close + 1 }
            return String(decoding: bytes[(at + 1)..<close], as: UTF8.self)
        }
        let start = at
        while at < bytes.count, !Self.delimiters.contains(bytes[at]) { at += 1 }
        return at > start ? String(decoding: bytes[start..<at], as: UTF8.self) : nil
    }

    private static let delimiters = Set(".[]\"".utf8)

    /// `[]` or `[12]`.
    private mutating func position() -> PayloadPath.Step? {
        guard let close = bytes[at...].firstIndex(of: UInt8(ascii: "]")) else { return nil }
        let inside = bytes[(at + 1)..<close]
        at = close + 1
        if inside.isEmpty { return .elements }
        guard inside.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(String(decoding: inside, as: UTF8.self)).map { .index($0) }
    }
}

// Two paths are one path when they take the same steps; keys agree when their bytes do.

extension PayloadPath.Step {
    package static func == (a: Self, b: Self) -> Bool {
        switch (a, b) {
        case (.key(let x), .key(let y)): x.hasSameBytes(as: y)
        case (.elements, .elements): true
        case (.index(let x), .index(let y)): x == y
        default: false
        }
    }
}

extension PayloadPath: Hashable {
    public static func == (a: PayloadPath, b: PayloadPath) -> Bool { a.steps == b.steps }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(steps.count)
        for case .key(let key) in steps {
            key.hashBytes(into: &hasher)
        }
    }
}

extension PayloadPath {
    /// A path that this program has written itself, for example the name of a member.
    package init(known text: String) {
        do throws(EngineError) {
            try self.init(text)
        } catch {
            preconditionFailure("\(text) is no payload path: \(error)")
        }
    }
}
