import Foundation
import JSON
import Serving
import VectorEngine

// What the service says about itself: greeting, health, metrics, telemetry, and what a cluster of one answers.

extension QdrantAPI {
    var greeting: HTTPAnswer {
        HTTPAnswer(
            body: JSONWriter.bytes([
                "title": "qdrant - vector search engine", "version": .string(Self.version),
                "commit": .string(Self.commit),
            ]))
    }

    /// Paths of one part; nil for one that is not there.
    func performService(_ request: Request, _ name: String) async throws -> CallResult? {
        switch (request.call.method, name) {
        case ("GET", "healthz"), ("GET", "livez"): return .plain(.text("healthz check passed"))
        case ("GET", "readyz"): return .plain(.text("all shards are ready"))
        case ("GET", "metrics"):
            try request.needsGlobal(.read)
            return .plain(
                HTTPAnswer(
                    contentType: "text/plain; version=0.0.4; charset=utf-8", body: Array(try await metrics().utf8)))
        case ("GET", "telemetry"):
            try request.needsGlobal(.read)
            return .value(try await telemetry(request))
        case ("GET", "issues"):
            try request.needsGlobal(.manage)
            return .value(["issues": []])
        case ("DELETE", "issues"):
            try request.needsGlobal(.manage)
            return .value(true)
        case ("GET", "quotas"):
            try request.needsGlobal(.read)
            return .value(["config": ["enabled": false], "usage": [:]])
        case ("PUT", "quotas"):
            try request.needsGlobal(.manage)
            throw QdrantFailure.badRequest("Quotas are not kept here; limit a collection with strict_mode_config")
        default: return nil
        }
    }

    // MARK: Telemetry

    private func telemetry(_ request: Request) async throws -> JSONValue {
        let level = Int(request.call.query["details_level"] ?? "0") ?? 0
        let names = try await catalog.names()
        var collections: JSONObject = ["number_of_collections": .integer(Int64(names.count))]
        if level > 0 {
            var list: [JSONValue] = []
            for name in names { list.append(try await telemetry(of: name, level: level)) }
            collections["collections"] = .array(list)
        }
        return [
            "id": .string(instanceID),
            "app": [
                "name": "qdrant", "version": .string(Self.version), "startup": .string(startup),
                "features": [
                    "debug": false, "service_debug_feature": false, "recovery_mode": false, "gpu": false,
                    "rocksdb": false,
                ],
            ],
            "collections": .object(collections), "cluster": ["enabled": false],
            "requests": ["rest": ["responses": responses], "grpc": ["responses": [:]]],
        ]
    }

    private func telemetry(of name: String, level: Int) async throws -> JSONValue {
        let collection = try await catalog.collection(name)
        var members: JSONObject = ["id": .string(name), "init_time_ms": 0]
        if level > 1 {
            members["config"] = .object(collection.config.members)
            members["shards"] = []
            members["transfers"] = []
            members["resharding"] = []
        } else if let facts = try await collection.store.describe(name) {
            members["vectors"] = .integer(Int64(facts.pointCount))
            members["optimizers_status"] = "ok"
            members["params"] = collection.config.members["params"]
        }
        return .object(members)
    }

    private var responses: JSONValue {
        var routes: JSONObject = [:]
        for (route, entries) in statistics.all.sorted(by: { $0.key < $1.key }) {
            var statuses: JSONObject = [:]
            for (status, entry) in entries.sorted(by: { $0.key < $1.key }) {
                let micros = 1_000_000.0
                statuses[String(status)] = [
                    "count": .integer(Int64(entry.count)),
                    "avg_duration_micros": .number(entry.seconds / Double(max(1, entry.count)) * micros),
                    "min_duration_micros": .number(entry.minimum * micros),
                    "max_duration_micros": .number(entry.maximum * micros),
                    "total_duration_micros": .integer(Int64(clamping: Int((entry.seconds * micros).rounded()))),
                ]
            }
            routes[route] = .object(statuses)
        }
        return .object(routes)
    }

    // MARK: Metrics

    private func metrics() async throws -> String {
        let names = try await catalog.names()
        var points = 0
        for name in names { points += try await catalog.store.describe(name)?.pointCount ?? 0 }
        var text = """
            # HELP app_info information about the server
            # TYPE app_info gauge
            app_info{name="qdrant",version="\(Self.version)"} 1
            # HELP cluster_enabled is cluster support enabled
            # TYPE cluster_enabled gauge
            cluster_enabled 0
            # HELP collections_total number of collections
            # TYPE collections_total gauge
            collections_total \(names.count)
            # HELP collections_vector_total total number of vectors in all collections
            # TYPE collections_vector_total gauge
            collections_vector_total \(points)

            """
        let calls = statistics.all.sorted { $0.key < $1.key }
        func family(_ name: String, _ kind: String, _ help: String, _ value: (CallStatistics.Entry) -> String) {
            guard !calls.isEmpty else { return }
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
            for (route, entries) in calls {
                let parts = route.split(separator: " ", maxSplits: 1)
                for (status, entry) in entries.sorted(by: { $0.key < $1.key }) {
                    text += "\(name){method=\"\(parts[0])\",endpoint=\"\(parts.last ?? "")\",status=\"\(status)\"} "
                    text += value(entry) + "\n"
                }
            }
        }
        family("rest_responses_total", "counter", "total number of responses") { String($0.count) }
        family("rest_responses_avg_duration_seconds", "gauge", "average response duration") {
            String($0.seconds / Double(max(1, $0.count)))
        }
        family("rest_responses_min_duration_seconds", "gauge", "minimum response duration") { String($0.minimum) }
        family("rest_responses_max_duration_seconds", "gauge", "maximum response duration") { String($0.maximum) }
        return text
    }

    // MARK: A cluster of one

    func performCluster(_ request: Request, _ parts: [String]) throws -> CallResult {
        switch (request.call.method, parts.first) {
        case ("GET", nil):
            try request.needsGlobal(.read)
            return .value(["status": "disabled"])
        case ("GET", "telemetry"?): throw QdrantFailure.badRequest("Distributed mode disabled")
        case ("POST", "recover"?), ("DELETE", "peer"?):
            try request.needsGlobal(.manage)
            throw QdrantFailure.standalone()
        default: return .plain(Self.notThere)
        }
    }

    func clusterInfo(_ request: Request, _ name: String) async throws -> CallResult {
        try request.needs(.read, of: name)
        let collection = try await catalog.collection(name)
        let points = try await collection.store.describe(collection.name)?.pointCount ?? 0
        return .value([
            "peer_id": 0, "shard_count": 1,
            "local_shards": [["shard_id": 0, "points_count": .integer(Int64(points)), "state": "Active"]],
            "remote_shards": [], "shard_transfers": [],
        ])
    }

    func optimizations(_ request: Request, _ name: String) async throws -> CallResult {
        try request.needs(.read, of: name)
        let collection = try await catalog.collection(name)
        let segments = try await collection.store.describe(collection.name)?.segmentCount ?? 0
        return .value([
            "summary": [
                "queued_optimizations": 0, "queued_segments": 0, "queued_points": 0,
                "idle_segments": .integer(Int64(segments)),
            ],
            "running": [],
        ])
    }
}
