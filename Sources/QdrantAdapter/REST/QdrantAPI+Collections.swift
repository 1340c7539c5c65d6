import Foundation
import JSON
import Serving
import VectorEngine

// Collections, aliases and payload indexes.

extension QdrantAPI {
    func listCollections(_ request: Request) async throws -> CallResult {
        let names = try await catalog.names().filter { request.rights.level(of: $0) >= .read }
        return .value(["collections": .array(names.map { ["name": .string($0)] })])
    }

    func exists(_ request: Request, _ name: String) async throws -> CallResult {
        try request.needs(.read, of: name)
        return .value(["exists": .bool(try await catalog.exists(name))])
    }

    func createCollection(_ request: Request, _ name: String) async throws -> CallResult {
        try request.needsGlobal(.manage)
        try CollectionCatalog.checkName(name)
        try await catalog.create(name, try CollectionConfig(creating: try request.optionalBody()))
        return .value(true)
    }

    func updateCollection(_ request: Request, _ name: String) async throws -> CallResult {
        try request.needsGlobal(.manage)
        let body = try request.optionalBody()
        let collection = try await catalog.collection(name)
        try await collection.configure { config, schema in
            let updated = try config.updated(by: body)
            for (name, usesIDF) in updated.sparse { schema.sparse[name]?.usesIDF = usesIDF }
            if updated.sealingBytes != config.sealingBytes { schema.sealingBytes = updated.sealingBytes }
            return updated
        }
        return .value(true)
    }

    func deleteCollection(_ request: Request, _ name: String) async throws -> CallResult {
        try request.needsGlobal(.manage)
        guard try await catalog.delete(name) else { return .value(false) }
        degraded.forget(name)
        try await snapshots.removeAll(of: name)
        return .value(true)
    }

    func describe(_ request: Request, _ name: String) async throws -> CallResult {
        try request.needs(.read, of: name)
        let collection = try await catalog.collection(name)
        guard let facts = try await collection.store.describe(collection.name) else {
            throw QdrantFailure.noCollection(name)
        }
        var schema: JSONObject = [:]
        for (path, definition) in collection.fields {
            let field = try WirePath.stored(path)
            let points = try await collection.read { $0.indexedCount(field) }
            schema[path] = FieldSchema.shown(definition, points: points)
        }
        let damage = try await collection.store.damagedRows(in: collection.name).message
        return .value([
            "status": damage == nil ? "green" : "red",
            "optimizer_status": damage.map { ["error": .string($0)] } ?? "ok",
            "indexed_vectors_count": .integer(Int64(facts.indexedPointCount * facts.schema.dense.count)),
            "points_count": .integer(Int64(facts.pointCount)),
            "segments_count": .integer(Int64(max(1, facts.segmentCount))),
            "config": .object(collection.config.members), "payload_schema": .object(schema),
            "update_queue": ["length": .integer(Int64(collection.store.queuedWriteCount(of: collection.name)))],
        ])
    }

    // MARK: Aliases

    func changeAliases(_ request: Request) async throws -> CallResult {
        try request.needsGlobal(.manage)
        guard let actions = try request.body().array("actions") else {
            throw QdrantFailure.format("missing field `actions`")
        }
        try await catalog.changeAliases(actions)
        return .value(true)
    }

    func listAliases(_ request: Request, of name: String?) async throws -> CallResult {
        if let name {
            try request.needs(.read, of: name)
            _ = try await catalog.collection(name)
        }
        let all = try await catalog.aliases.filter {
            !catalog.withheld.contains($0.value)
                && (name.map($0.value.hasSameBytes) ?? (request.rights.level(of: $0.value) >= .read))
        }
        return .value([
            "aliases": .array(
                all.sorted { $0.key < $1.key }.map {
                    ["alias_name": .string($0.key.text), "collection_name": .string($0.value)]
                })
        ])
    }

    // MARK: Payload indexes

    func createIndex(_ request: Request, _ name: String) async throws -> CallResult {
        try request.needs(.write, of: name)
        let body = try request.body()
        guard let field = try body.string("field_name") else {
            throw QdrantFailure.format("missing field `field_name`")
        }
        let path = try WirePath.read(field)
        let collection = try await catalog.collection(name)
        guard let schema = body.optional("field_schema") ?? body.optional("field_type") else {
            throw QdrantFailure.badRequest("Failed to determine the type of the field '\(field)': a schema is required")
        }
        let limit = collection.strictMode.maximumIndexes
        try await collection.setField(path, schema) { fields in
            guard let limit, fields.count >= limit, fields[field] == nil else { return }
            throw QdrantFailure.refusedByStrictMode(
                "Collection already has the maximum number of payload indices (\(limit))",
                "Please delete an existing index before creating a new one.")
        }
        return try await indexAnswer(request, collection)
    }

    func dropIndex(_ request: Request, _ name: String, _ field: String) async throws -> CallResult {
        try request.needs(.write, of: name)
        let collection = try await catalog.collection(name)
        try await collection.setField(try WirePath.stored(field), nil)
        return try await indexAnswer(request, collection)
    }

    private func indexAnswer(_ request: Request, _ collection: QdrantCollection) async throws -> CallResult {
        let sequence = try await collection.read { $0.sequence }
        return .value(UpdateAnswer(operationID: sequence, isCompleted: try request.wait()).json)
    }

    // MARK: Named vectors

    /// Adds or removes a named vector, in one transaction, while others write.
    func setVectorName(_ request: Request, _ name: String, _ vector: String, removes: Bool) async throws -> CallResult {
        try request.needs(.write, of: name)
        let collection = try await catalog.collection(name)
        if removes {
            try await collection.configure { config, schema in
                guard config.has(vector) else { throw QdrantFailure.noVector(vector) }
                schema.dense[vector] = nil
                schema.sparse[vector] = nil
                schema.multi[vector] = nil
                return try config.setting(vector, dense: nil, sparse: nil)
            }
        } else {
            let body = try request.body()
            // Spelled out: a nil among JSON values may be taken for JSON's null.
            var dense: JSONValue?
            var sparse: JSONValue?
            if let described = body.optional("dense") {
                dense = described
            } else if body.optional("size") != nil {
                dense = body
            } else if let described = body.optional("sparse") {
                sparse = described
            } else {
                sparse = body
            }
            let (newDense, newSparse) = (dense, sparse)
            try await collection.configure { config, schema in
                guard !config.has(vector) else {
                    throw QdrantFailure.conflict("Vector `\(vector)` already exists!")
                }
                let changed = try config.setting(vector, dense: newDense, sparse: newSparse)
                let described = changed.schema
                schema.dense[vector] = described.dense[vector]
                schema.sparse[vector] = described.sparse[vector]
                schema.multi[vector] = described.multi[vector]
                return changed
            }
        }
        return try await indexAnswer(request, collection)
    }
}
