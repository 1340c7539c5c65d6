import JSON
import VectorEngine

/// Vectors that say nothing (zero, or one number throughout), computed again from a text in the point's payload while
/// the point moves.
package struct VectorRenewal: Sendable {
    private let path: PayloadPath
    private let dimension: Int
    private let embed: @Sendable ([String]) async throws -> [[Float]]

    /// - Parameters:
    ///   - path: where the text is in the payload, for example `document` or `page.text`.
    ///   - dimension: components of a vector; vectors of other lengths stay as they are.
    ///   - embed: turns texts into one vector of that length each, in order.
    /// - Throws: `invalidArgument` for a text that is no path.
    package init(
        path: String, dimension: Int, embed: @escaping @Sendable ([String]) async throws -> [[Float]]
    ) throws(EngineError) {
        self.path = try PayloadPath(path)
        self.dimension = dimension
        self.embed = embed
    }

    /// How many of `points` got a new vector; those without a text keep what they have.
    func renew(_ points: inout [JSONValue]) async throws -> Int {
        var texts: [(point: Int, text: String)] = []
        for (i, point) in points.enumerated() where Self.emptyVectors(of: point).contains(where: { $0.1 == dimension })
        {
            let found = point["payload"]?.objectValue.map { path.values(in: $0) } ?? []
            guard case .string(let text)? = found.first, !text.isEmpty else { continue }
            texts.append((i, text))
        }
        guard !texts.isEmpty else { return 0 }
        let vectors = try await embed(texts.map(\.text))
        guard vectors.count == texts.count, vectors.allSatisfy({ $0.count == dimension }) else {
            throw QdrantFailure(500, "the embedder did not give \(texts.count) vectors of \(dimension) components")
        }
        for ((i, _), vector) in zip(texts, vectors) {
            let components = JSONValue.array(vector.map { .number(Double($0)) })
            var members = points[i].objectValue ?? [:]
            for (name, count) in Self.emptyVectors(of: points[i]) where count == dimension {
                if let name {
                    var named = members["vector"]?.objectValue ?? [:]
                    named[name] = components
                    members["vector"] = .object(named)
                } else {
                    members["vector"] = components
                }
            }
            points[i] = .object(members)
        }
        return texts.count
    }

    /// Name (nil for the unnamed one) and length of each dense vector whose components are all the same.
    static func emptyVectors(of point: JSONValue) -> [(name: String?, count: Int)] {
        switch point["vector"] {
        case .array(let components)?: isEmpty(components) ? [(nil, components.count)] : []
        case .object(let named)?:
            named.elements.compactMap { name, vector in
                guard let components = vector.arrayValue, isEmpty(components) else { return nil }
                return (name, components.count)
            }
        default: []
        }
    }

    /// A single component is a number like any other, unless it is zero.
    private static func isEmpty(_ components: [JSONValue]) -> Bool {
        guard let first = components.first?.doubleValue else { return false }
        return (first == 0 || components.count > 1) && components.allSatisfy { $0.doubleValue == first }
    }
}
