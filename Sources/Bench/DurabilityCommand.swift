import ArgumentParser
import Foundation
import JSON
import VectorEngine

/// `Bench durability`: what an acknowledged write costs, beside plain SQLite with the same settings in the same run.
///
/// Both write rows of one payload and one vector, acknowledged when they are synced. The peer is a table of blobs,
/// written by one connection in transactions of the same size. Rounds alternate; medians are reported.
struct DurabilityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "durability", abstract: "Durable upserts a second, beside plain SQLite with FULL.")

    @Option(help: ArgumentHelp("A directory on the disk to be measured.", valueName: "dir")) var store: String
    @Option(help: "Rows of one measurement with batches.") var rows = 10_000
    @Option(help: "Rows of one measurement with one row a commit.") var singles = 400
    @Option(help: "Rounds; medians are reported.") var rounds = 3
    @Option(help: "Components of the vector.") var dimension = 384
    @Option(help: "Bytes of the payload.") var payloadBytes = 500
    @Option(help: "Writers beside each other.") var writers = 16
    @Flag(help: "One JSON object instead of lines.") var json = false

    func validate() throws {
        guard rows >= 1000, singles >= writers, rounds > 0, writers > 0 else {
            throw ValidationError("--rows is 1000 or more, --singles as many as --writers or more, --rounds 1 or more")
        }
    }

    func run() async throws {
        var rates: [String: [Double]] = [:]
        for _ in 0..<rounds {
            let place = store + "/durability-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: place) }  // what stays is named for what it is
            let key = try EncryptionKey(hex: String(repeating: "5a", count: 32))
            for (name, key) in [("cortex", nil), ("encrypted", key)] {
                let engine = try await Subject(place + "/" + name, dimension, payloadBytes, key)
                for size in [100, 1000] {
                    rates["\(name), batches of \(size)", default: []].append(try await engine.batches(size, rows))
                }
                rates["\(name), 1 row, 1 writer", default: []].append(try await engine.single(1, singles / 4))
                rates["\(name), 1 row, \(writers) writers", default: []].append(
                    try await engine.single(writers, singles))
                try await engine.close()
            }
            let peer = try PlainTable(path: place + "/plain.sqlite", dimension: dimension, payloadBytes: payloadBytes)
            for size in [100, 1000] {
                rates["plain SQLite, batches of \(size)", default: []].append(try peer.rate(rows, batch: size))
            }
            rates["plain SQLite, 1 row, 1 writer", default: []].append(try peer.rate(singles / 4, batch: 1))
            try peer.close()
        }
        report(rates.mapValues { $0.sorted()[$0.count / 2] })
    }

    private func report(_ medians: [String: Double]) {
        func ratio(_ a: String, _ b: String) -> Double { (medians[a] ?? 0) / max(medians[b] ?? 0, 1e-9) }
        let ratios: [(String, Double)] = [
            ("\(writers) writers over 1", ratio("cortex, 1 row, \(writers) writers", "cortex, 1 row, 1 writer")),
            ("batches of 100 over plain SQLite", ratio("cortex, batches of 100", "plain SQLite, batches of 100")),
            ("batches of 1000 over plain SQLite", ratio("cortex, batches of 1000", "plain SQLite, batches of 1000")),
            ("1 row over plain SQLite", ratio("cortex, 1 row, 1 writer", "plain SQLite, 1 row, 1 writer")),
            ("encrypted over not, batches of 1000", ratio("encrypted, batches of 1000", "cortex, batches of 1000")),
        ]
        if json {
            print(
                JSONWriter.text([
                    "rows_per_second": .object(
                        JSONObject(uniqueKeysWithValues: medians.sorted { $0.key < $1.key }.map { ($0, .number($1)) })),
                    "ratios": .object(JSONObject(uniqueKeysWithValues: ratios.map { ($0, .number($1)) })),
                ]))
            return
        }
        for (name, rate) in medians.sorted(by: { $0.key < $1.key }) {
            print(String(format: "%8.0f rows/s  %@", rate, name))
        }
        for (name, ratio) in ratios { print(String(format: "%8.2f         %@", ratio, name)) }
    }
}

/// The engine's side.
private struct Subject {
    private let store: EmbeddedStore
    private let dimension: Int
    private let payload: Payload

    init(_ directory: String, _ dimension: Int, _ payloadBytes: Int, _ key: EncryptionKey?) async throws {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        settings.encryptionKey = key
        self.dimension = dimension
        payload = Payload(["text": .string(String(repeating: "x", count: max(0, payloadBytes - 11)))])
        store = try EmbeddedStore(directory: directory, settings: settings)
        try await store.createCollection(
            "c", schema: CollectionSchema(dense: ["": DenseVectorSchema(dimension: dimension)]))
    }

    func close() async throws { try await store.close() }

    private func points(_ ids: Range<Int>) -> [Point] {
        ids.map { id in
            let vector = (0..<dimension).map { Float(($0 &* 31 &+ id) % 101) - 50 }
            return Point(id: .number(UInt64(id)), vectors: PointVectors(dense: ["": vector]), payload: payload)
        }
    }

    /// Rows a second in calls of `size` rows, one after another.
    func batches(_ size: Int, _ rows: Int) async throws -> Double {
        let first = size * 1_000_000
        let calls = stride(from: first, to: first + rows, by: size).map { points($0..<$0 + size) }
        let elapsed = try await ContinuousClock().measure {
            for call in calls { try await store.upsert(call, in: "c") }
        }
        return Double(calls.count * size) / elapsed.seconds
    }

    /// Rows a second when each of so many writers waits for each of its rows.
    func single(_ writers: Int, _ rows: Int) async throws -> Double {
        let perWriter = rows / writers
        let elapsed = try await ContinuousClock().measure {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<writers {
                    group.addTask {
                        let start = 50_000_000 + writers * 1_000_000 + writer * perWriter
                        for id in start..<start + perWriter { try await store.upsert(points(id..<id + 1), in: "c") }
                    }
                }
                try await group.waitForAll()
            }
        }
        return Double(perWriter * writers) / elapsed.seconds
    }
}
