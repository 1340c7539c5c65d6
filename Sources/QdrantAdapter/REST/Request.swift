import JSON
import Serving

/// A call with its parameters read.
struct Request: Sendable {
    let call: HTTPCall
    let route: Route
    let rights: AccessRights

    /// The body as JSON; an empty one is refused.
    func body() throws(QdrantFailure) -> JSONValue {
        guard !call.body.isEmpty else { throw .format("EOF while parsing a value at line 1 column 0") }
        do {
            return try JSONParser.parseEnvelope(call.body)
        } catch {
            throw .format("\(error)")
        }
    }

    /// The body, or an empty object where there is none.
    func optionalBody() throws(QdrantFailure) -> JSONValue { call.body.isEmpty ? .object([:]) : try body() }

    private static func unreadable(_ text: String) -> QdrantFailure {
        QdrantFailure(400, "Deserialize error in query parameters: \(text)")
    }

    /// A parameter that is `true` or `false`; nil when it is not given.
    func flag(_ name: String) throws(QdrantFailure) -> Bool? {
        switch call.query[name] {
        case nil: return nil
        case "true": return true
        case "false": return false
        default: throw Self.unreadable("provided string was not `true` or `false`")
        }
    }

    /// A parameter that is a whole number from 0 on; nil when it is not given.
    func count(_ name: String) throws(QdrantFailure) -> Int? {
        guard let text = call.query[name] else { return nil }
        guard let number = UInt32(text) else { throw Self.unreadable("invalid digit found in string") }
        return Int(number)
    }

    /// Whether the answer waits for the change. Off unless asked for on points, on for collections.
    func wait(default fallback: Bool = false) throws(QdrantFailure) -> Bool { try flag("wait") ?? fallback }

    /// Seconds the caller would wait, checked; nothing here takes so long that it would be cut off.
    func timeout() throws(QdrantFailure) -> Int? {
        guard let seconds = try count("timeout") else { return nil }
        var validation = Validation("query parameters")
        validation.range("timeout", Int64(seconds), from: 1)
        try validation.finish()
        return seconds
    }

    /// Checks parameters that only say something to a cluster.
    func checkClusterParameters() throws(QdrantFailure) {
        if let text = call.query["consistency"], !["majority", "quorum", "all"].contains(text) {
            guard let factor = UInt32(text) else {
                throw Self.unreadable("data did not match any variant of untagged enum")
            }
            guard factor > 0 else { throw Self.unreadable("Read consistency factor can't be zero") }
        }
        if let text = call.query["ordering"], !["weak", "medium", "strong"].contains(text) {
            throw Self.unreadable("unknown variant `\(text)`, expected one of `weak`, `medium`, `strong`")
        }
    }

    // MARK: Rights

    func needs(_ level: AccessRights.Level, of collection: String) throws(QdrantFailure) {
        let have = rights.level(of: collection)
        if have >= level { return }
        throw have == .none
            ? .forbidden("Access to collection \(collection) is required")
            : .forbidden(
                level == .manage
                    ? "Global manage access is required" : "Write access to collection \(collection) is required")
    }

    func needsGlobal(_ level: AccessRights.Level) throws(QdrantFailure) {
        guard rights.global < level else { return }
        throw .forbidden(level == .manage ? "Global manage access is required" : "Global access is required")
    }
}

/// A path taken apart.
struct Route: Sendable {
    let parts: [String]

    init(_ call: HTTPCall) { parts = call.path }

    /// Health and the greeting need no key.
    var isPublic: Bool { parts.isEmpty || (parts.count == 1 && ["healthz", "livez", "readyz"].contains(parts[0])) }

    /// The collection a path names.
    var collection: String? { parts.count >= 2 && parts[0] == "collections" && parts[1] != "aliases" ? parts[1] : nil }

    private static let words: Set<String> = [
        "points", "payload", "vectors", "delete", "clear", "batch", "scroll", "count", "search", "recommend",
        "discover",
        "query", "groups", "matrix", "pairs", "offsets", "facet", "index", "aliases", "exists", "snapshots", "upload",
        "recover", "shards", "cluster", "optimizations", "telemetry", "metrics", "issues", "collections", "healthz",
        "livez", "readyz", "quotas", "snapshot", "peer",
    ]

    /// Every path that is answered. Calls of others are counted together: anybody may ask for any path.
    private static let templates: Set<String> = {
        let collection = "/collections/{collection_name}"
        let snapshots = ["", "/upload", "/recover", "/{snapshot_name}"].map { "/snapshots" + $0 }
        var all = [
            "/", "/healthz", "/livez", "/readyz", "/telemetry", "/metrics", "/issues", "/quotas", "/aliases",
            "/cluster",
            "/cluster/telemetry", "/cluster/recover", "/cluster/peer/{peer_id}", "/collections",
            "/collections/aliases", "/snapshots", "/snapshots/{snapshot_name}",
        ]
        all += [
            "", "/exists", "/aliases", "/index", "/index/{field_name}", "/vectors/{name}", "/shards", "/shards/delete",
            "/shards/{shard_id}/snapshot", "/cluster", "/optimizations", "/facet",
        ].map { collection + $0 }
        all += snapshots.flatMap { [collection + $0, collection + "/shards/{shard_id}" + $0] }
        all += [
            "", "/{id}", "/delete", "/vectors", "/vectors/delete", "/payload", "/payload/delete", "/payload/clear",
            "/batch", "/scroll", "/count", "/query", "/query/batch", "/query/groups", "/search", "/search/batch",
            "/search/groups", "/search/matrix/pairs", "/search/matrix/offsets", "/recommend", "/recommend/batch",
            "/recommend/groups", "/discover", "/discover/batch",
        ].map { collection + "/points" + $0 }
        return Set(all)
    }()

    /// Parts of the longest of `templates`.
    private static let mostParts = 6

    /// The parts of the path, by the word before each.
    private static let names = [
        "points": "{id}", "index": "{field_name}", "snapshots": "{snapshot_name}", "shards": "{shard_id}",
        "peer": "{peer_id}",
    ]

    /// Whether a part is what the caller named a field or a vector, though it may be one of `words`.
    private func isFieldOrVectorName(_ i: Int) -> Bool { i == 3 && (parts[2] == "index" || parts[2] == "vectors") }

    /// The path with names in the place of ids, as telemetry and metrics list it; `unknown` for one that nobody
    /// answers.
    func template(_ method: String) -> String {
        guard parts.count <= Self.mostParts else { return method + " unknown" }
        var shown: [String] = []
        for (i, part) in parts.enumerated() {
            if i == 1, collection != nil {
                shown.append("{collection_name}")
            } else if Self.words.contains(part), !isFieldOrVectorName(i) {
                shown.append(part)
            } else {
                shown.append(i > 0 ? Self.names[parts[i - 1]] ?? "{name}" : "{name}")
            }
        }
        let path = "/" + shown.joined(separator: "/")
        return Self.templates.contains(path) ? method + " " + path : method + " unknown"
    }
}
