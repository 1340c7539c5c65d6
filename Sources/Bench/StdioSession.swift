import ArgumentParser
import Foundation
import JSON

/// One session with a server of its own.
final class StdioSession {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var received: [UInt8] = []
    private var lastID: Int64 = 0

    init(_ binary: String, _ directory: String) throws {
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = ["mcp", "--data", directory]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        _ = try ask(
            "initialize",
            ["protocolVersion": "2025-11-25", "capabilities": [:], "clientInfo": ["name": "Bench", "version": "1"]])
        try send(["jsonrpc": "2.0", "method": "notifications/initialized"])
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
        let result = try ask(
            "tools/call", ["name": "system_status", "arguments": ["operation": "stats"]])
        let items = result["structuredContent"]?["stats"]?["items"]?.integerValue ?? 0
        return Int(exactly: items) ?? 0
    }

    /// Stands in every text, so that a second run on one store finds none of the first one's there already.
    static let run = String(UInt32(truncatingIfNeeded: Int(Date().timeIntervalSince1970)), radix: 36)

    private static let vocabulary = """
        the server answered late because its queue had grown while a backup ran and nobody noticed until morning we
        moved billing to another host split search from exports raised limits added alerts wrote notes about retries
        customers asked why invoices arrived twice support found old tokens in caches so deployment waits for review
        """.split(whereSeparator: \.isWhitespace).map(String.init)

    private func timed(_ tool: String, _ arguments: JSONObject) throws -> (time: Double, modelTime: Double) {
        let begin = DispatchTime.now().uptimeNanoseconds
        let result = try ask("tools/call", ["name": .string(tool), "arguments": .object(arguments)])
        let end = DispatchTime.now().uptimeNanoseconds
        guard result["isError"]?.boolValue != true else {
            throw ValidationError("\(tool) failed: \(result["structuredContent"]?["message"]?.stringValue ?? "")")
        }
        let modelTime = result["structuredContent"]?["meta"]?["model_ms"]?.doubleValue ?? 0
        return (Double(end - begin) / 1000, modelTime * 1000)
    }

    func end() throws {
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    private func ask(_ method: String, _ params: JSONObject) throws -> JSONValue {
        lastID += 1
        try send(["jsonrpc": "2.0", "id": .integer(lastID), "method": .string(method), "params": .object(params)])
        while true {
            if let end = received.firstIndex(of: 0x0A) {
                let line = Array(received[..<end])
                received.removeSubrange(...end)
                let message = try JSONParser.parse(line)
                guard message["id"] == .integer(lastID) else { continue }
                guard let result = message["result"] else { throw ValidationError("\(method) was refused") }
                return result
            }
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw ValidationError("the server left before it answered \(method)") }
            received.append(contentsOf: more)
        }
    }

    private func send(_ message: JSONObject) throws {
        try input.fileHandleForWriting.write(contentsOf: JSONWriter.bytes(.object(message)) + [0x0A])
    }
}
