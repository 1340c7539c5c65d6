import Foundation
import JSON
import Synchronization
import TestSupport
import Testing
import VectorEngine
import Vectors

/// Many callers share one transaction; each gets the outcome of its own call.
@Suite struct GroupCommitTests {
    private let scratch = ScratchDirectory()
    private static let schema = CollectionSchema(dense: ["": DenseVectorSchema(dimension: 2, metric: .dot)])

    private func store(_ change: (inout EngineSettings) -> Void = { _ in }) async throws -> EmbeddedStore {
        var settings = EngineSettings()
        change(&settings)
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        if try await !store.exists("c") { try await store.createCollection("c", schema: Self.schema) }
        _ = try await store.count(nil, in: "c")
        return store
    }

    private static func point(_ id: UInt64, _ value: Int64, _ more: JSONObject = [:]) -> Point {
        var members: JSONObject = ["value": .integer(value)]
        members.merge(more) { $1 }
        return Point(
            id: .number(id), vectors: PointVectors(dense: ["": [Float(value), 1]]), payload: Payload(members))
    }

    /// Holds the queue's thread inside a transaction until all of `calls` are waiting, so that they share the next one.
    private static func together(
        _ store: EmbeddedStore, _ calls: [@Sendable () async throws -> UpdateReceipt]
    ) async throws -> [Result<UpdateReceipt, any Error>] {
        let collection = try store.collection("c")
        let gate = DispatchSemaphore(value: 0)
        return try await withThrowingTaskGroup(of: (Int, Result<UpdateReceipt, any Error>)?.self) { group in
            group.addTask {
                try await store.revise(.ids([.number(.max)]), in: "c") { _, _ in
                    gate.wait()
                    return .unchanged
                }
                return nil
            }
            while collection.queuedWriteCount < 1 { await Task.yield() }
            for (i, call) in calls.enumerated() {
                group.addTask {
                    do { return (i, .success(try await call())) } catch { return (i, .failure(error)) }
                }
            }
            while collection.queuedWriteCount < calls.count + 1 { await Task.yield() }
            gate.signal()
            var outcomes: [Int: Result<UpdateReceipt, any Error>] = [:]
            for try await outcome in group { if let (i, result) = outcome { outcomes[i] = result } }
            return try calls.indices.map { try #require(outcomes[$0]) }
        }
    }

    private static func code(_ outcome: Result<UpdateReceipt, any Error>) -> EngineError.Code? {
        if case .failure(let error) = outcome { (error as? EngineError)?.code } else { nil }
    }

    @Test("a caller whose write fails gets its error, and the callers beside it get their receipts")
    func errorsStayWithTheirCaller() async throws {
        let store = try await store()
        try await store.upsert([Self.point(0, 0)], in: "c")
        var calls: [@Sendable () async throws -> UpdateReceipt] = (1...8).map { id in
            { try await store.upsert([Self.point(id, 1)], in: "c") }
        }
        calls.append {
            try await store.revise(.ids([.number(0)]), in: "c") { id, _ in
                // Found out inside the transaction only, as a payload that grows beyond its limit.
                .replaced(Point(id: id, vectors: PointVectors(dense: ["": [1, 2, 3]])))
            }
        }
        let outcomes = try await Self.together(store, calls)
        for outcome in outcomes.dropLast() { #expect(throws: Never.self) { _ = try outcome.get() } }
        #expect(Self.code(try #require(outcomes.last)) == .wrongDimension)
        #expect(try await store.count(nil, in: "c") == 9)
        #expect(try await store.retrieve([.number(0)], with: .payload, in: "c").first?.payload.object == ["value": 0])
        #expect(try await store.verify("c").isSound)
        try await store.close()
    }

    // MARK: Against a dictionary

    /// One caller's random batch on ids of its own; `model` is what it leaves when it succeeds.
    private struct Draw {
        var writes: [PointWrite] = []
        var revised: (id: UInt64, point: Point)?
        var model: [UInt64: Point]
        var failure: EngineError.Code?

        init(_ ids: Range<UInt64>, _ before: [UInt64: Point], _ random: inout SplitMix) {
            model = before
            for _ in 0..<Int.random(in: 1...4, using: &random) { add(ids, &random) }
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                guard let there = ids.first(where: { model[$0] != nil }) else { break }
                writes.append(.upsert([GroupCommitTests.point(there, -1)], if: .absent))
                failure = .preconditionFailed
            case 1:
                guard let there = ids.first(where: { model[$0] != nil }) else { break }
                writes.append(.delete(.ids([.number(there)]), if: .version(.max)))
                failure = .preconditionFailed
            case 2:
                // Alone: what it makes is refused when the points before it are written already.
                writes = []
                let wrong = Point(id: .number(ids.upperBound - 1), vectors: PointVectors(dense: ["": [1, 2, 3]]))
                revised = (ids.upperBound - 1, wrong)
                failure = .wrongDimension
            default: break
            }
            if failure != nil { model = before }
        }

        private mutating func add(_ ids: Range<UInt64>, _ random: inout SplitMix) {
            let value = Int64.random(in: 0...9, using: &random)
            let id = ids.randomElement(using: &random) ?? ids.lowerBound
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                let points = ids.filter { _ in Bool.random(using: &random) }.map { GroupCommitTests.point($0, value) }
                writes.append(.upsert(points))
                for point in points { if case .number(let id) = point.id { model[id] = point } }
            case 2:
                writes.append(.delete(.ids([.number(id)])))
                model[id] = nil
            case 3:
                writes.append(.mergePayload(Payload(["more": .integer(value)]), of: .ids([.number(id)])))
                model[id]?.merge("more", value)
            default:
                // What the batch itself wrote before is seen by the filter.
                let mine = Filter(must: [
                    .hasID(Set(ids.map { .number($0) })),
                    .field(PayloadPath(known: "value"), .range(NumericRange(atLeast: .integer(value)))),
                ])
                let isDelete = Bool.random(using: &random)
                writes.append(
                    isDelete
                        ? .delete(.filter(mine)) : .mergePayload(Payload(["seen": .integer(value)]), of: .filter(mine)))
                for id in ids where model[id]?.payload.object["value"]?.integerValue ?? -1 >= value {
                    if isDelete { model[id] = nil } else { model[id]?.merge("seen", value) }
                }
            }
        }
    }

