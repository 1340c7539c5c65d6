import ArgumentParser
import Foundation
import JSON
import Synchronization
import VectorEngine

/// `Bench session`: the engine alone behind JSON lines, for programs that break it and ask what is left.
///
/// One request a line on stdin, one answer a line on stdout, each with the request's `i`. Requests are worked on at the
/// same time, so answers come in any order. A point is made of two numbers, its id and its version; a reader that knows
/// both knows its payload and its vector, and an answer says whether they are `whole`.
///
///     {"i":1,"op":"put","ids":[3,4],"version":7}      {"i":1,"ok":true,"sequence":2}
///     {"i":2,"op":"delete","ids":[3]}                 {"i":2,"ok":true,"sequence":3}
///     {"i":3,"op":"get","ids":[4]}                    {"i":3,"ok":true,"points":[[4,7,true]]}
///     {"i":4,"op":"dump"}                             … and "count", "damaged", "bytes"
///     {"i":5,"op":"nearest","id":4,"version":7}       {"i":5,"ok":true,"points":[[4,7,true]]}
///     {"i":6,"op":"seal"}, {"i":7,"op":"ship"}, {"i":8,"op":"close"}
///     a failure                                       {"i":1,"ok":false,"code":"diskFull","message":"…"}
///
/// What happens by itself is told by lines without a number: {"event":"started"}, and every step of a sealing.
struct SessionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "session", abstract: "Answer a fault test in JSON lines on stdin and stdout.")

    @Option(help: ArgumentHelp("Where the engine keeps its files.", valueName: "dir"))
    var store: String

    @Option(help: "Flat rows that are sealed at once.") var sealRows = 300
    @Option(help: "Flat rows are also left until they are this share of the sealed ones.") var sealShare = 0.0
    @Option(help: "Components of the vector.") var dimension = 8
    @Option(help: "Bytes of text in a payload.") var payloadBytes = 200
    @Option(help: ArgumentHelp("Where the log is shipped to.", valueName: "dir")) var backups: String?
    @Option(help: "64 hexadecimal digits that seal what is stored.") var encryptionKey: String?
    @Flag(help: "The control: acknowledge before anything is written. A test must notice.") var acknowledgeEarly = false

    func run() async throws {
        var settings = EngineSettings()
        settings.sealThreshold = sealRows
        settings.sealShare = sealShare
        settings.buildThreads = 1
        settings.observeSealing = { Session.say(["event": .string($0.rawValue)]) }
        settings.backupLocation = backups
        settings.encryptionKey = try encryptionKey.map { try EncryptionKey(hex: $0) }
        let session = try Session(
            directory: store, settings: settings, dimension: dimension, payloadBytes: payloadBytes)
        Session.say(["event": "started"])
        let acknowledgesEarly = acknowledgeEarly
        try await withThrowingTaskGroup(of: Void.self) { group in
            while let line = readLine(strippingNewline: true) {
                let request = try JSONParser.parse(line)
                if acknowledgesEarly, ["put", "delete"].contains(request["op"]?.stringValue) {
                    Session.say(["i": request["i"] ?? .null, "ok": true])
                    group.addTask { _ = await session.reply(to: request) }
                    continue
                }
                if request["op"] == "close" { break }
                group.addTask { Session.say(await session.reply(to: request)) }
            }
            try await group.waitForAll()
        }
        try await session.close()
    }
}

private final class Session: Sendable {
    private static let name = "c"
    private static let pageLimit = 100_000

    private let store: EmbeddedStore
    private let dimension: Int
    private let payloadBytes: Int
    private static let output = Mutex(())

    init(directory: String, settings: EngineSettings, dimension: Int, payloadBytes: Int) throws {
        store = try EmbeddedStore(directory: directory, settings: settings)
        store.startUpkeep()
        self.dimension = dimension
        self.payloadBytes = payloadBytes
    }

    func close() async throws { try await store.close() }

    static func say(_ value: JSONValue) {
        // A reader that has gone wants no answer; the next read of stdin ends the session.
        output.withLock { _ in try? FileHandle.standardOutput.write(contentsOf: JSONWriter.bytes(value) + [0x0A]) }
    }

    func reply(to request: JSONValue) async -> JSONValue {
        var members: JSONObject = ["i": request["i"] ?? .null]
        do {
            members["ok"] = true
            members.merge(try await work(request)) { $1 }
        } catch let error as EngineError {
            members["ok"] = false
            members["code"] = .string(error.code.rawValue)
            members["message"] = .string(error.message)
        } catch {
            members["ok"] = false
            members["code"] = "unexpected"
            members["message"] = .string("\(error)")
        }
        return .object(members)
    }

