import HNSW
import JSON
import VectorEngine
import Vectors

/// What the wire says of one dense vector (or multivector) of a collection.
struct VectorDescription: Sendable, Equatable {
    enum Datatype: String, Sendable { case float32, float16, uint8, turbo4 }

    var size: Int
    var metric: Metric
    var datatype: Datatype = .float32
    var isMulti = false

    static let metrics: [String: Metric] = [
        "Cosine": .cosine, "Dot": .dot, "Euclid": .euclidean, "Manhattan": .manhattan,
    ]

    static func name(of metric: Metric) -> String { metrics.first { $0.value == metric }?.key ?? "Cosine" }

    /// A component as the datatype can hold it.
    func rounded(_ components: [Float]) -> [Float] {
        switch datatype {
        case .float32, .turbo4: components
        case .float16: components.map { HalfFloat.rounded($0) }
        case .uint8: components.map { min(255, max(0, $0)).rounded(.towardZero) }
        }
    }
}

/// The configuration of a collection as `GET /collections/{name}` shows it, and what of it steers this engine.
///
/// Kept as JSON, so that every accepted field is echoed; the vectors are read out once.
struct CollectionConfig: Sendable {
    /// `params`, `hnsw_config`, `optimizer_config`, `wal_config`, `quantization_config`, `strict_mode_config`, and
    /// `metadata` where there is any.
    var members: JSONObject
    private(set) var vectors: [String: VectorDescription] = [:]
    /// Sparse names, and whether each counts IDF.
    private(set) var sparse: [String: Bool] = [:]

    init(members: JSONObject) throws(QdrantFailure) {
        self.members = members
        try readVectors()
    }

    private mutating func readVectors() throws(QdrantFailure) {
        vectors = [:]
        sparse = [:]
        let params = members["params"] ?? .null
        if let all = params.optional("vectors"), case .object(let map) = all {
            if all["size"]?.integerValue != nil {
                vectors[""] = try Self.description(all)
            } else {
                for (name, one) in map {
                    try checkNewName(name)
                    vectors[name] = try Self.description(one)
                }
            }
        }
        for (name, one) in try params.object("sparse_vectors") ?? [:] {
            try checkNewName(name)
            sparse[name] = one["modifier"]?.stringValue == "idf"
        }
    }

    /// The engine keeps vectors in dictionaries of Swift's strings, in which such names are one.
    private func checkNewName(_ name: String) throws(QdrantFailure) {
        let alike = [
            vectors.index(forKey: name).map { vectors[$0].key }, sparse.index(forKey: name).map { sparse[$0].key },
        ]
        guard let known = alike.compactMap({ $0 }).first(where: { !$0.hasSameBytes(as: name) }) else { return }
        throw .badRequest(
            "The vector names `\(known)` and `\(name)` differ only in how letters are composed; rename one of them"
        )
    }

    private static func description(_ value: JSONValue) throws(QdrantFailure) -> VectorDescription {
        guard let size = try value.count("size") else { throw .format("missing field `size`") }
        guard let name = try value.string("distance") else { throw .format("missing field `distance`") }
        guard let metric = VectorDescription.metrics[name] else {
            throw .format("unknown variant `\(name)`, expected one of `Cosine`, `Euclid`, `Dot`, `Manhattan`")
        }
        var description = VectorDescription(size: size, metric: metric)
        if let name = try value.string("datatype") {
            guard let datatype = VectorDescription.Datatype(rawValue: name) else {
                throw .format("unknown variant `\(name)`, expected one of `float32`, `uint8`, `float16`, `turbo4`")
            }
            description.datatype = datatype
        }
        if let multi = value.optional("multivector_config") {
            guard multi["comparator"]?.stringValue == "max_sim" else {
                throw .format("unknown variant, expected `max_sim`")
            }
            description.isMulti = true
        }
        return description
    }

    /// The engine's schema for these vectors.
    var schema: CollectionSchema {
        var schema = CollectionSchema()
        for (name, vector) in vectors {
            // Whole numbers of a byte keep their length, so that their cosine is counted from what was stored.
            var hnsw = HNSWParameters()
            if let m = members["hnsw_config"]?["m"]?.integerValue, HNSWParameters.connectionsRange.contains(Int(m)) {
                hnsw.connections = Int(m)
            }
            let described = DenseVectorSchema(dimension: vector.size, metric: vector.metric, hnsw: hnsw)
            if vector.isMulti { schema.multi[name] = described } else { schema.dense[name] = described }
        }
        for (name, usesIDF) in sparse { schema.sparse[name] = SparseVectorSchema(usesIDF: usesIDF) }
        schema.sealingBytes = sealingBytes
        return schema
    }

    /// `indexing_threshold`, which counts in kilobytes of one vector name's floats; 0 turns indexing off.
    ///
    /// Qdrant's default stands for the engine's own threshold, which counts rows: a scan takes as long as there are
    /// rows, and a collection that says nothing should not be left with more of them outside the graph.
    var sealingBytes: Int? {
        guard let kilobytes = members["optimizer_config"]?["indexing_threshold"]?.integerValue,
            kilobytes != Self.defaultIndexingThreshold
        else { return nil }
        let (bytes, overflows) = kilobytes.multipliedReportingOverflow(by: 1024)
        return overflows ? .max : Int(clamping: max(0, bytes))
    }

