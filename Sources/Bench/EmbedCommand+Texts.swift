import Embedding
import Files
import Foundation
import JSON

// `Bench embed --from FILE`: the user's own texts, for a comparison with another program on the same ones.
extension EmbedCommand {
    /// Embeds the lines of `from` as one batch, `runs` times, then each line of `alone` by itself, as often; prints one
    /// JSON object. The times hold all that turns texts into vectors, tokens included.
    func runTexts(from: String) throws {
        let texts = try Self.lines(from)
        let model = MiniLM(threads: threads, instructionSet: chosenSet)
        let firstMilliseconds = try milliseconds { _ = try model.embedBlocking(["the first text"]) }
        let tokens = try texts.reduce(0) { $0 + (try model.tokens(of: $1).count) }
        var found: [[Float]] = []
        let batch = try (0..<runs).map { _ in try milliseconds { found = try model.embedBlocking(texts) } }
        if let vectors { try Self.littleEndian(found).write(to: URL(filePath: vectors)) }
        var report: JSONObject = [
            "model": .string(MiniLM.name), "revision": .string(model.identity.revision),
            "instructions": .string(MiniLM.instructionSets[chosenSet]), "threads": .integer(Int64(threads)),
            "first_ms": .number(firstMilliseconds), "texts": .integer(Int64(texts.count)),
            "tokens": .integer(Int64(tokens)), "batch_ms": .array(batch.map(JSONValue.number)),
        ]
        if let alone {
            let singles = try Self.lines(alone)
            _ = try model.embedBlocking(Array(singles.prefix(1)))
            let times = try (0..<runs).flatMap { _ in
                try singles.map { text in try milliseconds { _ = try model.embedBlocking([text]) } }
            }
            report["alone_ms"] = .array(times.map(JSONValue.number))
        }
        print(JSONWriter.text(.object(report)))
    }

    private static func littleEndian(_ vectors: [[Float]]) -> Data {
        var bytes = Data(capacity: vectors.count * (vectors.first?.count ?? 0) * 4)
        for number in vectors.joined() {
            for shift in stride(from: 0, to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: number.bitPattern >> shift))
            }
        }
        return bytes
    }

    private static func lines(_ path: String) throws -> [String] {
        let lines = try String(contentsOf: URL(filePath: path), encoding: .utf8).split(separator: "\n").map(String.init)
        guard !lines.isEmpty else { throw VectorFileError(path: path, reason: "holds no line of text") }
        return lines
    }
}
