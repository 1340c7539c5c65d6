import ArgumentParser
import Foundation
import JSON
import VectorEngine
import Vectors

/// `Bench worker`: the engine as an external program for a harness that compares engines.
///
/// One JSON request a line on stdin, one JSON answer a line on stdout: `build`, `open`, `search`, `memory`, `exit`.
/// What is measured is the engine's own search call on a collection in SQLite, opened as any other process would open
/// it.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Answer a comparison harness in JSON lines on stdin and stdout.")

    @Option(help: ArgumentHelp("Where the engine keeps its files.", valueName: "dir"))
    var store: String

    func run() async throws {
        let worker = Worker(directory: store)
        while let line = readLine(strippingNewline: true) {
            let answer: JSONValue
            do {
                let request = try JSONParser.parse(line)
                if request["op"] == "exit" { break }
                answer = try await worker.answer(request)
            } catch {
                answer = ["error": .string("\(error)")]
            }
            try FileHandle.standardOutput.write(contentsOf: JSONWriter.bytes(answer) + [0x0A])
        }
    }
}

private final class Worker {
    private static let collection = "bench"
    private static let settings: [Int64] = [10, 12, 14, 16, 20, 24, 32, 40, 48, 64, 96, 128, 192, 256, 384]
    private static let k = 10
    private static let batchSize = 1000

    private let directory: String
    private let empty = ResidentMemory.now
    private var store: EmbeddedStore?
    private var opened: PointCollection?

    init(directory: String) { self.directory = directory }

    func answer(_ request: JSONValue) async throws -> JSONValue {
        switch request["op"]?.stringValue {
        case "build": return try await build(request)
        case "open": return try await open()
        case "search": return try search(request)
        case "memory":
            let now = ResidentMemory.now
            return ["anon_mb": .number(now.anonymous - empty.anonymous), "file_mb": .number(now.file - empty.file)]
        default: throw ValidationError("op is build, open, search, memory or exit")
        }
    }

    private func build(_ request: JSONValue) async throws -> JSONValue {
        let data = request["data"]?.stringValue ?? "."
        let threads = Int(request["threads"]?.integerValue ?? 1)
        let base = try VectorFile.floats(
            FileManager.default.fileExists(atPath: data + "/base.npy") ? data + "/base.npy" : data + "/base.fvecs")
        let shares = try VectorFile.rowNumbers(data + "/payload.npy")
        guard shares.rows == base.rows else {
            throw ValidationError("payload.npy has \(shares.rows) rows, the base \(base.rows)")
        }
        let before = ResidentMemory.now
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        let store = try EmbeddedStore(directory: directory, settings: settings)
        try await store.createCollection(
            Self.collection,
            schema: CollectionSchema(
                dense: ["": DenseVectorSchema(dimension: base.columns, metric: .cosine)],
                payloadIndexes: ["share": .integer]))
        let clock = ContinuousClock()
        let ingest = try await clock.measure {
            for start in stride(from: 0, to: base.rows, by: Self.batchSize) {
                let points = try (start..<min(base.rows, start + Self.batchSize)).map { row in
                    Point(
                        id: .number(UInt64(row)),
                        vectors: PointVectors(
                            dense: ["": Array(base.elements[row * base.columns..<(row + 1) * base.columns])]),
                        payload: try Payload(text: Array("{\"share\":\(shares.elements[row])}".utf8)))
                }
                try await store.upsert(points, in: Self.collection)
            }
        }
        let seal = try await clock.measure { try await store.sealNow(Self.collection, threads: threads) }
        let peak = ResidentMemory.now.peak - before.anonymous
        try await store.close()
        return ["build_s": .number(seal.seconds), "save_s": .number(ingest.seconds), "peak_mb": .number(peak)]
    }

    private func open() async throws -> JSONValue {
        let store = try EmbeddedStore(directory: directory)
        let clock = ContinuousClock()
        var opened: PointCollection?
        let elapsed = try clock.measure { opened = try store.collection(Self.collection) }
        self.store = store
        self.opened = opened
        let settings = JSONValue.array(Self.settings.map { .integer($0) })
        return [
            "open_ms": .number(elapsed.seconds * 1000), "settings": settings, "filter_settings": settings,
            "note": "Cortex engine: SQLite, int64 ids, payload filter inside the search",
        ]
    }

    private func search(_ request: JSONValue) throws -> JSONValue {
        guard let opened else { throw ValidationError("open first") }
        guard let path = request["queries"]?.stringValue, let out = request["out"]?.stringValue else {
            throw ValidationError("search needs queries and out")
        }
        if request["batch"]?.boolValue == true { return ["unsupported": true] }
        let queries = try VectorFile.floats(path)
        let breadth = Int(request["setting"]?.integerValue ?? 64)
        let filter = request["percent"]?.doubleValue.map { percent in
            Filter(must: [.range(path: "share", NumericRange(lessThan: percent))])
        }
        let limit = request["max_s"]?.doubleValue ?? 3
        let prepared = (0..<queries.rows).map { row in
            PointQuery(
                target: .dense(
                    name: "", Array(queries.elements[row * queries.columns..<(row + 1) * queries.columns])),
                filter: filter, limit: Self.k, breadth: breadth)
        }
        for query in prepared.prefix(20) { _ = try opened.query([query]) }
        var found: [[ScoredPoint]] = []
        var latencies: [Float] = []
        found.reserveCapacity(prepared.count)
        latencies.reserveCapacity(prepared.count)
        var seconds = 0.0
        let clock = ContinuousClock()
        for query in prepared {
            let start = clock.now
            let answer = try opened.query([query])
            let elapsed = start.duration(to: clock.now).seconds
            found.append(answer[0])
            latencies.append(Float(elapsed * 1e6))
            seconds += elapsed
            if seconds > limit { break }
        }
        try write(found, latencies, to: out)
        return ["count": .integer(Int64(found.count)), "seconds": .number(seconds)]
    }

    /// `PREFIX.ids` (int32, count × 10, −1 where none) and `PREFIX.us` (float32, one latency a query).
    private func write(_ found: [[ScoredPoint]], _ latencies: [Float], to prefix: String) throws {
        var ids: [Int32] = []
        for answer in found {
            for place in 0..<Self.k {
                if place < answer.count, case .number(let number) = answer[place].id {
                    ids.append(Int32(truncatingIfNeeded: number))
                } else {
                    ids.append(-1)
                }
            }
        }
        try ids.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: prefix + ".ids")) }
        try latencies.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: prefix + ".us")) }
    }
}

/// Resident memory of this process in MiB, as Linux counts it; zeros elsewhere.
struct ResidentMemory {
    var anonymous = 0.0
    var file = 0.0
    var peak = 0.0

    static var now: ResidentMemory {
        var memory = ResidentMemory()
        guard let status = FileManager.default.contents(atPath: "/proc/self/status") else { return memory }
        for line in String(decoding: status, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(whereSeparator: { $0 == ":" || $0.isWhitespace })
            guard fields.count >= 2, let kibibytes = Double(fields[1]) else { continue }
            switch fields[0] {
            case "RssAnon": memory.anonymous = kibibytes / 1024
            case "RssFile": memory.file = kibibytes / 1024
            case "VmHWM": memory.peak = kibibytes / 1024
            default: continue
            }
        }
        return memory
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
