import JSON
import VectorEngine

/// `memory_update` as a call.
extension MemoryStore {
    /// `memory_update` from arguments as they came to the result as it goes out.
    package func callUpdate(arguments: JSONObject, context: CallContext) async throws(MemoryError) -> JSONValue {
        try await counted(.update, context) { () async throws(MemoryError) in
            let checked = try self.contract.update.read(arguments)
            guard var update = MemoryUpdate(checked: checked.members) else { throw MemoryStore.notFound }
            try self.check(update, checked.members)
            update.scope = update.scope?.resolved(in: context.defaultScope)
            if let name = checked["kind_names"]?.arrayValue?.first {
                update.data = (update.data ?? [:]).merging(["observation_type": name]) { $1 }
            }
            let updated = try await self.update(update)
            var members: JSONObject = ["item": .object(updated.json()), "version": .integer(updated.version)]
            if updated.isChanged { members["former_version"] = .integer(updated.version &- 1) }
            members["degraded_reason"] = updated.degradedReason.map { .string($0) }
            return JSONValue.object(members).noting(context.notes + checked.notes)
        }
    }

    private func check(_ update: MemoryUpdate, _ members: JSONObject) throws(MemoryError) {
        if case .at(let moment)? = update.expiry, moment <= clock.time() {
            throw MemoryError(.outOfRange, "must lie in the future", field: "ttl_config.expires_at")
        }
        let changes = members.keys.filter { !["id", "expected_version", "kind_names"].contains($0) }
        guard changes.isEmpty else { return }
        throw MemoryError(
            .missing, "nothing is to change: give content, data, tags, metadata, scope, kind, ttl_config or restore",
            field: "content")
    }
}

extension MemoryError {
    /// The same error about another field.
    init(_ error: MemoryError, field: String) {
        self.init(
            error.code, error.message, field: field, isRetryable: error.isRetryable,
            retryAfterMilliseconds: error.retryAfterMilliseconds)
    }
}