    func has(_ name: String) -> Bool { vector(name) != nil || usesIDF(name) != nil }

    /// The dense vector (or multivector) with exactly this name.
    func vector(_ name: String) -> VectorDescription? {
        vectors.index(forKey: name).flatMap { vectors[$0].key.hasSameBytes(as: name) ? vectors[$0].value : nil }
    }

    /// Whether the sparse vector with exactly this name counts IDF; nil when there is none.
    func usesIDF(_ name: String) -> Bool? {
        sparse.index(forKey: name).flatMap { sparse[$0].key.hasSameBytes(as: name) ? sparse[$0].value : nil }
    }

    /// The vector a query means: the name given, or the unnamed one.
    func checkName(_ name: String) throws(QdrantFailure) {
        guard has(name) else { throw .noVector(name) }
    }

    /// A member of the `hnsw_config` that holds for a dense vector.
    func graphSetting(_ key: String, of name: String) -> Int64? {
        let all = members["params"]?["vectors"]
        let own = all?["size"]?.integerValue != nil ? all : all?[name]
        return own?["hnsw_config"]?[key]?.integerValue ?? members["hnsw_config"]?[key]?.integerValue
    }

    var strictMode: JSONValue { members["strict_mode_config"] ?? .null }

    // MARK: Made from requests

    private static let hnswDefaults: JSONObject = [
        "m": 16, "ef_construct": 100, "full_scan_threshold": 10000, "max_indexing_threads": 0, "on_disk": false,
    ]
    private static let defaultIndexingThreshold: Int64 = 10_000
    private static let optimizerDefaults: JSONObject = [
        "deleted_threshold": 0.2, "vacuum_min_vector_number": 1000, "default_segment_number": 0,
        "max_segment_size": nil, "memmap_threshold": nil, "indexing_threshold": .integer(defaultIndexingThreshold),
        "flush_interval_sec": 5,
        "max_optimization_threads": nil,
    ]
    private static let walDefaults: JSONObject = [
        "wal_capacity_mb": 32, "wal_segments_ahead": 0, "wal_retain_closed": 1,
    ]

    /// From the body of `PUT /collections/{name}`.
    init(creating body: JSONValue) throws(QdrantFailure) {
        guard body.objectValue != nil else {
            throw .format("invalid type: \(body.typeName), expected struct CreateCollection")
        }
        try ConfigValidation.check(body)
        var params: JSONObject = [
            "shard_number": 1, "replication_factor": 1, "write_consistency_factor": 1, "on_disk_payload": true,
        ]
        for key in [
            "vectors", "sparse_vectors", "shard_number", "sharding_method", "replication_factor",
            "write_consistency_factor", "on_disk_payload", "payload", "id_tracker",
        ] {
            if let value = body.optional(key) { params[key] = value.withoutNulls }
        }
        if params["vectors"] == nil { params["vectors"] = [:] }
        var members: JSONObject = [
            "params": .object(params), "hnsw_config": .object(Self.hnswDefaults.merging(body.optional("hnsw_config"))),
            "optimizer_config": .object(Self.optimizerDefaults.merging(body.optional("optimizers_config"))),
            "wal_config": .object(Self.walDefaults.merging(body.optional("wal_config"))),
            "quantization_config": body.optional("quantization_config")?.withoutNulls ?? .null,
        ]
        members["strict_mode_config"] = .object(
            (["enabled": false] as JSONObject).merging(body.optional("strict_mode_config")))
        if let metadata = try body.object("metadata") { members["metadata"] = .object(metadata) }
        try self.init(members: members)
        if let both = vectors.keys.first(where: { sparse[$0] != nil }) {
            throw .badRequest("Dense and sparse vectors may not share the name `\(both)`")
        }
    }

    /// For a collection that was not made over this wire.
    init(schema: CollectionSchema) throws(QdrantFailure) {
        var vectors: JSONObject = [:]
        for (name, dense) in schema.dense.sorted(by: { $0.key < $1.key }) {
            vectors[name] = [
                "size": .integer(Int64(dense.dimension)), "distance": .string(VectorDescription.name(of: dense.metric)),
            ]
        }
        var body: JSONObject = ["vectors": .object(vectors)]
        if vectors.count == 1, let only = vectors[""] { body["vectors"] = only }
        if !schema.sparse.isEmpty {
            var sparse: JSONObject = [:]
            for (name, one) in schema.sparse.sorted(by: { $0.key < $1.key }) {
                sparse[name] = one.usesIDF ? ["modifier": "idf"] : [:]
            }
            body["sparse_vectors"] = .object(sparse)
        }
        try self.init(creating: .object(body))
    }

