import JSON
import VectorEngine

/// Cleanup: first what would be removed and a token for exactly that; then, with the token, its removal.
extension MemoryStore {
    /// What one cleanup would remove.
    private struct Plan {
        var operations: [CleanupOperation] = []
        var memories: [PointID] = []
        var chunks: [PointID] = []
        var versions: [PointID] = []
        var counts = JSONObject()

        var ids: [PointID] { memories + chunks + versions }
    }

    func cleanup(_ config: JSONValue?) async throws -> JSONObject {
        _ = try await home.ready()
        let named = (config?["operations"]?.arrayValue ?? []).compactMap {
            $0.stringValue.flatMap(CleanupOperation.init)
        }
        let operations = named.isEmpty ? [.expired, .orphaned, .duplicate] : named
        let isDryRun = config?["dry_run"]?.boolValue ?? true
        let needsToken = config?["require_confirmation"]?.boolValue ?? true
        let token = config?["confirmation_token"]?.stringValue
        let plan = try await plan(operations)
        if isDryRun || (needsToken && token == nil) {
            let expires = clock.time() &+ settings.tokenLifetime.components.seconds &* 1_000_000
            return [
                "dry_run": true, "would_remove": .object(plan.counts),
                "cleanup_token": .string(cleanupToken(plan, expires: expires)),
                "token_expires_at": .string(Timestamp.format(expires)),
            ]
        }
        if needsToken, let token { try check(token, plan, field: "cleanup_config.confirmation_token") }
        return try await carryOut(plan, backsUp: config?["enable_backup"]?.boolValue ?? true)
    }

    func confirmedCleanup(_ arguments: JSONObject) async throws -> JSONObject {
        _ = try await home.ready()
        guard let token = arguments["cleanup_token"]?.stringValue else {
            throw MemoryError(
                .missing, "this operation needs the token that run_cleanup answered", field: "cleanup_token")
        }
        let parts = token.split(separator: ".")
        let named =
            parts.count == 3 ? parts[1].split(separator: "-").compactMap { CleanupOperation(rawValue: String($0)) } : []
        let plan = try await plan(named)
        try check(token, plan, field: "cleanup_token")
        return try await carryOut(plan, backsUp: arguments["cleanup_config"]?["enable_backup"]?.boolValue ?? true)
    }

    /// `expiry.operations.seal`: the seal is over the very ids, so that it names exactly this work.
    private func cleanupToken(_ plan: Plan, expires: Int64) -> String {
        let names = plan.operations.map(\.rawValue).joined(separator: "-")
        let sealed = token(for: plan.ids + plan.operations.indices.map { .number(UInt64($0)) }, expires: expires)
        return "\(expires).\(names).\(sealed.split(separator: ".").last ?? "")"
    }

    private func check(_ token: String, _ plan: Plan, field: String) throws(MemoryError) {
        let expires = token.split(separator: ".").first.flatMap { Int64($0) } ?? 0
        guard expires > clock.time(), !plan.operations.isEmpty, token == cleanupToken(plan, expires: expires) else {
            throw MemoryError(
                .denied, "the token has expired or is not for exactly what would be removed now; run run_cleanup again",
                field: field)
        }
    }

    private func plan(_ operations: [CleanupOperation]) async throws -> Plan {
        var plan = Plan(operations: operations)
        for operation in operations {
            let count: Int
            switch operation {
            case .expired:
                let filter = Filter(must: [Narrowing.expired(at: clock.time()), Chunk.excluded])
                let ids = try await everyPoint(filter, limit: settings.maximumDeleted, parts: .idOnly).map(\.id)
                plan.memories += ids
                count = ids.count
            case .orphaned:
                let (chunks, versions) = try await orphans()
                plan.chunks += chunks
                plan.versions += versions
                count = chunks.count + versions.count
            case .duplicate:
                let ids = try await duplicates().filter { !plan.memories.contains($0) }
                plan.memories += ids
                count = ids.count
            case .metrics: count = telemetry.percentiles.count
            case .logs: count = try await dropReports(olderThan: 0, isDryRun: true)
            }
            plan.counts[operation.rawValue] = .integer(Int64(count))
        }
        return plan
    }

    private func orphans() async throws -> (chunks: [PointID], versions: [PointID]) {
        let chunks = try await everyPoint(Filter(mustNot: [.isEmpty(member: Member.chunkOf)]), parts: .idOnly).map(\.id)
        let owners = Array(Set(chunks.map(Chunk.memory)))
        let there = Set(try await points.retrieve(owners, with: .idOnly, in: collection).map(\.id))
        var versions: [PointID] = []
        if try await hasHistory() {
            let all = try await everyPoint(Filter(), in: historyCollection)
            // What was retired is a version without a memory, on purpose.
            let kept = JSONValue.string(ReplacementReason.retirement.rawValue)
            let named = all.filter { $0.payload.object[Member.replacedBy] != kept }.compactMap { point in
                point.payload.object[Member.versionOf]?.stringValue.flatMap { UUIDBytes($0) }.map { (point.id, $0) }
            }
            let ids = Array(Set(named.map { PointID.uuid($0.1) }))
            let living = Set(try await points.retrieve(ids, with: .idOnly, in: collection).map(\.id))
            versions = named.filter { !living.contains(.uuid($0.1)) }.map(\.0)
        }
        return (chunks.filter { !there.contains(Chunk.memory(of: $0)) }, versions)
    }

    private func duplicates() async throws -> [PointID] {
        struct Content: Hashable {
            let scope: String
            let hash: String
        }
        var seen: Set<Content> = []
        let all = try await everyPoint(Filter(must: [Chunk.excluded, Narrowing.alive(at: clock.time())]))
        return try all.filter { point in
            let record = try MemoryRecord(point)
            guard !record.isProtected else { return false }
            return !seen.insert(Content(scope: record.scope.hash, hash: record.contentHash)).inserted
        }.map(\.id)
    }

    private func carryOut(_ plan: Plan, backsUp: Bool) async throws -> JSONObject {
        var report: JSONObject = ["dry_run": false]
        if backsUp {
            if let backUp, !plan.ids.isEmpty {
                report["backup"] = .string(try await backUp())
            } else if !plan.ids.isEmpty {
                report["warnings"] = ["no backup was made: this server keeps none; export first"]
            }
        }
        try await gate.pass {
            for start in stride(from: 0, to: plan.memories.count, by: 256) {
                let ids = Array(plan.memories[start..<min(plan.memories.count, start + 256)])
                try await self.points.delete(.filter(Chunk.memoriesAndChunks(ids)), in: self.collection)
                try await self.deleteHistory(of: ids)
            }
            if !plan.chunks.isEmpty { try await self.points.delete(.ids(plan.chunks), in: self.collection) }
            if !plan.versions.isEmpty { try await self.points.delete(.ids(plan.versions), in: self.historyCollection) }
        }
        if plan.operations.contains(.metrics) { _ = telemetry.reset(at: clock.time()) }
        if plan.operations.contains(.logs) { _ = try await dropReports(olderThan: 0) }
        report["removed"] = .object(plan.counts)
        report["deleted"] = .integer(Int64(plan.ids.count))
        return try await kept(report, of: .cleanup, if: true)
    }
}
