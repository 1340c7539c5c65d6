import JSON

/// A payload path: `a.b` goes into objects, `a[]` into every element of an array, `"a.b"` is one key with a dot.
///
/// Where a path ends at an array its elements are the values, as in Qdrant.
package struct PayloadPath: Hashable, Sendable {
    private enum Step: Hashable, Sendable {
        case key(String)
        case elements
    }

    private let steps: [Step]

    /// - Throws: `invalidArgument` for an empty path, an empty key or an open quote.
    package init(_ text: String) throws(EngineError) {
        var steps: [Step] = []
        var rest = Substring(text)
        while true {
            if rest.first == "\"" {
                guard let close = rest.dropFirst().firstIndex(of: "\"") else { throw Self.bad(text) }
                steps.append(.key(String(rest[rest.index(after: rest.startIndex)..<close])))
                rest = rest[rest.index(after: close)...]
            } else {
                let key = rest.prefix { $0 != "." && $0 != "[" }
                guard !key.isEmpty else { throw Self.bad(text) }
                steps.append(.key(String(key)))
                rest = rest[key.endIndex...]
            }
            while rest.hasPrefix("[]") {
                steps.append(.elements)
                rest = rest.dropFirst(2)
            }
            if rest.isEmpty { break }
            guard rest.first == "." else { throw Self.bad(text) }
            rest = rest.dropFirst()
        }
        self.steps = steps
    }

    private static func bad(_ text: String) -> EngineError {
        EngineError(
            .invalidArgument, "a payload path must be keys joined by dots, for example scope.project or steps[].command"
        )
    }

    /// Whatever lies at the end of the path, arrays not opened; nothing where a key is missing.
    package func nodes(in object: JSONObject) -> [JSONValue] {
        var current: [JSONValue] = [.object(object)]
        for step in steps {
            switch step {
            case .key(let key): current = current.compactMap { $0[key] }
            case .elements: current = current.flatMap { $0.arrayValue ?? [] }
            }
            if current.isEmpty { break }
        }
        return current
    }

    /// The values at the path: the nodes, with arrays replaced by their elements.
    package func values(in object: JSONObject) -> [JSONValue] {
        nodes(in: object).flatMap { node -> [JSONValue] in
            if case .array(let elements) = node { return elements }
            return [node]
        }
    }
}
