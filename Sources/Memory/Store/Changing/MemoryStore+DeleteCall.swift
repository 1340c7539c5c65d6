import JSON
import VectorEngine

/// `memory_delete`: ids at once, since an id is a confirmation, unless a dry run is asked for; a filter with the token
/// of its dry run.
extension MemoryStore {
    /// `memory_delete` from arguments as they came to the result as it goes out.
    package func callDelete(arguments: JSONObject, context: CallContext) async throws(MemoryError) -> JSONValue {
        try await counted(.delete, context) { () async throws(MemoryError) in
            let checked = try self.contract.delete.read(arguments)
            let result = try await self.mapped { try await self.delete(checked.members, context) }
            return result.noting(context.notes + checked.notes)
        }
    }

    private func delete(_ arguments: JSONObject, _ context: CallContext) async throws -> JSONValue {
        let ids = (arguments["ids"]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap { UUIDBytes($0) } }
        let filter = arguments["filter"]?.objectValue
        switch (ids.isEmpty, filter) {
        case (false, nil): return try await deleteByID(ids, arguments)
        case (true, let filter?): return try await deleteByFilter(filter, arguments, context)
        case (false, _):
            throw MemoryError(.invalidArgument, "give ids or a filter, not both", field: "filter")
        case (true, nil):
            throw MemoryError(.missing, "give ids, or a filter with dry_run first", field: "ids")
        }
    }

    private func deleteByID(_ ids: [UUIDBytes], _ arguments: JSONObject) async throws -> JSONValue {
        _ = try await home.ready()
        // An id needs no dry run; a caller that asks for one means it.
        let isDryRun = arguments["dry_run"] == true
        let erases = arguments["erase"] == true && !isDryRun
        let there = try await deletable(ids)
        let missing = ids.filter { !there.contains($0) }
        guard !there.isEmpty else {
            throw MemoryError(MemoryStore.notFound, field: "ids")
        }
        let erasure = erases ? try await erase(there) : nil
        let count = if let erasure { erasure.deleted } else { isDryRun ? there.count : try await delete(there) }
        var members: JSONObject = [
            "dry_run": .bool(isDryRun), "count": .integer(Int64(count)),
            "ids": .array(there.map { .string($0.description) }),
        ]
        members["erasure"] = erasure.map { .object($0.json) }
        if !missing.isEmpty { members["missing"] = .array(missing.map { .string($0.description) }) }
        return .object(members)
    }

    private func deleteByFilter(
        _ filter: JSONObject, _ arguments: JSONObject, _ context: CallContext
    ) async throws -> JSONValue {
        var asked = filter
        let token = arguments["token"]
        // A token says by itself that the dry run is over.
        asked["dry_run"] = arguments["dry_run"] ?? .bool(token == nil)
        asked["confirmation_token"] = token
        asked["erase"] = arguments["erase"]
        let deletion: JSONObject
        do {
            deletion = try await self.deletion(asked, from: context.defaultScope).json
        } catch let error as MemoryError {
            // The same faults under the names that this tool has for their places.
            let names = ["confirmation_token": "token", "document_id": "filter", "filters": "filter"]
            let place = error.field.map { $0.hasPrefix("filters.") ? String($0.dropFirst("filters.".count)) : $0 }
            throw MemoryError(error, field: place.map { names[$0] ?? "filter.\($0)" } ?? "filter")
        }
        var members = deletion
        members["confirmation_token"] = nil
        if let token = deletion["confirmation_token"] { members["token"] = token }
        return .object(members)
    }
}