    /// Changed by the body of `PATCH /collections/{name}`.
    func updated(by body: JSONValue) throws(QdrantFailure) -> CollectionConfig {
        try ConfigValidation.check(body)
        var changed = members
        var params = members["params"]?.objectValue ?? [:]
        if let diffs = try body.object("vectors") { try Self.update(&params, vectors: diffs, known: self) }
        if let diffs = try body.object("sparse_vectors") {
            var all = params["sparse_vectors"]?.objectValue ?? [:]
            for (name, diff) in diffs {
                guard usesIDF(name) != nil else { throw .noVector(name) }
                all[name] = .object((all[name]?.objectValue ?? [:]).merging(diff))
            }
            params["sparse_vectors"] = .object(all)
        }
        if let diff = body.optional("params") { params = params.merging(diff) }
        changed["params"] = .object(params)
        for (key, from) in [("hnsw_config", "hnsw_config"), ("optimizer_config", "optimizers_config")] {
            guard let diff = body.optional(from) else { continue }
            changed[key] = .object((changed[key]?.objectValue ?? [:]).merging(diff))
        }
        if let quantization = body.optional("quantization_config") {
            changed["quantization_config"] = quantization.stringValue == "Disabled" ? .null : quantization.withoutNulls
        }
        if let diff = body.optional("strict_mode_config") {
            changed["strict_mode_config"] = .object((changed["strict_mode_config"]?.objectValue ?? [:]).merging(diff))
        }
        if let metadata = try body.object("metadata") {
            var all = changed["metadata"]?.objectValue ?? [:]
            for (key, value) in metadata {
                if value.isNull { all.removeValue(forKey: key) } else { all[key] = value }
            }
            if all.isEmpty { changed.removeValue(forKey: "metadata") } else { changed["metadata"] = .object(all) }
        }
        return try CollectionConfig(members: changed)
    }

    private static func update(
        _ params: inout JSONObject, vectors diffs: JSONObject, known: CollectionConfig
    ) throws(QdrantFailure) {
        for (name, diff) in diffs {
            guard known.vector(name) != nil else { throw .noVector(name) }
            var all = params["vectors"]?.objectValue ?? [:]
            var one = name.isEmpty && all["size"]?.integerValue != nil ? all : all[name]?.objectValue ?? [:]
            for (key, value) in diff.objectValue ?? [:] where !value.isNull {
                if key == "quantization_config", value.stringValue == "Disabled" {
                    one[key] = nil
                } else if key == "hnsw_config" {
                    one[key] = .object((one[key]?.objectValue ?? [:]).merging(value))
                } else {
                    one[key] = value.withoutNulls
                }
            }
            if name.isEmpty && all["size"]?.integerValue != nil { all = one } else { all[name] = .object(one) }
            params["vectors"] = .object(all)
        }
    }

    /// Adds or (with nil) removes a named vector's description.
    func setting(_ name: String, dense: JSONValue?, sparse: JSONValue?) throws(QdrantFailure) -> CollectionConfig {
        var params = members["params"]?.objectValue ?? [:]
        var denseAll = params["vectors"]?.objectValue ?? [:]
        var sparseAll = params["sparse_vectors"]?.objectValue ?? [:]
        // A single vector without a name is described by itself; beside others it has the name "".
        if denseAll["size"]?.integerValue != nil { denseAll = ["": .object(denseAll)] }
        denseAll[name] = dense?.withoutNulls
        sparseAll[name] = sparse?.withoutNulls
        params["vectors"] = .object(denseAll)
        if sparseAll.isEmpty {
            params.removeValue(forKey: "sparse_vectors")
        } else {
            params["sparse_vectors"] = .object(sparseAll)
        }
        var changed = members
        changed["params"] = .object(params)
        return try CollectionConfig(members: changed)
    }
}

extension JSONValue {
    /// Without members that are null, at every depth of objects.
    var withoutNulls: JSONValue {
        guard case .object(let members) = self else { return self }
        return .object(members.filter { !$0.value.isNull }.mapValues(\.withoutNulls))
    }
}

extension JSONObject {
    /// With the members of `diff` in the place of ours; those that are null change nothing.
    func merging(_ diff: JSONValue?) -> JSONObject {
        var merged = self
        for (key, value) in diff?.objectValue ?? [:] where !value.isNull { merged[key] = value.withoutNulls }
        return merged
    }
}

/// Float16 (IEEE 754 binary16) without the type, which not every target has.
enum HalfFloat {
    /// The nearest half-precision number, ties to even; what is too large becomes the largest one.
    static func rounded(_ value: Float) -> Float {
        let magnitude = abs(value)
        guard magnitude > 0, magnitude.isFinite else { return value }
        // Below 2^-14 the spacing stays 2^-24.
        let exponent = max(Int(magnitude.exponent), -14)
        let spacing = Float(sign: .plus, exponent: exponent - 10, significand: 1)
        let rounded = (magnitude / spacing).rounded(.toNearestOrEven) * spacing
        return value < 0 ? -min(rounded, 65504) : min(rounded, 65504)
    }
}