    @Test("groups with failing members leave what a dictionary holds when each batch is all or nothing")
    func groupsAgreeWithADictionary() async throws {
        let seed = UInt64.random(in: 0...(.max))
        var random = SplitMix(seed: seed)
        let store = try await store()
        let (callers, idsEach): (UInt64, UInt64) = (7, 5)
        var model: [UInt64: Point] = [:]
        var failures = 0
        for round in 0..<40 {
            let draws = (0..<callers).map { caller in
                let ids = caller * idsEach..<(caller + 1) * idsEach
                return Draw(ids, model.filter { ids.contains($0.key) }, &random)
            }
            let calls = draws.enumerated().map { caller, draw -> @Sendable () async throws -> UpdateReceipt in
                let writes = draw.writes
                guard let (id, point) = draw.revised else { return { try await store.apply(writes, in: "c") } }
                let ids = (UInt64(caller) * idsEach...id).map { PointID.number($0) }
                return {
                    try await store.revise(.ids(ids), in: "c") { one, old in
                        // The points before the one that is refused are changed, and must be as they were afterwards.
                        one == .number(id) ? .replaced(point) : old == nil ? .unchanged : .deleted
                    }
                }
            }
            let outcomes = try await Self.together(store, calls)
            for (draw, outcome) in zip(draws, outcomes) {
                #expect(Self.code(outcome) == draw.failure, "seed \(seed), round \(round)")
                if draw.failure != nil { failures += 1 }
            }
            model = draws.reduce(into: [:]) { $0.merge($1.model) { $1 } }
            try await Self.expect(store, model, "seed \(seed), round \(round)")
        }
        #expect(failures > 10)
        let report = try await store.verify("c")
        #expect(report.isSound, "seed \(seed): \(report.summary)")
        let other = try EmbeddedStore(directory: scratch.path)
        try await Self.expect(other, model, "seed \(seed), opened again")
        try await other.close()
        try await store.close()
    }

