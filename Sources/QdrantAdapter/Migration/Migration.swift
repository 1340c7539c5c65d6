import Files
import Foundation
import JSON
import VectorEngine

// Collections from one Qdrant to another: configuration, points in the order of their ids, payload indexes, aliases;
// then counts and a sample of points and searches are compared. After each page the next id is written down, so that a
// killed migration goes on where it was; writing a page twice does no harm.

/// What is to be moved, and how.
package struct MigrationOptions: Sendable {
    /// Collections by name; all of them when empty.
    package var collections: [String] = []
    /// Points of one page.
    package var pageSize = 256
    /// Points and searches that are compared afterwards.
    package var sampleSize = 100
    /// Collections that are moved side by side.
    package var parallel = 2
    /// Where the place reached is written down.
    package var stateDirectory: String
    /// What becomes of vectors that say nothing; nil leaves them.
    package var renewal: VectorRenewal?

    package init(stateDirectory: String) { self.stateDirectory = stateDirectory }
}

/// What became of one collection.
package struct MigratedCollection: Sendable {
    package let name: String
    package fileprivate(set) var sourceCount = 0
    package fileprivate(set) var targetCount = 0
    package fileprivate(set) var resumed = false
    /// Sampled points and searches, and those that differed.
    package fileprivate(set) var compared = 0
    package fileprivate(set) var differing: [String] = []
    /// Points with a dense vector that is zero, or one number throughout; and those that got a new one.
    package fileprivate(set) var emptyVectors = 0
    package fileprivate(set) var renewed = 0
    /// The parts that were not carried, and why.
    package fileprivate(set) var notes: [String] = []

    package var isWhole: Bool { sourceCount == targetCount && differing.isEmpty }

    package var json: JSONValue {
        [
            "collection": .string(name), "source_points": .integer(Int64(sourceCount)),
            "target_points": .integer(Int64(targetCount)), "resumed": .bool(resumed),
            "compared": .integer(Int64(compared)), "differing": .array(differing.map { .string($0) }),
            "empty_vectors": .integer(Int64(emptyVectors)), "renewed": .integer(Int64(renewed)),
            "notes": .array(notes.map { .string($0) }),
            "whole": .bool(isWhole),
        ]
    }
}