    private func work(_ request: JSONValue) async throws -> JSONObject {
        let ids = (request["ids"]?.arrayValue ?? []).compactMap(\.integerValue).map { UInt64(clamping: $0) }
        let version = request["version"]?.integerValue ?? 0
        switch request["op"]?.stringValue {
        case "put":
            let points = try ids.map { try point($0, version) }
            return receipt(try await writing { try await self.store.upsert(points, in: Self.name) })
        case "delete":
            let selector = PointSelector.ids(ids.map { .number($0) })
            return receipt(try await writing { try await self.store.delete(selector, in: Self.name) })
        case "get":
            let points = try await store.retrieve(ids.map { .number($0) }, with: .all, in: Self.name)
            return ["points": shown(points)]
        case "dump": return try await dump()
        case "nearest":
            let id = UInt64(clamping: request["id"]?.integerValue ?? 0)
            let target = PointQuery.Target.dense(name: "text", vector(id, version))
            let query = PointQuery(target: target, limit: 1, breadth: 200, parts: .all)
            let found = try await store.query([query], in: Self.name)[0]
            return [
                "points": shown(
                    found.map { Point(id: $0.id, vectors: $0.vectors ?? PointVectors(), payload: $0.payload ?? .empty) }
                )
            ]
        case "seal": return ["sealed": .bool(try await store.sealNow(Self.name, threads: 1))]
        case "ship":
            let receipts = try await store.shipLog(to: request["to"]?.stringValue ?? "")
            return ["through": .integer(Int64(clamping: receipts[Self.name]?.through ?? 0))]
        default: throw ValidationError("there is no such op")
        }
    }

    private func receipt(_ receipt: UpdateReceipt) -> JSONObject {
        ["sequence": .integer(Int64(clamping: receipt.sequence)), "affected": .integer(Int64(receipt.affected))]
    }

    /// The collection is made with the first write, by whichever process comes first.
    private func writing(_ body: () async throws -> UpdateReceipt) async throws -> UpdateReceipt {
        do {
            return try await body()
        } catch let error as EngineError where error.code == .collectionNotFound {
            do {
                try await store.createCollection(
                    Self.name,
                    schema: CollectionSchema(
                        dense: ["text": DenseVectorSchema(dimension: dimension)],
                        payloadIndexes: ["version": .integer]))
            } catch let error as EngineError where error.code == .collectionExists {
                // Another process was first.
            }
            return try await body()
        }
    }

    private func dump() async throws -> JSONObject {
        guard let facts = try await store.describe(Self.name) else {
            return ["points": [], "count": 0, "damaged": 0, "bytes": 0]
        }
        let page = try await store.scroll(ScrollRequest(limit: Self.pageLimit, parts: .all), in: Self.name)
        return [
            "points": shown(page.points), "count": .integer(Int64(try await store.count(nil, in: Self.name))),
            "damaged": .integer(Int64(facts.damagedPointCount)), "bytes": .integer(Int64(facts.sizeBytes)),
            "indexed": .integer(Int64(facts.indexedPointCount)),
        ]
    }

    // MARK: Points

    private func point(_ id: UInt64, _ version: Int64) throws -> Point {
        Point(
            id: .number(id), vectors: PointVectors(dense: ["text": vector(id, version)]),
            payload: try Payload(text: payload(id, version)))
    }

    private func payload(_ id: UInt64, _ version: Int64) -> [UInt8] {
        let text = String(repeating: "\(id):\(version) ", count: max(1, payloadBytes / 8))
        return JSONWriter.bytes([
            "id": .integer(Int64(clamping: id)), "version": .integer(version), "text": .string(text),
        ])
    }

    /// Of length one, so that it is stored to the bit; different for every id and version.
    private func vector(_ id: UInt64, _ version: Int64) -> [Float] {
        var state = id &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(bitPattern: version) &* 0xC2B2_AE3D_27D4_EB4F
        let values = (0..<dimension).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 40) / Double(1 << 24) - 0.5
        }
        let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return values.map { Float($0 / max(length, 1e-9)) }
    }

    private func shown(_ points: [Point]) -> JSONValue {
        .array(
            points.map { point in
                guard case .number(let id) = point.id, let version = point.payload.object["version"]?.integerValue
                else {
                    return [-1, -1, false]
                }
                let isWhole =
                    point.payload.text == payload(id, version)
                    && point.vectors.dense["text"] == vector(id, version)
                return [.integer(Int64(clamping: id)), .integer(version), .bool(isWhole)]
            })
    }
}
