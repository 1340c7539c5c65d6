import Foundation
import JSON
import VectorEngine

/// Turns the inputs of one query into vectors, taking those of stored points from where they are kept.
struct VectorResolver {
    private let target: CollectionMoment
    private let source: CollectionMoment
    private let using: String
    private let sourceName: String
    /// Points of the searched collection that the query names: they are no answers to it.
    let excluded: Set<PointID>

    init(target: CollectionMoment, lookups: [ByteText: CollectionMoment], node: QueryNode) {
        self.target = target
        using = node.using
        let lookup = node.lookup.flatMap { lookups[text: $0.collection] }
        source = lookup ?? target
        sourceName = node.lookup?.vector ?? node.using
        // Points of another collection are not those searched, but a collection may look itself up.
        excluded = lookup?.name.hasSameBytes(as: target.name) ?? true ? node.kind?.namedIDs ?? [] : []
    }

    /// The vector itself, as the searched collection compares it.
    func vector(_ input: VectorInput) throws -> AnyVector {
        switch input {
        case .vector(let vector): return try target.config.fitted(vector, using)
        case .id(let id):
            try source.config.checkName(sourceName)
            guard let row = source.view.row(of: id), let vectors = try source.view.vectors([row])[0] else {
                throw QdrantFailure.noPoint(id)
            }
            guard let vector = vectors.any(sourceName) else {
                throw QdrantFailure.notFound("Vector with name `\(sourceName)` for point \(id) not found")
            }
            return try target.config.fitted(vector, using)
        }
    }

    /// avg(positive) + avg(positive) − avg(negative); the first alone without negatives. Multivectors have no average:
    /// all their rows are put together, those of the negatives with their sign turned.
    func average(_ positive: [VectorInput], _ negative: [VectorInput]) throws -> AnyVector {
        guard !positive.isEmpty else {
            throw QdrantFailure.badRequest(
                "At least one positive vector ID required with this strategy")
        }
        let center = try mean(try positive.map(vector))
        guard !negative.isEmpty else { return center }
        let away = try mean(try negative.map(vector))
        switch (center, away) {
        case (.dense(let a), .dense(let b)): return .dense(zip(a, b).map { $0 + $0 - $1 })
        case (.sparse(let a), .sparse(let b)):
            return .sparse(
                SparseVector(
                    sorting: zip(a.indices, a.values).map { ($0, 2 * $1) } + zip(b.indices, b.values).map { ($0, -$1) })
            )
        case (.multi(let a), .multi(let b)):
            return .multi(MultiVector(dimension: a.dimension, values: a.values + b.values.map { -$0 }))
        default:
            throw QdrantFailure.badRequest(
                "Positive and negative vectors should be of the same type, either all dense or all sparse or all multi")
        }
    }

    private func mean(_ vectors: [AnyVector]) throws -> AnyVector {
        switch vectors[0] {
        case .dense(let first):
            var sum = [Float](repeating: 0, count: first.count)
            for case .dense(let vector) in vectors { for i in sum.indices { sum[i] += vector[i] } }
            return .dense(sum.map { $0 / Float(vectors.count) })
        case .sparse:
            var entries: [(index: UInt32, value: Float)] = []
            for case .sparse(let vector) in vectors {
                entries += zip(vector.indices, vector.values).map { ($0, $1 / Float(vectors.count)) }
            }
            return .sparse(SparseVector(sorting: entries))
        case .multi(let first):
            var values: [Float] = []
            for case .multi(let vector) in vectors { values += vector.values }
            return .multi(MultiVector(dimension: first.dimension, values: values))
        }
    }
}

extension QueryKind {
    /// Points that the query names as examples.
    fileprivate var namedIDs: Set<PointID> { Set(inputs.compactMap { if case .id(let id) = $0 { id } else { nil } }) }

