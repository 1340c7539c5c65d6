import JSON
import VectorEngine

/// Purge: what has expired leaves the disk. It is never found before that either.
extension MemoryStore {
    /// Deletes expired memories with their chunks and versions, batch by batch; with `dry_run` it counts them.
    func purge(_ config: JSONValue?) async throws -> JSONObject {
        func whole(_ name: String, _ otherwise: Int) -> Int {
            config?[name]?.integerValue.flatMap { Int(exactly: $0) } ?? otherwise
        }
        let isDryRun = config?["dry_run"]?.boolValue ?? true
        _ = try await home.ready()
        let begin = clock.time()
        let batches = whole("max_batches", 50)
        let purged =
            isDryRun
            ? (deleted: 0, batches: 0) : try await purgeExpired(batchSize: whole("batch_size", 100), batches: batches)
        let left = try await points.count(Self.expired(at: clock.time()), in: collection)
        let report: JSONObject = [
            "dry_run": .bool(isDryRun), "expired": .integer(Int64(left + purged.deleted)),
            "deleted": .integer(Int64(purged.deleted)), "batches": .integer(Int64(purged.batches)),
            "has_more": .bool(!isDryRun && left > 0),
            "duration_ms": .number(Duration.microseconds(max(0, clock.time() &- begin)).milliseconds),
        ]
        return try await kept(report, of: .purge, if: !isDryRun)
    }

    /// The sweeper's work, which any process may do at any time: what another has deleted is passed over.
    @discardableResult
    package func sweep() async throws(MemoryError) -> Int {
        try await mapped {
            guard try await self.points.describe(self.collection) != nil else { return 0 }
            _ = try await self.home.ready()
            return try await self.purgeExpired(batchSize: 100, batches: 50).deleted
        }
    }

    private static func expired(at now: Int64) -> Filter {
        Filter(must: [Narrowing.expired(at: now), Chunk.excluded])
    }

    private func purgeExpired(batchSize: Int, batches: Int) async throws -> (deleted: Int, batches: Int) {
        var total = 0
        for batch in 0..<batches {
            try Task.checkCancellation()
            let now = clock.time()
            let deleted = try await gate.pass {
                let page = try await self.points.scroll(
                    ScrollRequest(filter: Self.expired(at: now), limit: batchSize, parts: .idOnly), in: self.collection)
                let ids = page.points.map(\.id)
                guard !ids.isEmpty else { return 0 }
                try await self.points.delete(.filter(Chunk.memoriesAndChunks(ids)), in: self.collection)
                try await self.deleteHistory(of: ids)
                return ids.count
            }
            total += deleted
            if deleted < batchSize { return (total, batch + 1) }
        }
        return (total, batches)
    }
}

// MARK: Reports

/// What a report is about.
enum ReportKind: String, Sendable { case purge, cleanup, upgrade }

extension MemoryStore {
    private var reportsCollection: String { collection + ".reports" }
    private static let at = "at"
    private static let kind = "report"

    /// Keeps a report, so that it outlives this process, and answers it with its id and time.
    func kept(_ report: JSONObject, of kind: ReportKind, if isKept: Bool) async throws -> JSONObject {
        guard isKept else { return report }
        if try await points.describe(reportsCollection) == nil {
            do {
                try await points.createCollection(
                    reportsCollection,
                    schema: CollectionSchema(
                        dense: [:], sparse: [:], payloadIndexes: [Self.at: .integer, Self.kind: .keyword]))
            } catch let error as EngineError where error.code == .collectionExists {
                // Another process made it a moment ago.
            }
        }
        let stamp = clock.stamp()
        let id = clock.id(stamp: stamp)
        var members = report
        members[Self.at] = .integer(stamp)
        members[Self.kind] = .string(kind.rawValue)
        try await points.upsert([Point(id: .uuid(id), payload: Payload(members))], in: reportsCollection)
        _ = try await dropReports(olderThan: settings.keptReports)
        return Self.shown(members, id: .uuid(id))
    }

    /// Deletes all reports but the newest; answers how many.
    func dropReports(olderThan kept: Int, isDryRun: Bool = false) async throws -> Int {
        guard try await points.describe(reportsCollection) != nil else { return 0 }
        let all = try await everyPoint(Filter(), parts: .idOnly, in: reportsCollection).map(\.id)
        let old = Array(all.dropLast(kept))
        if !old.isEmpty, !isDryRun { try await points.delete(.ids(old), in: reportsCollection) }
        return old.count
    }

    private static func shown(_ members: JSONObject, id: PointID) -> JSONObject {
        var shown: JSONObject = ["id": .string(id.description)]
        if let at = members[Self.at]?.integerValue { shown["at"] = .string(Timestamp.format(at)) }
        for (key, value) in members where key != Self.at && key != Self.kind { shown[key] = value }
        return shown
    }

    func storedReports(_ kind: ReportKind) async throws -> [Point] {
        guard try await points.describe(reportsCollection) != nil else { return [] }
        let filter = Filter(must: [Narrowing.keyword(Self.kind, kind.rawValue)])
        return try await everyPoint(filter, in: reportsCollection).reversed()
    }

    /// The newest reports first.
    func reports(_ kind: ReportKind, _ arguments: JSONObject) async throws -> [JSONValue] {
        let limit = arguments["report_limit"]?.integerValue.flatMap { Int(exactly: $0) } ?? 10
        return try await storedReports(kind).prefix(limit).map { point in
            .object(Self.shown(point.payload.object, id: point.id))
        }
    }

    /// How often and how much, over the days asked for.
    func reportStatistics(_ kind: ReportKind, _ arguments: JSONObject) async throws -> JSONObject {
        let days = arguments["stats_period_days"]?.integerValue ?? 30
        let since = clock.time() &- days &* 86_400_000_000
        let recent = try await storedReports(kind).map(\.payload.object).filter {
            ($0[Self.at]?.integerValue ?? 0) > since
        }
        let deleted = recent.reduce(Int64(0)) { $0 + ($1["deleted"]?.integerValue ?? 0) }
        var members: JSONObject = [
            "period_days": .integer(days), "runs": .integer(Int64(recent.count)), "deleted": .integer(deleted),
        ]
        if let last = recent.first?[Self.at]?.integerValue { members["last_at"] = .string(Timestamp.format(last)) }
        return members
    }
}
