import ArgumentParser
import Foundation
import JSON

/// `Bench readiness`: store, find and status through a real session of the real binary on stdin and stdout.
///
/// Cold is a process that has just started, for its first call; warm the same process after it. The closed loop asks
/// when it has been answered; the open loop asks at a steady rate, and its latencies are counted from when a call was
/// due, so that waiting behind a slow one counts (no coordinated omission).
struct ReadinessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "readiness", abstract: "Measure store, find and status over MCP against bars.",
        discussion: "Exit code 1 when a bar is missed: warm p95 and p99 of every operation.")

    @Option(help: ArgumentHelp("The cortex executable. Default: the one beside this.", valueName: "path"))
    var cortex: String?

    @Option(help: ArgumentHelp("A data directory to use; it is written to. Default: a new one.", valueName: "dir"))
    var data: String?

    @Option(name: .customShort("n"), help: "Operations of each kind.")
    var count = 100

    @Option(help: "Calls a second of the open loop.")
    var rate = 20.0

    @Option(name: .customLong("p95"), help: "Bar for p95, in milliseconds.")
    var p95Bar = 25.0

    @Option(name: .customLong("p99"), help: "Bar for p99, in milliseconds.")
    var p99Bar = 50.0

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard (1...100_000).contains(count) else { throw ValidationError("-n is 1 to 100000") }
        guard rate > 0, rate <= 10_000 else { throw ValidationError("--rate is above 0 and at most 10000") }
    }

    func run() throws {
        let binary =
            cortex ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path + "/cortex"
        guard FileManager.default.isExecutableFile(atPath: binary) else {
            throw ValidationError("there is no executable \(binary); name one with --cortex")
        }
        let directory = data ?? NSTemporaryDirectory() + "cortex-readiness-\(UUID().uuidString)"
        defer {
            // A left-over folder of a measurement is no reason to fail it.
            if data == nil { try? FileManager.default.removeItem(atPath: directory) }
        }
        var rows: [(String, LatencyHistogram)] = []
        for operation in Operation.allCases {
            var cold = LatencyHistogram()
            let session = try StdioSession(binary, directory)
            cold.add(microseconds: try session.timed(operation, 0))
            var closed = LatencyHistogram()
            for i in 1...count { closed.add(microseconds: try session.timed(operation, i)) }
            let open = try openLoop(session, operation)
            try session.end()
            rows += [
                ("\(operation.rawValue) cold", cold), ("\(operation.rawValue) closed", closed),
                ("\(operation.rawValue) open", open),
            ]
        }
        let missed = rows.filter {
            !$0.0.hasSuffix("cold") && ($0.1.percentile(0.95) > p95Bar || $0.1.percentile(0.99) > p99Bar)
        }.map(\.0)
        report(rows, missed)
        if !missed.isEmpty { throw ExitCode(1) }
    }

    private func openLoop(_ session: StdioSession, _ operation: Operation) throws -> LatencyHistogram {
        var histogram = LatencyHistogram()
        let begin = DispatchTime.now().uptimeNanoseconds
        for i in 0..<count {
            let due = begin + UInt64(Double(i) / rate * 1e9)
            let now = DispatchTime.now().uptimeNanoseconds
            if due > now { usleep(UInt32((due - now) / 1000)) }
            _ = try session.timed(operation, count + 1 + i)
            histogram.add(microseconds: Double(DispatchTime.now().uptimeNanoseconds - due) / 1000)
        }
        return histogram
    }

    private func report(_ rows: [(String, LatencyHistogram)], _ missed: [String]) {
        if json {
            var members: JSONObject = ["bars": ["p95_ms": .number(p95Bar), "p99_ms": .number(p99Bar)]]
            for row in rows { members[row.0] = row.1.json }
            members["missed"] = .array(missed.map { .string($0) })
            print(JSONWriter.text(.object(members)))
            return
        }
        print("ms               count      p50      p95      p99      max")
        for (name, histogram) in rows {
            let figures = [0.5, 0.95, 0.99, 1].map { String(format: "%8.2f", histogram.percentile($0)) }
            print(
                name.padding(toLength: 15, withPad: " ", startingAt: 0) + String(format: "%7d", histogram.count)
                    + figures.map { " " + $0 }.joined())
        }
        print(
            missed.isEmpty
                ? "every bar held: p95 ≤ \(p95Bar), p99 ≤ \(p99Bar)" : "missed: \(missed.joined(separator: ", "))")
    }
}

private enum Operation: String, CaseIterable {
    case store, find, status

    private static let subjects = ["billing", "sessions", "the gateway", "search", "exports", "the queue", "backups"]
    private static let events = ["was moved to", "fails without", "is owned by", "depends on", "was slower than"]

    private static func subject(_ i: Int) -> String { subjects[i % subjects.count] }

    /// Arguments of call `i`; no two stored texts are alike.
    func call(_ i: Int) -> (tool: String, arguments: JSONObject) {
        switch self {
        case .store:
            let text =
                "Release \(i): \(Self.subject(i)) \(Self.events[i / 7 % 5]) \(Self.subject(i / 3 + 1)), seen in run "
                + "\(i * 7919 % 10_007) with \(i * 31 % 97) retries"
            return ("memory_store", ["items": [["kind": "observation", "content": .string(text)]]])
        case .find:
            return ("memory_find", ["query": .string("what does \(Self.subject(i)) depend on, release \(i)?")])
        case .status: return ("system_status", ["operation": i % 2 == 0 ? "health" : "stats"])
        }
    }
}

/// One session with a server of its own.
private final class StdioSession {
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

    /// Microseconds of one call.
    func timed(_ operation: Operation, _ i: Int) throws -> Double {
        let (tool, arguments) = operation.call(i)
        let begin = DispatchTime.now().uptimeNanoseconds
        let result = try ask("tools/call", ["name": .string(tool), "arguments": .object(arguments)])
        let end = DispatchTime.now().uptimeNanoseconds
        guard result["isError"]?.boolValue != true else {
            throw ValidationError("\(tool) failed: \(result["structuredContent"]?["message"]?.stringValue ?? "")")
        }
        return Double(end - begin) / 1000
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
