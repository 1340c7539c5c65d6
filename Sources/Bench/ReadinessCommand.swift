import ArgumentParser
import Files
import Foundation
import JSON
import Memory

/// `Bench readiness`: store, find and status through a real session of the real binary on stdin and stdout.
///
/// Cold is a process that has just started, for its first call; warm the same process after it. The closed loop asks
/// when it has been answered; the open loop asks at a steady rate, and its latencies are counted from when a call was
/// due, so that waiting behind a slow one counts (no coordinated omission). `find w/o model` is the closed loop's time
/// less what the server says its embedder took; `batch` stores 100 new items of some 60 tokens in one call.
struct ReadinessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "readiness", abstract: "Measure store, find and status over MCP against bars.",
        discussion: """
            Exit code 1 when a bar is missed: p95 and p99 of every warm operation, as the options say or 25 and 50 ms. \
            Without options also, for one client in the closed loop, find p50 12 ms and p99 40 ms, find without the \
            model p99 5 ms, a batch of 100 items 1500 ms at its slowest.
            """)

    @Option(help: ArgumentHelp("The cortex executable. Default: the one beside this.", valueName: "path"))
    var cortex: String?

    @Option(help: ArgumentHelp("A data directory to use; it is written to. Default: a new one.", valueName: "dir"))
    var data: String?

    @Option(name: .customShort("n"), help: "Operations of each kind.")
    var count = 100

    @Option(help: "Calls a second of the open loop.")
    var rate = 20.0

    @Option(help: "Batches of 100 items.")
    var batches = 10

    @Option(name: .customLong("p95"), help: "Bar for p95, in milliseconds. Default: 25.")
    var p95Bar: Double?

    @Option(name: .customLong("p99"), help: "Bar for p99, in milliseconds. Default: 50.")
    var p99Bar: Double?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard (1...100_000).contains(count) else { throw ValidationError("-n is 1 to 100000") }
        guard (1...1_000).contains(batches) else { throw ValidationError("--batches is 1 to 1000") }
        guard rate > 0, rate <= 10_000 else { throw ValidationError("--rate is above 0 and at most 10000") }
    }

    /// What a percentile of a row may be at most.
    private struct Bar {
        let row: String
        let share: Double
        let milliseconds: Double

        var name: String { share == 1 ? "\(row) max" : "\(row) p\(Int(share * 100))" }
    }

    private static let contract = [
        Bar(row: "find closed", share: 0.5, milliseconds: 12), Bar(row: "find closed", share: 0.99, milliseconds: 40),
        Bar(row: "find w/o model", share: 0.99, milliseconds: 5), Bar(row: "batch", share: 1, milliseconds: 1500),
    ]

    private var bars: [Bar] {
        ReadinessOperation.allCases.flatMap { operation in
            ["closed", "open"].flatMap { loop in
                [
                    Bar(row: "\(operation.rawValue) \(loop)", share: 0.95, milliseconds: p95Bar ?? 25),
                    Bar(row: "\(operation.rawValue) \(loop)", share: 0.99, milliseconds: p99Bar ?? 50),
                ]
            }
        } + (p95Bar == nil && p99Bar == nil ? Self.contract : [])
    }

    func run() throws {
        // The program itself, where it is `cortex bench`.
        let binary = cortex ?? (RunningProgram.path as NSString).deletingLastPathComponent + "/cortex"
        guard FileManager.default.isExecutableFile(atPath: binary) else {
            throw ValidationError("there is no executable \(binary); name one with --cortex")
        }
        let directory = data ?? NSTemporaryDirectory() + "cortex-readiness-\(UUID().uuidString)"
        defer {
            // A left-over folder of a measurement is no reason to fail it.
            if data == nil { try? FileManager.default.removeItem(atPath: directory) }
        }
        var rows: [(String, LatencyHistogram)] = []
        for operation in ReadinessOperation.allCases {
            let session = try StdioSession(binary, directory)
            rows += try measured(operation, session)
            try session.end()
        }
        let session = try StdioSession(binary, directory)
        var batch = LatencyHistogram()
        for i in 0...batches {
            let time = try session.timedBatch(i)
            // The first opens the collection and touches the model.
            if i > 0 { batch.add(microseconds: time) }
        }
        let held = try session.memoryCount()
        try session.end()
        rows.append(("batch", batch))
        let missed = bars.filter { bar in
            rows.contains { $0.0 == bar.row && $0.1.percentile(bar.share) > bar.milliseconds }
        }
        report(rows, missed.map(\.name), held: held)
        if !missed.isEmpty { throw ExitCode(1) }
    }

    /// Cold, closed and open loop of one operation.
    private func measured(_ operation: ReadinessOperation, _ session: StdioSession) throws -> [(
        String, LatencyHistogram
    )] {
        var cold = LatencyHistogram()
        cold.add(microseconds: try session.timed(operation, 0).time)
        var closed = LatencyHistogram()
        var withoutModel = LatencyHistogram()
        for i in 1...count {
            let (time, modelTime) = try session.timed(operation, i)
            closed.add(microseconds: time)
            withoutModel.add(microseconds: max(0, time - modelTime))
        }
        let open = try openLoop(session, operation)
        let name = operation.rawValue
        var rows = [("\(name) cold", cold), ("\(name) closed", closed), ("\(name) open", open)]
        if operation == .find { rows.append(("find w/o model", withoutModel)) }
        return rows
    }

    private func openLoop(_ session: StdioSession, _ operation: ReadinessOperation) throws -> LatencyHistogram {
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

    private func report(_ rows: [(String, LatencyHistogram)], _ missed: [String], held: Int) {
        if json {
            var members: JSONObject = ["memories": .integer(Int64(held))]
            members["bars"] = .object(
                bars.reduce(into: [:]) { members, bar in
                    // Of two bars on one figure the lower counts.
                    let known = members[bar.name]?.doubleValue ?? .infinity
                    members[bar.name] = .number(min(known, bar.milliseconds))
                })
            for row in rows { members[row.0] = row.1.json }
            members["missed"] = .array(missed.map { .string($0) })
            print(JSONWriter.text(.object(members)))
            return
        }
        print("\(held) memories; ms  count      p50      p95      p99      max")
        for (name, histogram) in rows {
            let figures = [0.5, 0.95, 0.99, 1].map { String(format: "%8.2f", histogram.percentile($0)) }
            print(
                name.padding(toLength: 15, withPad: " ", startingAt: 0) + String(format: "%7d", histogram.count)
                    + figures.map { " " + $0 }.joined())
        }
        print(missed.isEmpty ? "all \(bars.count) bars held" : "missed: \(missed.joined(separator: ", "))")
    }
}

enum ReadinessOperation: String, CaseIterable {
    case store, find, status

    private static let subjects = ["billing", "sessions", "the gateway", "search", "exports", "the queue", "backups"]
    private static let events = ["was moved to", "fails without", "is owned by", "depends on", "was slower than"]

    private static func subject(_ i: Int) -> String { subjects[i % subjects.count] }

    /// Arguments of call `i`; no two stored texts are alike.
    func call(_ i: Int) -> (tool: String, arguments: JSONObject) {
        switch self {
        case .store:
            let text =
                "Release \(StdioSession.run)-\(i): \(Self.subject(i)) \(Self.events[i / 7 % 5]) "
                + "\(Self.subject(i / 3 + 1)), seen in run \(i * 7919 % 10_007) with \(i * 31 % 97) retries"
            return ("memory_store", ["items": [["kind": "observation", "content": .string(text)]]])
        case .find:
            return ("memory_find", ["query": .string("what does \(Self.subject(i)) depend on, release \(i)?")])
        case .status: return ("system_status", ["operation": i % 2 == 0 ? "health" : "stats"])
        }
    }
}
