import Foundation
import JSON
import Serving
import VectorEngine

/// How much of itself the service is asked to tell.
struct TelemetryScope {
    /// 0 tells how many collections there are, 1 what they hold, 2 how they are configured, 3 their shards.
    let level: Int
    /// Requests are counted by collection too.
    let isPerCollection: Bool

    init(_ request: Request) throws(QdrantFailure) {
        level = try request.count("details_level") ?? 0
        isPerCollection = try request.flag("per_collection") ?? false
        _ = try request.flag("anonymize")
    }
}

// What the service has done and holds, for machines: telemetry as JSON, metrics in Prometheus' text format.

extension QdrantAPI {
    func telemetry(_ scope: TelemetryScope) async throws -> JSONValue {
        let names = try await catalog.names()
        var collections: JSONObject = ["number_of_collections": .integer(Int64(names.count))]
        if scope.level > 0 {
            var list: [JSONValue] = []
            for name in names {
                do {
                    list.append(try await telemetry(of: name, level: scope.level))
                } catch let error as EngineError where error.code != .cancelled {
                    list.append(Self.telemetry(ofUnopened: name, because: error, level: scope.level))
                } catch let failure as QdrantFailure where failure.status == 404 {
                    // Deleted since the names were read.
                }
            }
            collections["collections"] = .array(list)
        }
        var rest: JSONObject = ["responses": Self.responses(statistics.all)]
        if scope.isPerCollection {
            rest["per_collection_responses"] = .object(
                JSONObject(
                    uniqueKeysWithValues: statistics.byCollection.sorted { $0.key < $1.key }
                        .map { ($0.key.text, Self.responses($0.value)) }))
        }
        var app: JSONObject = ["name": "qdrant", "version": .string(Self.version), "startup": .string(startup)]
        var members: JSONObject = ["id": .string(instanceID)]
        if scope.level > 0 {
            app["features"] = [
                "debug": false, "service_debug_feature": false, "recovery_mode": false, "gpu": false,
                "rocksdb": false, "staging": false,
            ]
            app["jwt_rbac"] = .bool(access.acceptsTokens)
        }
        members["app"] = .object(app)
        members["collections"] = .object(collections)
        members["cluster"] = ["enabled": false]
        members["requests"] = ["rest": .object(rest), "grpc": ["responses": [:]]]
        return .object(members)
    }

    private func telemetry(of name: String, level: Int) async throws -> JSONValue {
        let collection = try await catalog.collection(name)
        let facts = try await collection.store.describe(name)
        let points = JSONValue.integer(Int64(facts?.pointCount ?? 0))
        guard level > 1 else {
            return [
                "vectors": points, "optimizers_status": "ok", "params": collection.config.members["params"] ?? [:],
            ]
        }
        var members: JSONObject = [
            "id": .string(name), "init_time_ms": 0, "config": .object(collection.config.members), "transfers": [],
            "resharding": [],
        ]
        if level > 2 {
            members["shards"] = [
                [
                    "id": 0, "remote": [], "replicate_states": ["0": "Active"],
                    "local": [
                        "status": "green", "num_points": points, "num_vectors": points,
                        "total_optimized_points": .integer(Int64(facts?.indexedPointCount ?? 0)),
                        "optimizations": ["status": "ok", "optimizations": ["count": 0]],
                    ],
                ]
            ]
        }
        return .object(members)
    }

    /// What is told of a collection that does not open.
    private static func telemetry(ofUnopened name: String, because error: EngineError, level: Int) -> JSONValue {
        let status: JSONValue = ["error": .string(QdrantFailure(error, collection: name).text)]
        guard level > 1 else { return ["vectors": 0, "optimizers_status": status, "params": [:]] }
        return [
            "id": .string(name), "init_time_ms": 0, "config": [:], "optimizers_status": status, "transfers": [],
            "resharding": [],
        ]
    }

    private static func responses(_ all: [String: [Int: CallStatistics.Entry]]) -> JSONValue {
        var routes: JSONObject = [:]
        for (route, entries) in all.sorted(by: { $0.key < $1.key }) {
            var statuses: JSONObject = [:]
            for (status, entry) in entries.sorted(by: { $0.key < $1.key }) {
                let micros = 1_000_000.0
                statuses[String(status)] = [
                    "count": .integer(Int64(entry.count)),
                    "avg_duration_micros": .number(entry.seconds / Double(max(1, entry.count)) * micros),
                    "min_duration_micros": .number(entry.minimum * micros),
                    "max_duration_micros": .number(entry.maximum * micros),
                    "total_duration_micros": .integer(Int64(exactly: (entry.seconds * micros).rounded()) ?? .max),
                ]
            }
            routes[route] = .object(statuses)
        }
        return .object(routes)
    }

