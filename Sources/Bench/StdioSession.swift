import ArgumentParser
import Foundation
import JSON
import MCP

/// One session with a server of its own, and what its calls take.
final class StdioSession {
    private let client: StdioClient

    init(_ binary: String, _ directory: String) throws {
        client = try StdioClient(
            program: binary, arguments: ["mcp", "--data", directory], name: "Bench", version: "1", isQuiet: true)
    }

    /// Microseconds of one call, and how many of them the server's embedder took.
    func timed(_ operation: ReadinessOperation, _ i: Int) throws -> (time: Double, modelTime: Double) {
        let (tool, arguments) = operation.call(i)
        return try timed(tool, arguments)
    }

    /// Microseconds of storing 100 items of some 60 tokens; no two of them are alike.
    func timedBatch(_ i: Int) throws -> Double {
        let items = (0..<100).map { k -> JSONValue in
            var draw = UInt64(i * 100 + k + 1) &* 0x9E37_79B9_7F4A_7C15
            let words = (0..<48).map { _ -> String in
                draw = draw &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Self.vocabulary[Int(draw >> 33) % Self.vocabulary.count]
            }
            return [
                "kind": "observation",
                "content": .string("Note \(Self.run)-\(i)-\(k): " + words.joined(separator: " ") + "."),
            ]
        }
        return try timed("memory_store", ["items": .array(items)]).time
    }

    /// How many memories there are.
    func memoryCount() throws -> Int {
        let result = try client.call("system_status", ["operation": "stats"])
        let items = result["structuredContent"]?["stats"]?["items"]?.integerValue ?? 0
        return Int(exactly: items) ?? 0
    }

    /// Part of every text, so that a second run on the same store finds none of the first run's texts.
    static let run = String(UInt32(truncatingIfNeeded: Int(Date().timeIntervalSince1970)), radix: 36)

    private static let vocabulary = """
        the server answered late because its queue had grown while a backup ran and nobody noticed until morning we
        moved billing to another host split search from exports raised limits added alerts wrote notes about retries
        customers asked why invoices arrived twice support found old tokens in caches so deployment waits for review
        """.split(whereSeparator: \.isWhitespace).map(String.init)

    private func timed(_ tool: String, _ arguments: JSONObject) throws -> (time: Double, modelTime: Double) {
        let begin = DispatchTime.now().uptimeNanoseconds
        let result = try client.call(tool, arguments)
        let end = DispatchTime.now().uptimeNanoseconds
        guard result["isError"]?.boolValue != true else {
            throw ValidationError("\(tool) failed: \(result["structuredContent"]?["message"]?.stringValue ?? "")")
        }
        let modelTime = result["structuredContent"]?["meta"]?["model_ms"]?.doubleValue ?? 0
        return (Double(end - begin) / 1000, modelTime * 1000)
    }

    func end() throws { try client.end() }
}
