import ArgumentParser
import Foundation
import JSON
import Synchronization
import VectorEngine
import Vectors

/// `Bench worker`: the engine as an external program for a harness that compares engines.
///
/// One JSON request a line on stdin, one JSON answer a line on stdout: `build`, `open`, `search`, `delete`, `replace`,
/// `seal`, `memory`, `exit`.
/// What is measured is the engine's own search call on a collection in SQLite, opened as any other process would open
/// it.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Answer a comparison harness in JSON lines on stdin and stdout.")

    @Option(help: ArgumentHelp("Where the engine keeps its files.", valueName: "dir"))
    var store: String

    @Flag(help: "Build with the floats left in the file.") var onDisk = false

    func run() async throws {
        let worker = Worker(directory: store, isOnDisk: onDisk)
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

final class Worker {
    static let collection = "bench"
    private static let settings: [Int64] = [10, 12, 14, 16, 20, 24, 32, 40, 48, 64, 96, 128, 192, 256, 384]
    private static let k = 10
    /// Points one upsert writes.
    static let batchSize = 1000
    /// Queries of one call, where a batch is asked for.
    private static let queriesPerCall = 64

    private let directory: String
    private let isOnDisk: Bool
    private let empty = ResidentMemory.now
    /// Whether a sealing is under way that the engine began by itself.
    private let isSealing = SealingSign()
    private(set) var store: EmbeddedStore?
    private var opened: PointCollection?

    init(directory: String, isOnDisk: Bool) {
        self.directory = directory
        self.isOnDisk = isOnDisk
    }

    func answer(_ request: JSONValue) async throws -> JSONValue {
        switch request["op"]?.stringValue {
        case "build": return try await build(request)
        case "open": return try open(request)
        case "search": return try search(request)
        case "delete": return try await delete(request)
        case "replace": return try await replace(request)
        case "seal": return try await seal(request)
        case "memory":
            let now = ResidentMemory.now
            return ["anon_mb": .number(now.anonymous - empty.anonymous), "file_mb": .number(now.file - empty.file)]
        default: throw ValidationError("op is build, open, search, delete, replace, seal, memory or exit")
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
                dense: ["": DenseVectorSchema(dimension: base.columns, metric: .cosine, isOnDisk: isOnDisk)],
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

    /// With `queries` the answer has `first_ms` too: from nothing to the first query's answer. `seals` says whether the
    /// engine seals by itself, as it does unless it is told not to.
    private func open(_ request: JSONValue) throws -> JSONValue {
        let first = try request["queries"]?.stringValue.map {
            try prepared(request, VectorFile.block($0), rows: 0..<1)
        }
        let clock = ContinuousClock()
        let began = clock.now
        var settings = EngineSettings()
        settings.sealsAutomatically = request["seals"]?.boolValue ?? true
        settings.observeSealing = { [isSealing] in isSealing.set($0 == .building || $0 == .merging) }
        let store = try EmbeddedStore(directory: directory, settings: settings)
        let opened = try store.collection(Self.collection)
        let ready = clock.now
        if let first { _ = try opened.query(first) }
        let answered = clock.now
        self.store = store
        self.opened = opened
        let breadths = JSONValue.array(Self.settings.map { .integer($0) })
        return [
            "open_ms": .number((ready - began).seconds * 1000), "first_ms": .number((answered - began).seconds * 1000),
            "settings": breadths, "filter_settings": breadths,
            "note": "Cortex engine: SQLite, int64 ids, payload filter inside the search",
        ]
    }

    /// The queries of `rows` as `request` wants them asked.
    private func prepared(_ request: JSONValue, _ queries: VectorBlock, rows: Range<Int>) throws -> [PointQuery] {
        let filter = try request["percent"]?.doubleValue.map { percent in
            try Filter(must: [.range(path: "share", NumericRange(lessThan: .real(percent)))])
        }
        return rows.map { row in
            PointQuery(
                target: .dense(
                    name: "", Array(UnsafeBufferPointer(start: queries.vector(row), count: queries.dimension))),
                filter: filter, limit: Self.k, breadth: Int(request["setting"]?.integerValue ?? 64),
                isExact: request["exact"]?.boolValue ?? false)
        }
    }

    /// One call a query, or with `batch` one for as many as `queriesPerCall`; `exact` scores every row. With
    /// `while_sealing` queries are asked from the moment a sealing begins, in turn, until it stores its graph.
    private func search(_ request: JSONValue) throws -> JSONValue {
        guard let opened else { throw ValidationError("open first") }
        guard let path = request["queries"]?.stringValue, let out = request["out"]?.stringValue else {
            throw ValidationError("search needs queries and out")
        }
        let queries = try VectorFile.block(path)
        let limit = request["max_s"]?.doubleValue ?? 3
        let perCall = request["batch"]?.boolValue == true ? Self.queriesPerCall : 1
        for query in try prepared(request, queries, rows: 0..<min(20, queries.count)) { _ = try opened.query([query]) }
        let whileSealing = request["while_sealing"]?.boolValue == true
        if whileSealing { try isSealing.wait() }
        var found: [Int32] = []
        var latencies: [Float] = []
        found.reserveCapacity(queries.count * Self.k)
        latencies.reserveCapacity(queries.count)
        var seconds = 0.0
        let clock = ContinuousClock()
        for asked in stride(from: 0, to: whileSealing ? Int.max : queries.count, by: perCall) {
            let first = asked % queries.count
            if whileSealing && !isSealing.isSet { break }
            // Made and read one call at a time: what the harness holds would count as the engine's memory.
            let call = try prepared(request, queries, rows: first..<min(queries.count, first + perCall))
            let start = clock.now
            let answers = try opened.query(call)
            let elapsed = start.duration(to: clock.now).seconds
            for answer in answers { found += Self.ids(of: answer) }
            latencies.append(Float(elapsed * 1e6))
            seconds += elapsed
            if !whileSealing && seconds > limit { break }
        }
        try write(found, latencies, to: out)
        return ["count": .integer(Int64(found.count / Self.k)), "seconds": .number(seconds)]
    }

    /// The `k` ids of an answer, −1 where there is none.
    private static func ids(of answer: [ScoredPoint]) -> [Int32] {
        (0..<k).map { place in
            guard place < answer.count, case .number(let number) = answer[place].id else { return -1 }
            return Int32(truncatingIfNeeded: number)
        }
    }

    /// `PREFIX.ids` (int32, count × 10, −1 where none) and `PREFIX.us` (float32, one latency a query).
    private func write(_ ids: [Int32], _ latencies: [Float], to prefix: String) throws {
        try ids.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: prefix + ".ids")) }
        try latencies.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: prefix + ".us")) }
    }
}

/// Whether a sealing is under way, as its thread says and another watches.
final class SealingSign: Sendable {
    private let value = Atomic<Bool>(false)

    var isSet: Bool { value.load(ordering: .acquiring) }

    func set(_ isSet: Bool) { value.store(isSet, ordering: .releasing) }

    /// Waits until it is set, ten seconds at most.
    func wait() throws {
        for _ in 0..<10_000 where !isSet { usleep(1000) }
        guard isSet else { throw ValidationError("no sealing has begun: there are too few new rows for one") }
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