    private static func expect(
        _ store: EmbeddedStore, _ model: [UInt64: Point], _ comment: Comment
    ) async throws {
        let page = try await store.scroll(ScrollRequest(limit: 1000, parts: .all), in: "c")
        let wanted = model.sorted { $0.key < $1.key }.map(\.value)
        #expect(page.points.map(\.id) == wanted.map(\.id), comment)
        for (found, wanted) in zip(page.points, wanted) {
            #expect(found.payload.object == wanted.payload.object && found.vectors == wanted.vectors, comment)
        }
        // The view in memory as well as the file.
        let query = PointQuery(target: .dense(name: "", [0, 1]), limit: 1000)
        #expect(try await Set(store.query([query], in: "c")[0].map(\.id)) == Set(wanted.map(\.id)), comment)
    }

    // MARK: Batches

    @Test("a batch whose last precondition fails leaves nothing of its first writes")
    func aBatchIsAllOrNothing() async throws {
        let store = try await store()
        let first = try await store.upsert([Self.point(1, 1)], in: "c")
        let batch: [PointWrite] = [
            .upsert([Self.point(2, 2)]), .delete(.ids([.number(1)])),
            .upsert([Self.point(1, 3)], if: .version(first.sequence)),
        ]
        // The second write has deleted what the third expects.
        await #expect { try await store.apply(batch, in: "c") } throws: {
            ($0 as? EngineError)?.code == .preconditionFailed
        }
        #expect(try await store.scroll(ScrollRequest(), in: "c").points.map(\.id) == [.number(1)])
        let kept = try await store.apply(
            [.upsert([Self.point(1, 3)], if: .version(first.sequence)), .upsert([Self.point(2, 2)], if: .absent)],
            in: "c")
        #expect(kept.affected == 2 && kept.sequence == first.sequence + 2)
        await #expect(throws: EngineError.self) {
            try await store.apply([.upsert([Self.point(1, 4)], if: .version(first.sequence))], in: "c")
        }
        #expect(try await store.retrieve([.number(1)], with: .payload, in: "c").first?.payload.object == ["value": 3])
        try await store.close()
    }

    // MARK: The queue

    @Test("calls beyond the queue's limit are refused as overloaded, and those within it are written")
    func aFullQueueRefuses() async throws {
        let limit = 20
        let store = try await store { $0.queuedWrites = limit }
        let collection = try store.collection("c")
        let gate = DispatchSemaphore(value: 0)
        let codes = try await withThrowingTaskGroup(of: EngineError.Code?.self) { group in
            group.addTask {
                try await store.revise(.ids([.number(0)]), in: "c") { _, _ in
                    gate.wait()
                    return .unchanged
                }
                return nil
            }
            while collection.queuedWriteCount < 1 { await Task.yield() }
            for id in 1...UInt64(limit + 4) {
                group.addTask {
                    do { try await store.upsert([Self.point(id, 1)], in: "c") } catch {
                        return (error as? EngineError)?.code
                    }
                    return nil
                }
            }
            // Those that are refused answer at once; the gate opens when all of them have.
            var codes: [EngineError.Code?] = []
            for _ in 0..<5 { if let code = try await group.next() { codes.append(code) } }
            gate.signal()
            for try await code in group { codes.append(code) }
            return codes
        }
        #expect(codes.count { $0 == .overloaded } == 5 && codes.count { $0 == nil } == limit)
        #expect(try await store.count(nil, in: "c") == limit - 1)
        #expect(collection.queuedWriteCount == 0)
        try await store.upsert([Self.point(99, 1)], in: "c")
        try await store.close()
    }

    @Test("a call larger than the queue's bytes is written when nothing else waits, and refused beside others")
    func bytesAreLimited() async throws {
        let store = try await store { $0.queuedBytes = 10_000 }
        let large = Self.point(1, 1, ["text": .string(String(repeating: "x", count: 20_000))])
        try await store.upsert([large], in: "c")
        let collection = try store.collection("c")
        let gate = DispatchSemaphore(value: 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await store.revise(.ids([.number(0)]), in: "c") { _, _ in
                    gate.wait()
                    return .unchanged
                }
            }
            while collection.queuedWriteCount < 1 { await Task.yield() }
            await #expect { try await store.upsert([large], in: "c") } throws: {
                ($0 as? EngineError)?.code == .overloaded
            }
            gate.signal()
            try await group.waitForAll()
        }
        try await store.upsert([large], in: "c")
        try await store.close()
    }
}

extension Point {
    fileprivate mutating func merge(_ key: String, _ value: Int64) {
        var members = payload.object
        members[key] = .integer(value)
        payload = Payload(members)
    }
}
