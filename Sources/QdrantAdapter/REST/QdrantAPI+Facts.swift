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

    /// What asks whether the process answers at all is answered before anything that could wait for a lock.
    static func liveness(_ call: HTTPCall) -> HTTPAnswer? {
        guard call.method == "GET", call.path == ["healthz"] || call.path == ["livez"] else { return nil }
        return .text("healthz check passed")
    }

    /// Paths of one part; nil for one that is not there.
    func performService(_ request: Request, _ name: String) async throws -> CallResult? {
        switch (request.call.method, name) {
        case ("GET", "readyz"): return .plain(readiness.answer)
        case ("GET", "metrics"):
            try request.needsGlobal(.read)
            return .plain(
                HTTPAnswer(
                    contentType: "text/plain; version=0.0.4; charset=utf-8",
                    body: Array(try await metrics(try TelemetryScope(request)).utf8)))
        case ("GET", "telemetry"):
            try request.needsGlobal(.read)
            return .value(try await telemetry(try TelemetryScope(request)))
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
