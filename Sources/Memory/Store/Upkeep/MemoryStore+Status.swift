import JSON
import VectorEngine

/// `system_status`: what each operation calls; health, statistics, one memory by its id.
extension MemoryStore {
    /// Answers checked arguments of `system_status`.
    func status(_ arguments: JSONObject, _ context: CallContext) async throws -> JSONValue {
        let operation = arguments["operation"]?.stringValue ?? ""
        func whole(_ name: String, _ otherwise: Int) -> Int {
            arguments[name]?.integerValue.flatMap { Int(exactly: $0) } ?? otherwise
        }
        var result: JSONObject = ["operation": .string(operation)]
        switch StatusOperation(rawValue: operation) {
        case .health: result["health"] = .object(try await health())
        case .stats:
            var narrowing = Narrowing(checked: arguments)
            try narrowing.settle(in: context.defaultScope)
            result["stats"] = .object(try await statistics(narrowing.scope))
        case .telemetry: result["telemetry"] = .object(callTelemetry())
        case .metrics: result["metrics"] = .object(try await metrics())
        case .document: result.merge(try await oneDocument(arguments)) { $1 }
        case .withChunks, .reassemble:
            result.merge(try await chunkedDocument(arguments, reassembles: operation == "reassemble_document")) { $1 }
        case .purge: result["purge"] = .object(try await purge(arguments["purge_config"]))
        case .purgeReports: result["reports"] = .array(try await reports(.purge, arguments))
        case .purgeStatistics: result["statistics"] = .object(try await reportStatistics(.purge, arguments))
        case .cleanup: result["cleanup"] = .object(try await cleanup(arguments["cleanup_config"]))
        case .confirmCleanup: result["cleanup"] = .object(try await confirmedCleanup(arguments))
        case .cleanupStatistics: result["statistics"] = .object(try await reportStatistics(.cleanup, arguments))
        case .cleanupHistory: result["reports"] = .array(try await reports(.cleanup, arguments))
        case .upsertMerge: result["document"] = .object(try await upsertMerged(arguments).json())
        case .rateLimits: result["rate_limits"] = rateLimiter.json(at: clock.time(), actor: context.actor)
        case .trends:
            result["trends"] = telemetry.trends(at: clock.time(), hours: whole("performance_window_hours", 24))
        case .diagnostics: result["diagnostics"] = .array(try await diagnostics())
        case .delete: result["deletion"] = .object(try await deletion(arguments, from: context.defaultScope).json)
        case .export: result.merge(try await exportPage(arguments, from: context.defaultScope)) { $1 }
        case nil: preconditionFailure("the contract lets no other operation pass")
        }
        return .object(result)
    }

    /// Calls and errors since the start, and what the remembered results saved.
    private func callTelemetry() -> JSONObject {
        var members = telemetry.json(at: clock.time()).objectValue ?? [:]
        let (hits, misses) = cache.counts
        members["cache"] = ["hits": .integer(Int64(hits)), "misses": .integer(Int64(misses))]
        return members
    }

    // MARK: Health and statistics

    /// Whether the memory works, with which model, and where it is kept.
    package func health() async throws(MemoryError) -> JSONObject {
        try await mapped {
            let readiness = try await self.home.ready()
            let description = try await self.points.describe(self.collection)
            let damaged = description?.damagedPointCount ?? 0
            let reason = FindResult.joined(
                description?.writeObstacle, try await self.damageNote(), readiness.degradedReason)
            var members: JSONObject = ["status": .string(reason == nil ? "ok" : "degraded")]
            members["degraded_reason"] = reason.map { .string($0) }
            let pending = try await self.pendingCount()
            if pending > 0 { members["embedding_pending"] = .integer(Int64(pending)) }
            if damaged > 0 { members["damaged"] = .integer(Int64(damaged)) }
            members["collection"] = .string(self.collection)
            members["location"] = description.map { .string($0.location) }
            members["points"] = description.map { .integer(Int64($0.pointCount)) }
            if let identity = self.embedder?.identity {
                members["embedder"] = [
                    "name": .string(identity.name), "revision": .string(identity.revision),
                    "dimension": .integer(Int64(identity.dimension)),
                ]
            }
            members["analyser"] = .string(self.lexical.identity)
            return members
        }
    }