/// Moves collections from `source` to `target`.
package struct Migration: Sendable {
    let source: any QdrantPeer
    let target: any QdrantPeer
    let options: MigrationOptions
    /// Told after each page: collection, points so far, points there are.
    let progress: @Sendable (String, Int, Int) -> Void

    package init(
        from source: any QdrantPeer, to target: any QdrantPeer, _ options: MigrationOptions,
        progress: @escaping @Sendable (String, Int, Int) -> Void = { _, _, _ in }
    ) {
        self.source = source
        self.target = target
        self.options = options
        self.progress = progress
    }

    package func run() async throws -> [MigratedCollection] {
        let names = try await source.collectionNames(options.collections)
        return try await withThrowingTaskGroup(of: MigratedCollection.self) { group in
            var waiting = names[...]
            var done: [MigratedCollection] = []
            for _ in 0..<max(1, options.parallel) {
                if let name = waiting.popFirst() { group.addTask { try await move(name) } }
            }
            while let moved = try await group.next() {
                done.append(moved)
                if let name = waiting.popFirst() { group.addTask { try await move(name) } }
            }
            return done.sorted { $0.name < $1.name }
        }
    }

    // MARK: One collection

    private func move(_ name: String) async throws -> MigratedCollection {
        var report = MigratedCollection(name: name)
        let info = try await source.result("GET", ["collections", name])
        let place = MigrationPlace(directory: options.stateDirectory, source: source.name, target: target.name, name)
        var next = try place.read()
        report.resumed = next != nil
        let exists = try await target.result("GET", ["collections", name, "exists"])["exists"]?.boolValue ?? false
        if !exists {
            _ = try await target.result("PUT", ["collections", name], Self.creation(info["config"] ?? .null))
            next = nil
        } else if next == nil {
            throw QdrantFailure(
                409,
                "\(target.name) has a collection '\(name)' already, and no unfinished migration of it; delete it first")
        }
        try await movePoints(name, from: next, info["points_count"]?.integerValue ?? 0, place, &report)
        try await moveSettings(name, info, &report)
        report.sourceCount = try await count(source, name)
        report.targetCount = try await count(target, name)
        try await compare(name, info, &report)
        if report.isWhole { try place.remove() }
        report.notes.append("versions of points are numbered from the start: the API does not carry them")
        return report
    }

    private func count(_ peer: any QdrantPeer, _ name: String) async throws -> Int {
        let result = try await peer.result("POST", ["collections", name, "points", "count"], ["exact": true])
        return Int(result["count"]?.integerValue ?? 0)
    }

    /// The body that makes a collection with this configuration; strict mode comes last, when the points are in.
    static func creation(_ config: JSONValue) -> JSONValue {
        var body: JSONObject = [:]
        for key in [
            "vectors", "sparse_vectors", "shard_number", "replication_factor", "write_consistency_factor",
            "on_disk_payload",
        ] {
            body[key] = config["params"]?.optional(key)
        }
        body["hnsw_config"] = config.optional("hnsw_config")?.withoutNulls
        body["optimizers_config"] = config.optional("optimizer_config")?.withoutNulls
        body["wal_config"] = config.optional("wal_config")?.withoutNulls
        body["quantization_config"] = config.optional("quantization_config")
        body["metadata"] = config.optional("metadata")
        return .object(body)
    }

    /// Reads one page while the one before is written.
    private func movePoints(
        _ name: String, from start: JSONValue?, _ total: Int64, _ place: MigrationPlace,
        _ report: inout MigratedCollection
    ) async throws {
        var moved = 0
        var page = try await source.page(name, from: start, limit: options.pageSize)
        while true {
            let next = page.optional("next_page_offset")
            async let following = pageIfAny(name, from: next)
            var points = page["points"]?.arrayValue ?? []
            if !points.isEmpty {
                report.emptyVectors += points.count { !VectorRenewal.emptyVectors(of: $0).isEmpty }
                if let renewal = options.renewal { report.renewed += try await renewal.renew(&points) }
                _ = try await target.result(
                    "PUT", ["collections", name, "points"], query: ["wait": "true"],
                    ["points": .array(points.map(Self.written))])
                moved += points.count
                progress(name, moved, Int(clamping: total))
            }
            try place.write(next ?? .null)
            guard let more = try await following else { return }
            page = more
        }
    }

    private func pageIfAny(_ name: String, from offset: JSONValue?) async throws -> JSONValue? {
        guard let offset else { return nil }
        return try await source.page(name, from: offset, limit: options.pageSize)
    }

    static func written(_ point: JSONValue) -> JSONValue {
        var members = point.objectValue ?? [:]
        members["vector"] = members["vector"] ?? [:]
        members["order_value"] = nil
        return .object(members.filter { ["id", "vector", "payload"].contains($0.key) })
    }

    private func moveSettings(_ name: String, _ info: JSONValue, _ report: inout MigratedCollection) async throws {
        let aliases = try await source.result("GET", ["collections", name, "aliases"])["aliases"]?.arrayValue ?? []
        report.notes += try await Self.makeSettings(name, info, aliases.map { ["create_alias": $0] }, in: target)
    }

    /// Makes payload indexes, strict mode and aliases as `info` and `aliases` say; what was refused, in words.
    static func makeSettings(
        _ name: String, _ info: JSONValue, _ aliases: [JSONValue], in target: any QdrantPeer
    ) async throws -> [String] {
        var notes: [String] = []
        for (field, schema) in info["payload_schema"]?.objectValue ?? [:] {
            let definition = schema.optional("params") ?? schema["data_type"] ?? .null
            do {
                _ = try await target.result(
                    "PUT", ["collections", name, "index"], query: ["wait": "true"],
                    ["field_name": .string(field), "field_schema": definition])
            } catch let refusal as QdrantFailure {
                notes.append("the index of '\(field)' was not made: \(refusal.text)")
            }
        }
        if let strict = info["config"]?.optional("strict_mode_config") {
            _ = try await target.result("PATCH", ["collections", name], ["strict_mode_config": strict.withoutNulls])
        }
        if !aliases.isEmpty {
            _ = try await target.result("POST", ["collections", "aliases"], ["actions": .array(aliases)])
        }
        return notes
    }

    // MARK: Comparing

    private func compare(_ name: String, _ info: JSONValue, _ report: inout MigratedCollection) async throws {
        guard options.sampleSize > 0, report.sourceCount > 0 else { return }
        let sample = try await source.result(
            "POST", ["collections", name, "points", "query"],
            ["query": ["sample": "random"], "limit": .integer(Int64(options.sampleSize))])
        let ids = (sample["points"]?.arrayValue ?? []).compactMap { $0["id"] }
        let body: JSONValue = ["ids": .array(ids), "with_payload": true, "with_vector": true]
        let path = ["collections", name, "points"]
        let mine = try await source.result("POST", path, body).arrayValue ?? []
        var theirs: [String: JSONValue] = [:]
        for point in try await target.result("POST", path, body).arrayValue ?? [] {
            theirs[JSONWriter.text(point["id"] ?? .null)] = point
        }
        for point in mine {
            report.compared += 1
            let id = JSONWriter.text(point["id"] ?? .null)
            var expected = point
            if let other = theirs[id], options.renewal != nil { Self.forgive(&expected, other) }
            if theirs[id].map({ !Self.agree($0, expected) }) ?? true { report.differing.append("point \(id)") }
        }
        // Points that were found by nothing before are found now.
        if options.renewal == nil {
            try await compareSearches(name, mine, &report)
        } else {
            report.notes.append("searches were not compared, since the vectors were computed again")
        }
    }

    /// A few exact searches by stored vectors must find the same points first.
    private func compareSearches(
        _ name: String, _ points: [JSONValue], _ report: inout MigratedCollection
    ) async throws {
        for point in points.prefix(Self.comparedSearches) {
            let vectors = point["vector"]?.objectValue ?? point["vector"].map { ["": $0] } ?? [:]
            guard
                let (using, vector) = vectors.elements.first(where: { $0.value.arrayValue?.first?.doubleValue != nil })
            else { continue }
            var body: JSONObject = ["query": vector, "limit": 10, "params": ["exact": true]]
            if !using.isEmpty { body["using"] = .string(using) }
            let path = ["collections", name, "points", "query"]
            let mine = try await source.result("POST", path, .object(body))
            let theirs = try await target.result("POST", path, .object(body))
            func scores(_ answer: JSONValue) -> [Double] {
                (answer["points"]?.arrayValue ?? []).compactMap { $0["score"]?.doubleValue }
            }
            report.compared += 1
            let (a, b) = (scores(mine), scores(theirs))
            if a.count != b.count || zip(a, b).contains(where: { abs($0 - $1) > Self.tolerance }) {
                report.differing.append("a search by point \(JSONWriter.text(point["id"] ?? .null))")
            }
        }
    }

    private static let comparedSearches = 10
    /// What Float32 arithmetic may make of a component that is normalised once more.
    private static let tolerance = 1e-4

    /// Takes for given what `other` has in place of vectors of `point` that say nothing.
    private static func forgive(_ point: inout JSONValue, _ other: JSONValue) {
        var members = point.objectValue ?? [:]
        for (name, _) in VectorRenewal.emptyVectors(of: point) {
            if let name {
                var named = members["vector"]?.objectValue ?? [:]
                named[name] = other["vector"]?[name]
                members["vector"] = .object(named)
            } else {
                members["vector"] = other["vector"]
            }
        }
        point = .object(members)
    }

    /// Equal but for the last digits of floats in vectors.
    private static func agree(_ a: JSONValue, _ b: JSONValue) -> Bool {
        guard a["payload"] ?? [:] == b["payload"] ?? [:] else { return false }
        return near(a["vector"] ?? .null, b["vector"] ?? .null)
    }

    private static func near(_ a: JSONValue, _ b: JSONValue) -> Bool {
        if let x = a.doubleValue, let y = b.doubleValue { return abs(x - y) <= tolerance * max(1, abs(x)) }
        switch (a, b) {
        case (.array(let x), .array(let y)): return x.count == y.count && zip(x, y).allSatisfy { near($0, $1) }
        case (.object(let x), .object(let y)):
            return x.count == y.count && x.allSatisfy { key, value in y[key].map { near(value, $0) } ?? false }
        default: return a == b
        }
    }
}

/// Where an unfinished migration of one collection stands: a small file.
private struct MigrationPlace {
    private let path: String
    private let directory: String
    private let between: JSONValue

    init(directory: String, source: String, target: String, _ name: String) {
        self.directory = directory
        let encoded = Data("\(source)\n\(target)\n\(name)".utf8).reduce(UInt64(14_695_981_039_346_656_037)) {
            ($0 ^ UInt64($1)) &* 1_099_511_628_211
        }
        path = directory + "/migration-" + String(encoded, radix: 16) + ".json"
        between = ["source": .string(source), "target": .string(target), "collection": .string(name)]
    }

    /// The id of the next page; null when all points are in; nil when there is no unfinished migration.
    func read() throws -> JSONValue? {
        guard let text = FileManager.default.contents(atPath: path) else { return nil }
        let state = try JSONParser.parse(Array(text))
        return state["between"] == between ? state["next"] : nil
    }

    func write(_ next: JSONValue) throws {
        try PrivateFile.makeFolder(directory)
        let state: JSONValue = ["between": between, "next": next]
        try EngineError.wrapping(path) { try DurableFile.write(JSONWriter.bytes(state), to: path) }
    }

    func remove() throws {
        if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
    }
}
