import JSON

/// The limits of a collection's configuration, as the published document states them.
enum ConfigValidation {
    private static let vectorSize: Int64 = 65_536

    /// Checks the body of a create or update; absent members are fine.
    static func check(_ body: JSONValue) throws(QdrantFailure) {
        var validation = Validation()
        try vectors(body.optional("vectors"), &validation)
        for key in ["shard_number", "replication_factor", "write_consistency_factor"] {
            validation.range(key, try number(body, key), from: 1)
        }
        if let params = body.optional("params") {
            for key in ["replication_factor", "write_consistency_factor"] {
                validation.range("params." + key, try number(params, key), from: 1)
            }
        }
        try hnsw(body.optional("hnsw_config"), "hnsw_config", &validation)
        try optimizers(body.optional("optimizers_config"), &validation)
        if let wal = body.optional("wal_config") {
            validation.range("wal_config.wal_capacity_mb", try number(wal, "wal_capacity_mb"), from: 1)
            validation.range("wal_config.wal_retain_closed", try number(wal, "wal_retain_closed"), from: 1)
            _ = try number(wal, "wal_segments_ahead")
        }
        try quantization(body.optional("quantization_config"), "quantization_config", &validation)
        try strictMode(body.optional("strict_mode_config"), &validation)
        try sparse(body.optional("sparse_vectors"))
        if let name = try body.string("sharding_method"), name != "auto", name != "custom" {
            throw .format("unknown variant `\(name)`, expected `auto` or `custom`")
        }
        _ = try body.bool("on_disk_payload")
        try validation.finish()
    }

    private static func number(_ value: JSONValue, _ key: String) throws(QdrantFailure) -> Int64? {
        try value.count(key).map(Int64.init)
    }

    private static func vectors(_ value: JSONValue?, _ validation: inout Validation) throws(QdrantFailure) {
        guard let value else { return }
        guard let map = value.objectValue else {
            throw .format("data did not match any variant of untagged enum VectorsConfig")
        }
        if value["size"]?.typeName == "integer" || value["distance"]?.stringValue != nil {
            return try vector(value, "vectors", &validation)
        }
        for (name, one) in map {
            guard one.objectValue != nil else {
                throw .format("data did not match any variant of untagged enum VectorsConfig")
            }
            try vector(one, "vectors.\(name)", &validation)
        }
    }

    private static func vector(
        _ value: JSONValue, _ path: String, _ validation: inout Validation
    ) throws(QdrantFailure) {
        validation.range(path + ".size", try number(value, "size"), from: 1, to: vectorSize)
        try hnsw(value.optional("hnsw_config"), path + ".hnsw_config", &validation)
        try quantization(value.optional("quantization_config"), path + ".quantization_config", &validation)
        _ = try value.bool("on_disk")
    }

    private static func hnsw(
        _ value: JSONValue?, _ path: String, _ validation: inout Validation
    ) throws(QdrantFailure) {
        guard let value else { return }
        _ = try number(value, "m")
        validation.range(path + ".ef_construct", try number(value, "ef_construct"), from: 4)
        validation.range(path + ".full_scan_threshold", try number(value, "full_scan_threshold"), from: 10)
        _ = try number(value, "max_indexing_threads")
        _ = try number(value, "payload_m")
        _ = try value.bool("on_disk")
    }

    private static func optimizers(_ value: JSONValue?, _ validation: inout Validation) throws(QdrantFailure) {
        guard let value else { return }
        validation.fraction(
            "optimizers_config.deleted_threshold", try value.double("deleted_threshold"), from: 0, to: 1)
        validation.range(
            "optimizers_config.vacuum_min_vector_number", try number(value, "vacuum_min_vector_number"), from: 100)
        validation.range("optimizers_config.max_segment_size", try number(value, "max_segment_size"), from: 1)
        for key in ["default_segment_number", "memmap_threshold", "indexing_threshold", "flush_interval_sec"] {
            _ = try number(value, key)
        }
        if value["max_optimization_threads"]?.stringValue != "auto" {
            _ = try number(value, "max_optimization_threads")
        }
    }

    private static func quantization(
        _ value: JSONValue?, _ path: String, _ validation: inout Validation
    ) throws(QdrantFailure) {
        guard let value else { return }
        if value.stringValue == "Disabled" { return }
        if let scalar = value.optional("scalar") {
            guard let type = try scalar.string("type") else { throw .format("missing field `type`") }
            guard type == "int8" else { throw .format("unknown variant `\(type)`, expected `int8`") }
            validation.fraction(path + ".scalar.quantile", try scalar.double("quantile"), from: 0.5, to: 1)
            return
        }
        if let product = value.optional("product") {
            guard let ratio = try product.string("compression") else { throw .format("missing field `compression`") }
            guard ["x4", "x8", "x16", "x32", "x64"].contains(ratio) else {
                throw .format("unknown variant `\(ratio)`, expected one of `x4`, `x8`, `x16`, `x32`, `x64`")
            }
            return
        }
        guard value.optional("binary") != nil || value.optional("turbo") != nil else {
            throw .format("data did not match any variant of untagged enum QuantizationConfig")
        }
    }

    private static func strictMode(_ value: JSONValue?, _ validation: inout Validation) throws(QdrantFailure) {
        guard let value else { return }
        for key in [
            "max_query_limit", "max_timeout", "search_max_hnsw_ef", "upsert_max_batchsize",
            "search_max_batchsize", "read_rate_limit", "write_rate_limit", "max_points_count",
        ] {
            validation.range("strict_mode_config." + key, try number(value, key), from: 1)
        }
        for key in [
            "filter_max_conditions", "condition_max_size", "max_payload_index_count",
            "max_collection_vector_size_bytes", "max_collection_payload_size_bytes",
        ] {
            _ = try number(value, key)
        }
        validation.range(
            "strict_mode_config.max_resident_memory_percent", try number(value, "max_resident_memory_percent"),
            from: 1, to: 100)
        for (key, limit) in [("multivector_config", "max_vectors"), ("sparse_config", "max_length")] {
            for (name, one) in try value.object(key) ?? [:] {
                validation.range("strict_mode_config.\(key).\(name).\(limit)", try number(one, limit), from: 1)
            }
        }
        validation.fraction(
            "strict_mode_config.search_max_oversampling", try value.double("search_max_oversampling"), from: 0.1,
            to: nil)
        for key in ["enabled", "unindexed_filtering_retrieve", "unindexed_filtering_update", "search_allow_exact"] {
            _ = try value.bool(key)
        }
    }

    private static func sparse(_ value: JSONValue?) throws(QdrantFailure) {
        guard let value else { return }
        guard let map = value.objectValue else { throw .format("invalid type: \(value.typeName), expected a map") }
        for one in map.values {
            guard one.objectValue != nil else {
                throw .format("invalid type: \(one.typeName), expected struct SparseVectorParams")
            }
            if let modifier = try one.string("modifier"), modifier != "idf", modifier != "none" {
                throw .format("unknown variant `\(modifier)`, expected `none` or `idf`")
            }
            if let index = one.optional("index"), index.objectValue == nil {
                throw .format("invalid type: \(index.typeName), expected struct SparseIndexParams")
            }
        }
    }
}
