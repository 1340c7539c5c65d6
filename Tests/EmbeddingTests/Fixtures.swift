import Foundation
import JSON

/// The reference programs' answers, made by Tests/tools/make_embedding_fixtures.py.
enum Fixture {
    static func url(_ name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name)")
    }

    /// A committed file, or the larger one that an environment variable names.
    static func lines(_ name: String, widenedBy variable: String? = nil) throws -> [Substring] {
        let wider = variable.flatMap { ProcessInfo.processInfo.environment[$0] }
        let text = try String(contentsOf: wider.map { URL(filePath: $0) } ?? url(name), encoding: .utf8)
        return text.split(whereSeparator: { $0 == "\n" })
    }

    struct TokenCase {
        let text: String
        let ids: [Int32]
    }

    static func tokens() throws -> [TokenCase] {
        try lines("tokens.jsonl", widenedBy: "CORTEX_TOKEN_CASES").map { line in
            let value = try JSONParser.parse(String(line))
            return TokenCase(
                text: value["text"]?.stringValue ?? "",
                ids: (value["ids"]?.arrayValue ?? []).compactMap { $0.integerValue.map { Int32($0) } })
        }
    }

    /// Texts and the unit vectors that float64 arithmetic gives, rounded to 1/32767.
    static func vectors() throws -> [(text: String, vector: [Float])] {
        let texts = try lines("vectors.jsonl").map { try JSONParser.parse(String($0))["text"]?.stringValue ?? "" }
        let bytes = try Data(contentsOf: url("vectors.i16"))
        return texts.enumerated().map { index, text in
            let vector = (0..<384).map { column in
                let at = (index * 384 + column) * 2
                return Float(Int16(bitPattern: UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8)) / 32767
            }
            return (text, vector)
        }
    }
}

func cosine(_ a: [Float], _ b: [Float]) -> Float {
    var product: Float = 0
    var squares: (Float, Float) = (0, 0)
    for (x, y) in zip(a, b) {
        product += x * y
        squares.0 += x * x
        squares.1 += y * y
    }
    return product / (squares.0 * squares.1).squareRoot()
}
