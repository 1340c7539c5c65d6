import JSON

/// A payload path with array positions: `a.b`, `a[].b` (every element), `a[0].b` (one), `"a.b"` (a key with dots).
///
/// Where a path ends at an array its elements are the values, as in Qdrant.
package struct FieldPath: Hashable, Sendable, CustomStringConvertible {
    package enum Step: Hashable, Sendable {
        case key(String)
        case elements
        case index(Int)

        /// Keys are equal when their UTF-8 bytes are.
        package static func == (left: Step, right: Step) -> Bool {
            switch (left, right) {
            case (.key(let a), .key(let b)): a.hasSameBytes(as: b)
            case (.elements, .elements): true
            case (.index(let a), .index(let b)): a == b
            default: false
            }
        }

        package func hash(into hasher: inout Hasher) {
            switch self {
            case .key(let key): key.hashBytes(into: &hasher)
            case .elements: hasher.combine(0)
            case .index(let index): hasher.combine(index)
            }
        }
    }

    package let steps: [Step]
    package let description: String

    package static func == (left: FieldPath, right: FieldPath) -> Bool { left.steps == right.steps }
    package func hash(into hasher: inout Hasher) { hasher.combine(steps) }

    /// - Throws: `invalidArgument` for an empty path, an empty key, an open quote or bracket.
    package init(_ text: String) throws(EngineError) {
        var steps: [Step] = []
        var rest = Substring(text)
        repeat {
            if !steps.isEmpty { rest = rest.dropFirst() }
            if rest.first == "\"" {
                guard let close = rest.dropFirst().firstIndex(of: "\"") else { throw Self.bad }
                steps.append(.key(String(rest[rest.index(after: rest.startIndex)..<close])))
                rest = rest[rest.index(after: close)...]
            } else {
                let key = rest.prefix { $0 != "." && $0 != "[" && $0 != "]" && $0 != "\"" }
                guard !key.isEmpty else { throw Self.bad }
                steps.append(.key(String(key)))
                rest = rest[key.endIndex...]
            }
            while rest.first == "[" {
                guard let close = rest.firstIndex(of: "]") else { throw Self.bad }
                let inside = rest[rest.index(after: rest.startIndex)..<close]
                if inside.isEmpty {
                    steps.append(.elements)
                } else {
                    guard let index = Int(inside), inside.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                        throw Self.bad
                    }
                    steps.append(.index(index))
                }
                rest = rest[rest.index(after: close)...]
            }
            guard rest.isEmpty || rest.first == "." else { throw Self.bad }
        } while !rest.isEmpty
        self.steps = steps
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
    package func values(in object: JSONObject) -> [JSONValue] {
        let nodes = nodes(in: object)
        if nodes.count == 1, nodes[0].arrayValue == nil { return nodes }
        return nodes.flatMap { node -> [JSONValue] in
            if case .array(let elements) = node { return elements }
            return [node]
        }
    }

    /// The path of a member of the objects in this path's array.
    package func appending(_ other: FieldPath) -> FieldPath {
        let isArray = steps.last == .elements
        return FieldPath(
            steps: steps + (isArray ? [] : [.elements]) + other.steps,
            description: description + (isArray ? "." : "[].") + other.description)
    }

    private init(steps: [Step], description: String) {
        self.steps = steps
        self.description = description
    }
}
