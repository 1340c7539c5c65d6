import Embedding
import JSON

/// Reads the body of a successful `POST /embeddings`: `{"data": [{"index": 0, "embedding": [...] or "base64"}, …]}`.
enum EmbeddingsAnswer {
    /// `count` unit vectors in the order of the texts.
    static func vectors(from body: [UInt8], count: Int, dimension: Int) throws(EmbeddingError) -> [[Float]] {
        let value: JSONValue
        do {
            value = try JSONParser.parse(body)
        } catch {
            throw invalid("that is not JSON")
        }
        guard let entries = value["data"]?.arrayValue else { throw invalid("without a list called data") }
        guard entries.count == count else { throw invalid("with \(entries.count) vectors for \(count) texts") }
        var vectors = [[Float]](repeating: [], count: count)
        for (position, entry) in entries.enumerated() {
            // Some services leave the index out; then the order is that of the texts.
            let index = entry["index"].map { $0.integerValue ?? -1 } ?? Int64(position)
            guard index >= 0, index < Int64(count), vectors[Int(index)].isEmpty else {
                throw invalid("whose indices are not 0 to \(count - 1)")
            }
            vectors[Int(index)] = try unit(numbers(entry["embedding"]), dimension: dimension)
        }
        return vectors
    }

    private static func numbers(_ value: JSONValue?) throws(EmbeddingError) -> [Float] {
        switch value {
        case .array(let elements):
            let numbers = elements.compactMap { $0.doubleValue.map { Float($0) } }
            guard numbers.count == elements.count else {
                throw invalid("whose vectors hold something else than numbers")
            }
            return numbers
        case .string(let text):
            guard let bytes = base64(text), bytes.count % 4 == 0 else { throw invalid("with a damaged base64 vector") }
            return stride(from: 0, to: bytes.count, by: 4).map { at in
                let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
                return Float(bitPattern: bits)
            }
        default:
            throw invalid("without a vector")
        }
    }

    private static func unit(_ vector: [Float], dimension: Int) throws(EmbeddingError) -> [Float] {
        guard vector.count == dimension else {
            throw EmbeddingError(
                .invalidResponse,
                "The embedding service answers with \(vector.count) dimensions where \(dimension) are configured; "
                    + "set the model's own dimension.")
        }
        let length = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        guard length.isFinite, length > 0 else { throw invalid("with a vector that is zero or not finite") }
        return vector.map { Float(Double($0) / length) }
    }

    /// RFC 4648, section 4; `nil` for a text that is not base64. Padding may be absent.
    static func base64(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 4 * 3)
        var bits: UInt32 = 0
        var held = 0
        var isPadded = false
        for character in text.utf8 {
            let value: UInt8
            switch character {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = character - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = character - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0") + 52
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            case UInt8(ascii: "="):
                isPadded = true
                continue
            default: return nil
            }
            if isPadded { return nil }
            bits = bits << 6 | UInt32(value)
            held += 6
            if held >= 8 {
                held -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
            }
        }
        return held < 6 ? bytes : nil
    }

    private static func invalid(_ what: String) -> EmbeddingError {
        EmbeddingError(.invalidResponse, "The embedding service sent an answer \(what).")
    }
}
