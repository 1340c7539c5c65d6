import Foundation
import VectorEngine

/// An expression that gives each point its score, over the scores of prefetches and the payload.
struct Formula: Sendable {
    indirect enum Expression: Sendable {
        case constant(Double)
        case score(Int)
        case payload(PayloadPath)
        case condition(Condition)
        case sum([Expression])
        case product([Expression])
        case maximum([Expression])
        case minimum([Expression])
        case unary(Unary, Expression)
        case quotient(Expression, Expression, byZero: Double?)
        case power(Expression, Expression)
        case distance(origin: GeoPoint, to: PayloadPath)
        case datetimeKey(PayloadPath)
        case decay(Decay, x: Expression, target: Expression?, midpoint: Double, scale: Double)
    }

    enum Unary: String, Sendable, CaseIterable { case neg, abs, sqrt, exp, log10, ln, acosh }
    enum Decay: String, Sendable, CaseIterable {
        case linear = "lin_decay"
        case exponential = "exp_decay"
        case gaussian = "gauss_decay"
    }

    let root: Expression
    /// Values of members that a payload lacks by their paths, and of scores by `$score[…]`.
    let defaults: PayloadObject

    /// What one point's expression is evaluated over.
    struct Subject {
        /// One score a prefetch; nil where it did not find the point.
        var scores: [Float?]
        var payload: PayloadText
        var context: FilterContext
    }

    /// - Throws: `badRequest` for a value that is missing or of the wrong type, and for a result that is no number.
    func score(_ subject: Subject) throws(QdrantFailure) -> Float {
        let score = try evaluate(root, subject)
        // Finite as a number of 64 bits, it may still exceed those of 32.
        return Float(try finite(Double(Float(score)), "\(score) as f32 = \(Float(score))"))
    }
}

// MARK: - Indexes

extension Formula {
    /// What the formula asks of the payload's indexes, in the order of the text.
    var needs: [IndexNeed] { Self.needs(root) }

    private static func needs(_ expression: Expression) -> [IndexNeed] {
        switch expression {
        case .constant, .score: []
        case .payload(let path): [.member(path, [.integerMatch, .integerRange, .floatRange])]
        case .condition(let condition): [.condition(condition)]
        case .sum(let operands), .product(let operands), .maximum(let operands), .minimum(let operands):
            operands.flatMap(needs)
        case .unary(_, let operand): needs(operand)
        case .quotient(let left, let right, _): needs(left) + needs(right)
        case .power(let base, let exponent): needs(base) + needs(exponent)
        case .distance(_, let path): [.member(path, [.geo])]
        case .datetimeKey(let path): [.member(path, [.datetimeRange])]
        case .decay(_, let x, let target, _, _): needs(x) + (target.map(needs) ?? [])
        }
    }
}

// MARK: - Evaluating

extension Formula {
    private func evaluate(_ expression: Expression, _ subject: Subject) throws(QdrantFailure) -> Double {
        switch expression {
        case .constant(let number): return number
        case .score(let index):
            if index < subject.scores.count, let score = subject.scores[index] { return Double(score) }
            let name = index == 0 ? "$score" : "$score[\(index)]"
            return (defaults[name] ?? defaults["$score[\(index)]"])?.doubleValue ?? 0
        case .payload(let path):
            guard let number = try value(path, subject).doubleValue else {
                throw .badRequest(
                    "Expected number value for \(path) in the payload and/or in the formula defaults. "
                        + "Error: Value is not a number"
                )
            }
            return number
        case .condition(let condition): return condition.matches(subject.payload, subject.context) ? 1 : 0
        case .sum(let operands):
            var sum = 0.0
            for operand in operands { sum += try evaluate(operand, subject) }
            return sum
        case .product(let operands):
            var product = 1.0
            for operand in operands {
                let factor = try evaluate(operand, subject)
                if factor == 0 { return 0 }
                product *= factor
            }
            return product
        case .maximum(let operands):
            var largest = -Double.infinity
            for operand in operands { largest = max(largest, try evaluate(operand, subject)) }
            return largest
        case .minimum(let operands):
            var smallest = Double.infinity
            for operand in operands { smallest = min(smallest, try evaluate(operand, subject)) }
            return smallest
        case .unary(let kind, let operand): return try evaluate(kind, try evaluate(operand, subject))
        case .quotient(let left, let right, let byZero):
            let numerator = try evaluate(left, subject)
            if numerator == 0 { return 0 }
            let denominator = try evaluate(right, subject)
            if denominator == 0, let byZero { return byZero }
            return try finite(numerator / denominator, "\(numerator)/\(denominator)")
        case .power(let base, let exponent):
            let (x, y) = (try evaluate(base, subject), try evaluate(exponent, subject))
            return try finite(pow(x, y), "\(x)^\(y)")
        case .distance(let origin, let path):
            guard let point = GeoPoint(try value(path, subject)) else {
                throw .badRequest("Expected geo point for \(path) in the payload and/or in the formula defaults.")
            }
            return origin.distanceMeters(to: point)
        case .datetimeKey(let path):
            guard let text = try value(path, subject).stringValue, let moment = Timestamp.parseLoosely(text) else {
                throw .badRequest("Expected datetime for \(path) in the payload and/or in the formula defaults.")
            }
            return Double(moment) / 1_000_000
        case .decay(let decay, let x, let target, let midpoint, let scale):
            let difference = abs(
                try evaluate(x, subject)
                    - (try target.map { target throws(QdrantFailure) in try evaluate(target, subject) } ?? 0))
            switch decay {
            case .linear: return max(0, 1 - (1 - midpoint) / scale * difference)
            case .exponential: return exp(log(midpoint) / scale * difference)
            case .gaussian: return exp(log(midpoint) / (scale * scale) * difference * difference)
            }
        }
    }

    private func evaluate(_ kind: Unary, _ x: Double) throws(QdrantFailure) -> Double {
        switch kind {
        case .neg: return -x
        case .abs: return abs(x)
        case .sqrt: return try finite(x.squareRoot(), "√\(x)")
        case .exp: return try finite(exp(x), "exp(\(x))")
        case .log10: return try finite(log10(x), "log10(\(x))")
        case .ln: return try finite(log(x), "ln(\(x))")
        case .acosh: return try finite(acosh(x), "acosh(\(x))")
        }
    }

    private func finite(_ result: Double, _ shown: String) throws(QdrantFailure) -> Double {
        guard result.isFinite else {
            throw .badRequest("The expression \(shown) produced a non-finite number")
        }
        return result
    }

    /// The one value at a path, or its default. Where an index is on the path, only the values that it holds count.
    private func value(_ path: PayloadPath, _ subject: Subject) throws(QdrantFailure) -> PayloadValue {
        var values = PayloadPath.values(of: subject.payload.nodes(path))
        if let kind = subject.context.indexKind(path) { values.removeAll { !kind.holds($0) } }
        if values.count == 1 { return values[0] }
        if values.isEmpty, let fallback = defaults[path.description] { return fallback }
        guard values.isEmpty else { return .array(values) }
        throw .badRequest("No value found for \(path) in the payload nor the formula defaults")
    }
}