    /// Living items by kind in `scope`, how many have expired, and the size of the whole collection.
    package func statistics(_ scope: MemoryScope) async throws(MemoryError) -> JSONObject {
        try await mapped {
            _ = try await self.home.ready()
            let now = self.clock.time()
            var narrowing = Narrowing()
            narrowing.scope = scope
            var byKind = JSONObject()
            for kind in MemoryKind.allCases {
                narrowing.kinds = [kind]
                let count = try await self.points.count(narrowing.memories(now: now), in: self.collection)
                if count > 0 { byKind[kind.rawValue] = .integer(Int64(count)) }
            }
            narrowing.kinds = []
            let living = try await self.points.count(narrowing.memories(now: now), in: self.collection)
            narrowing.includesExpired = true
            let all = try await self.points.count(narrowing.memories(now: now), in: self.collection)
            var members: JSONObject = [
                "items": .integer(Int64(living)), "expired": .integer(Int64(max(0, all - living))),
                "expiring_this_week": .integer(Int64(try await self.expiringSoon(narrowing, now: now))),
                "by_kind": .object(byKind),
            ]
            if let removed = try await self.removedExpiryCount() { members["expiries_removed"] = .integer(removed) }
            if let description = try await self.points.describe(self.collection) {
                members["size_bytes"] = .integer(Int64(description.sizeBytes))
                members["segments"] = .integer(Int64(description.segmentCount))
                members["indexed_points"] = .integer(Int64(description.indexedPointCount))
                members.merge(description.upkeepFacts) { $1 }
            }
            if let damage = try await self.damageNote() { members["degraded_reason"] = .string(damage) }
            return members
        }
    }

    // MARK: One memory

    func documentID(_ arguments: JSONObject) -> UUIDBytes? {
        arguments["document_id"]?.stringValue.flatMap { UUIDBytes($0) }
    }

    func document(_ arguments: JSONObject) async throws -> MemoryRecord {
        guard let id = documentID(arguments) else {
            throw MemoryError(.missing, "this operation needs the id of a memory", field: "document_id")
        }
        if let moment = arguments["as_of"]?.stringValue.flatMap(Timestamp.end(of:)), !Chunk.isChunk(id) {
            _ = try await home.ready()
            guard let record = try await record(id, asOf: moment) else { throw MemoryStore.notFound }
            return record
        }
        guard let record = try await records([id]).first else { throw MemoryStore.notFound }
        try await extend([record], at: clock.time())
        return record
    }

    /// The memory; what was merged into it; and, where more is asked for, its former versions.
    private func oneDocument(_ arguments: JSONObject) async throws -> JSONObject {
        let record = try await document(arguments)
        var members: JSONObject = ["document": .object(record.json())]
        if !record.mergeHistory.isEmpty { members["merge_history"] = .array(record.mergeHistory) }
        if arguments["response_formatting"]?["verbose"]?.boolValue == true {
            members["versions"] = .array(try await versions(of: record.id).map(\.json))
        }
        return members
    }

    /// A memory with the places (and texts) of its chunks; reassembled from them, it has the digest of the original.
    private func chunkedDocument(_ arguments: JSONObject, reassembles: Bool) async throws -> JSONObject {
        let record = try await document(arguments)
        let content = record.content ?? ""
        let filter = Filter(must: [Chunk.of([.uuid(record.id)])])
        let ranges = try await everyPoint(filter).compactMap { Chunk.range(in: $0.payload.object) }
        var members: JSONObject = ["document": .object(record.json())]
        guard reassembles else {
            members["chunks"] = .array(
                ranges.map { range in
                    var match = FoundItem.match(at: range)
                    match["text"] = .string(content.atUTF8(range))
                    return .object(match)
                })
            return members
        }
        var end = 0
        var bytes: [UInt8] = []
        let original = Array(content.utf8)
        for range in ranges.isEmpty ? [0..<original.count] : ranges {
            guard range.lowerBound <= end, end <= range.upperBound, range.upperBound <= original.count else {
                throw MemoryError(.failed, "the chunks do not cover the text; run: cortex verify")
            }
            bytes += original[end..<range.upperBound]
            end = range.upperBound
        }
        guard bytes == original else {
            throw MemoryError(.failed, "the chunks do not cover the text; run: cortex verify")
        }
        members["sha256"] = .string(ContentHash.hex(of: bytes))
        return members
    }

    static let notFound = MemoryError(
        .notFound, "there is no memory with this id; it may have expired or been deleted", field: "document_id")
}

extension CollectionDescription {
    /// How the files are looked after: the scrub, the shipped log and the scheduled backups of this process.
    fileprivate var upkeepFacts: JSONObject {
        func time(_ at: Int64?) -> JSONValue { at.map { .string(Timestamp.format($0)) } ?? .null }
        var facts = JSONObject()
        if let scrub {
            facts["scrub"] = [
                "rows_checked": .integer(Int64(scrub.rowsChecked)), "passes": .integer(Int64(scrub.passes)),
                "damaged_rows": .integer(Int64(scrub.damagedRows)), "adds_up": .bool(scrub.addsUp),
                "last_pass_at": time(scrub.lastPassAt),
            ]
        }
        guard let upkeep else { return facts }
        if let shippedAt = upkeep.shippedAt { facts["log_shipped_at"] = time(shippedAt) }
        if let backedUpAt = upkeep.backedUpAt { facts["backed_up_at"] = time(backedUpAt) }
        let failures = [upkeep.shippingFailure, upkeep.scrubFailure, upkeep.backupFailure].compactMap { $0 }
        if !failures.isEmpty { facts["upkeep_failures"] = .array(failures.map { .string($0) }) }
        return facts
    }
}
