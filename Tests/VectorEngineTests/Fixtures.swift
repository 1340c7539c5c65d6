import Foundation
import JSON
import Testing
import VectorEngine
import Vectors

enum Sample {
    static let dimension = 8
    static let schema = CollectionSchema(
        dense: ["text": DenseVectorSchema(dimension: dimension)],
        sparse: ["lexical": SparseVectorSchema(usesIDF: true)],
        payloadIndexes: ["kind": .keyword, "n": .integer, "scope.project": .keyword, "on": .bool, "weight": .float])

    static func vector(_ random: inout some RandomNumberGenerator) -> [Float] {
        (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
    }

    static func point(_ id: UInt64, _ random: inout some RandomNumberGenerator) throws -> Point {
        var members: JSONObject = [
            "kind": .string(["a", "b", "c"].randomElement(using: &random) ?? "a"),
            "n": .integer(.random(in: -20...20, using: &random)),
            "on": .bool(.random(using: &random)), "weight": .number(.random(in: 0...1, using: &random)),
            "scope": ["project": .string("p\(Int.random(in: 0..<4, using: &random))")],
            "free": .array(
                (0..<Int.random(in: 0...3, using: &random)).map { _ in .integer(.random(in: 0...5, using: &random)) }),
            "steps": [["name": "x", "size": .integer(.random(in: 0...3, using: &random))], ["name": "y", "size": 9]],
        ]
        if Bool.random(using: &random) { members["kind"] = nil }
        if id % 7 == 0 { members["n"] = .null }
        var vectors = PointVectors(dense: ["text": vector(&random)])
        if id % 5 != 0 {
            vectors.sparse["lexical"] = SparseVector(
                sorting: (0..<4).map { _ in (.random(in: 0...30, using: &random), .random(in: 0.1...2, using: &random))
                })
        }
        return Point(id: .number(id), vectors: vectors, payload: try Payload(text: JSONWriter.bytes(.object(members))))
    }

    /// One of every kind of condition, indexed and not.
    static func condition(_ random: inout some RandomNumberGenerator, depth: Int = 2) -> Condition {
        let (kind, n) = (PayloadPath(known: "kind"), PayloadPath(known: "n"))
        return switch Int.random(in: 0...(depth > 0 ? 12 : 10), using: &random) {
        case 0: .field(kind, .anyOf([.keyword("a")]))
        case 1: .field(kind, .anyOf([.keyword("b"), .keyword("c"), .integer(1)]))
        case 2: .field(kind, .noneOf([.keyword("a")]))
        case 3:
            .field(n, .range(NumericRange(atLeast: -5, lessThan: .integer(.random(in: -5...10, using: &random)))))
        case 4: .field(PayloadPath(known: "weight"), .range(NumericRange(greaterThan: 0.2, atMost: 0.7)))
        case 5: .field(PayloadPath(known: "scope.project"), .anyOf([.keyword("p1")]))
        case 6: .field(PayloadPath(known: "free"), .anyOf([.integer(3)]))
        case 7:
            .isEmpty(
                PayloadPath(known: ["n", "free", "kind", "absent"].randomElement(using: &random) ?? "n"),
                .random(using: &random))
        case 8: .isNull(n, .random(using: &random))
        case 9: .hasID(Set((0..<8).map { _ in .number(.random(in: 0...120, using: &random)) }))
        case 10:
            [.hasVector("lexical"), .field(PayloadPath(known: "on"), .anyOf([.bool(true)]))]
                .randomElement(using: &random) ?? .hasVector("text")
        case 11:
            .nested(
                PayloadPath(known: "steps"),
                Filter(must: [
                    .field(PayloadPath(known: "name"), .anyOf([.keyword("x")])),
                    .field(PayloadPath(known: "size"), .range(NumericRange(atLeast: 2))),
                ]))
        default: .filter(filter(&random, depth: depth - 1))
        }
    }

    static func filter(_ random: inout some RandomNumberGenerator, depth: Int = 2) -> Filter {
        func some(_ limit: Int) -> [Condition] {
            (0..<Int.random(in: 0...limit, using: &random)).map { _ in condition(&random, depth: depth) }
        }
        return Filter(must: some(2), should: some(2), mustNot: some(1))
    }
}