    // MARK: Metrics

    func metrics(_ scope: TelemetryScope) async throws -> String {
        var points: [(collection: String, count: Int)] = []
        var unopened: [String] = []
        for name in try await catalog.names() {
            do {
                points.append((name, try await catalog.store.describe(name)?.pointCount ?? 0))
            } catch let error as EngineError where error.code != .cancelled {
                // A request for the collection is told why; the other collections are counted all the same.
                unopened.append(name)
            }
        }
        var page = MetricsPage()
        page.family(
            "app_info", "gauge", "information about the server", [#"{name="qdrant",version="\#(Self.version)"}"#: 1])
        page.family("app_status_recovery_mode", "gauge", "is the server in recovery mode", ["": 0])
        page.family("cluster_enabled", "gauge", "is cluster support enabled", ["": 0])
        page.family("collections_total", "gauge", "number of collections", ["": Double(points.count + unopened.count)])
        page.family(
            "collections_vector_total", "gauge", "total number of vectors in all collections",
            ["": Double(points.reduce(0) { $0 + $1.count })])
        let byCollection = points.map { (MetricsPage.labels([("id", $0.collection)]), Double($0.count)) }
        page.family("collection_points", "gauge", "approximate amount of points per collection", byCollection)
        page.family(
            "collection_unopened", "gauge", "collections that do not open, as damaged ones do not",
            unopened.map { (MetricsPage.labels([("id", $0)]), 1) })
        page.family(
            "collection_degraded_answers_total", "counter",
            "answers of a collection with damaged points, which searches leave out",
            points.map { (MetricsPage.labels([("id", $0.collection)]), Double(degraded.count($0.collection))) })
        var calls: [(labels: String, entry: CallStatistics.Entry)] = []
        if scope.isPerCollection {
            for (name, routes) in statistics.byCollection.sorted(by: { $0.key < $1.key }) {
                calls += Self.calls(routes, [("collection", name.text)])
            }
        } else {
            calls = Self.calls(statistics.all, [])
        }
        func family(_ name: String, _ kind: String, _ help: String, _ value: (CallStatistics.Entry) -> Double) {
            page.family(name, kind, help, calls.map { ($0.labels, value($0.entry)) })
        }
        family("rest_responses_total", "counter", "total number of responses") { Double($0.count) }
        family("rest_responses_avg_duration_seconds", "gauge", "average response duration") {
            $0.seconds / Double(max(1, $0.count))
        }
        family("rest_responses_min_duration_seconds", "gauge", "minimum response duration") { $0.minimum }
        family("rest_responses_max_duration_seconds", "gauge", "maximum response duration") { $0.maximum }
        return page.text
    }

    private static func calls(
        _ routes: [String: [Int: CallStatistics.Entry]], _ extra: [(String, String)]
    ) -> [(labels: String, entry: CallStatistics.Entry)] {
        routes.sorted { $0.key < $1.key }.flatMap { route, entries in
            let parts = route.split(separator: " ", maxSplits: 1).map(String.init)
            return entries.sorted { $0.key < $1.key }.map { status, entry in
                let labels =
                    [("method", parts[0]), ("endpoint", parts.last ?? ""), ("status", String(status))] + extra
                return (MetricsPage.labels(labels), entry)
            }
        }
    }
}

/// Metrics in Prometheus' text format: each family once, with HELP and TYPE.
struct MetricsPage {
    private(set) var text = ""

    /// Samples by their labels; a family without any is left out.
    mutating func family(_ name: String, _ kind: String, _ help: String, _ samples: [(String, Double)]) {
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
        for (labels, value) in samples {
            text += "\(name)\(labels) \(Int64(exactly: value).map(String.init) ?? String(value))\n"
        }
    }

    mutating func family(_ name: String, _ kind: String, _ help: String, _ samples: KeyValuePairs<String, Double>) {
        family(name, kind, help, samples.map { ($0.key, $0.value) })
    }

    static func labels(_ pairs: [(String, String)]) -> String {
        let shown = pairs.map { name, value in
            let escaped = value.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(
                of: "\"", with: "\\\""
            )
            .replacingOccurrences(of: "\n", with: "\\n")
            return "\(name)=\"\(escaped)\""
        }
        return "{" + shown.joined(separator: ",") + "}"
    }
}