    private var inputs: [VectorInput] {
        switch self {
        case .nearest(let input, _): [input]
        case .recommend(let positive, let negative, _): positive + negative
        case .discover(let target, let pairs): [target] + pairs.flatMap { [$0.positive, $0.negative] }
        case .context(let pairs): pairs.flatMap { [$0.positive, $0.negative] }
        case .feedback(let target, let items, _, _, _): [target] + items.map(\.0)
        case .orderBy, .rrf, .dbsf, .formula, .sample: []
        }
    }
}

/// Scores that are made of similarities to several examples.
struct ExampleScorer {
    private enum Rule {
        case bestScore(positives: Int)
        case sumScores(positives: Int)
        /// The target first, then positive and negative of each pair.
        case discover
        case context
        /// The target first, then the items; pairs of items (better, worse) with their weights.
        case feedback(a: Float, pairs: [(Int, Int, Float)])
    }

    let examples: [AnyVector]
    private let rule: Rule

    /// nil when the query has no example to compare with.
    init?(_ kind: QueryKind?, _ resolver: VectorResolver) throws {
        switch kind {
        case .recommend(let positive, let negative, let strategy):
            guard !positive.isEmpty || !negative.isEmpty else {
                throw QdrantFailure.badRequest(
                    "At least one positive or negative vector ID required with this strategy")
            }
            examples = try (positive + negative).map(resolver.vector)
            rule =
                strategy == .bestScore ? .bestScore(positives: positive.count) : .sumScores(positives: positive.count)
        case .discover(let target, let pairs):
            examples = try ([target] + pairs.flatMap { [$0.positive, $0.negative] }).map(resolver.vector)
            rule = .discover
        case .context(let pairs):
            examples = try pairs.flatMap { [$0.positive, $0.negative] }.map(resolver.vector)
            rule = .context
        case .feedback(let target, let items, let a, let b, let c):
            examples = try ([target] + items.map(\.0)).map(resolver.vector)
            var pairs: [(Int, Int, Float)] = []
            for (i, better) in items.enumerated() {
                for (j, worse) in items.enumerated() where better.1 > worse.1 {
                    pairs.append((i + 1, j + 1, Self.power(better.1 - worse.1, b) * c))
                }
            }
            rule = .feedback(a: a, pairs: pairs)
        default: return nil
        }
    }

    private static func power(_ x: Float, _ y: Float) -> Float { Float(pow(Double(x), Double(y))) }

    func scores(_ similarities: Similarities) -> [Float] {
        similarities.rows.indices.map { row in score { similarities.values[$0][row] } }
    }

    private func score(_ at: (Int) -> Float) -> Float {
        switch rule {
        case .bestScore(let positives):
            let positive = (0..<positives).reduce(-Float.infinity) { max($0, at($1)) }
            let negative = (positives..<examples.count).reduce(-Float.infinity) { max($0, at($1)) }
            return positive > negative ? Self.scaledSigmoid(positive) : -Self.scaledSigmoid(negative)
        case .sumScores(let positives):
            return examples.indices.reduce(0) { $0 + ($1 < positives ? at($1) : -at($1)) }
        case .discover:
            var rank: Float = 0
            for i in stride(from: 1, to: examples.count, by: 2) {
                if at(i) > at(i + 1) { rank += 1 } else if at(i) < at(i + 1) { rank -= 1 }
            }
            return rank + Self.scaledSigmoid(at(0))
        case .context:
            var sum: Float = 0
            for i in stride(from: 0, to: examples.count, by: 2) {
                sum += Self.sigmoid(min(at(i) - at(i + 1) - Float.ulpOfOne, 0))
            }
            return sum
        case .feedback(let a, let pairs):
            return pairs.reduce(a * at(0)) { $0 + $1.2 * (at($1.0) - at($1.1)) }
        }
    }

    private static func sigmoid(_ x: Float) -> Float { x.isFinite ? x / (1 + abs(x)) : x }
    private static func scaledSigmoid(_ x: Float) -> Float { 0.5 * (sigmoid(x) + 1) }
}
