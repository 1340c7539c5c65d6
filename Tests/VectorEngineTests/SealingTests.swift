import Dispatch
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing
import VectorEngine
import Vectors

/// Holds sealing up where it comes to one step for the first time.
private final class SealingGate: Sendable {
    private let step: SealingStep
    private let (arrivals, arrival) = AsyncStream<Void>.makeStream()
    private let isOpen = DispatchSemaphore(value: 0)
    private let count = Mutex(0)

    init(_ step: SealingStep) { self.step = step }

    /// How often sealing has come to the step.
    var passed: Int { count.withLock { $0 } }

    @Sendable func pass(_ step: SealingStep) {
        guard step == self.step else { return }
        let isFirst = count.withLock { count in
            count += 1
            return count == 1
        }
        guard isFirst else { return }
        arrival.yield()
        isOpen.wait()
    }

    func reached() async { for await _ in arrivals { break } }

    func open() { isOpen.signal() }
}

/// Sealing in the background, while others write, search and seal.
@Suite struct SealingTests {
    private static let count: UInt64 = 600

    private func settings() -> EngineSettings {
        var settings = EngineSettings()
        settings.sealThreshold = 50
        settings.sealShare = 0
        settings.buildThreads = 1
        return settings
    }

    /// The point's own vector finds it first, whichever segment holds it.
    private func finds(_ points: [Point], _ store: EmbeddedStore) async throws -> Bool {
        for point in points {
            guard let vector = point.vectors.dense["text"] else { return false }
            let query = PointQuery(target: .dense(name: "text", vector), limit: 1, parts: .payload)
            guard try await store.query([query], in: "c")[0].first?.id == point.id else { return false }
        }
        return true
    }

    @Test("Rows too few to seal while writes go on are sealed once nothing is written any more")
    func sealsAtRest() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let (steps, said) = AsyncStream.makeStream(of: SealingStep.self)
        var settings = EngineSettings()
        settings.sealThreshold = 50
        settings.buildThreads = 1
        settings.restingThreshold = 20
        settings.sealRest = .milliseconds(1)
        settings.observeSealing = { said.yield($0) }
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 5)
        var ends = steps.filter { $0 == .done || $0 == .failed }.makeAsyncIterator()
        // 19 rows beside the graph would stay flat; the 20th makes them worth a merge, and 50 are never reached.
        for ids in [UInt64(0)..<50, 50..<70] {
            try await store.upsert(try ids.map { try Sample.point($0, &random) }, in: "c")
            #expect(await ends.next() == .done)
            #expect(try await store.describe("c")?.indexedPointCount == Int(ids.upperBound))
        }
    }

    @Test func everyWriteIsFoundWhileTwoStoresSealTheSameFile() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let first = try EmbeddedStore(directory: scratch.path, settings: settings())
        let second = try EmbeddedStore(directory: scratch.path, settings: settings())
        try await first.createCollection("c", schema: Sample.schema)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (half, store) in [first, second].enumerated() {
                group.addTask {
                    var random = SplitMix(seed: UInt64(half))
                    for start in stride(from: UInt64(half), to: Self.count, by: 20) {
                        let ids = stride(from: start, to: min(start + 20, Self.count), by: 2)
                        let points = try ids.map { try Sample.point($0, &random) }
                        try await store.upsert(points, in: "c")
                        #expect(try await finds([points[0]], half == 0 ? second : first), "half \(half) at \(start)")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await first.count(nil, in: "c") == Int(Self.count))
        #expect(try await second.count(nil, in: "c") == Int(Self.count))
        // A process without the lease goes without; in the end one of them does it all.
        while try await !first.sealNow("c", threads: 2) { await Task.yield() }
        try await first.close()
        try await second.close()
        let reopened = try EmbeddedStore(directory: scratch.path, settings: settings())
        let facts = try #require(try await reopened.describe("c"))
        #expect(facts.pointCount == Int(Self.count))
        #expect(facts.indexedPointCount == Int(Self.count))
        #expect(facts.segmentCount == 1)
        try await reopened.close()
    }

    @Test func deletedRowsLeaveTheGraphAndTheFileWhenItIsBuiltAnew() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        var quiet = settings()
        quiet.sealsAutomatically = false
        let store = try EmbeddedStore(directory: scratch.path, settings: quiet)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 3)
        let points = try (0..<200 as Range<UInt64>).map { try Sample.point($0, &random) }
        try await store.upsert(points, in: "c")
        try await store.sealNow("c", threads: 1)
        try await store.delete(.ids(points[..<100].map(\.id)), in: "c")
        try await store.upsert([try Sample.point(999, &random)], in: "c")
        try await store.sealNow("c", threads: 1)
        let facts = try #require(try await store.describe("c"))
        #expect(facts.pointCount == 101)
        #expect(facts.indexedPointCount == 101)
        let target = PointQuery.Target.dense(name: "text", Array(repeating: 0.5, count: Sample.dimension))
        let found = try await store.query([PointQuery(target: target, limit: 200)], in: "c")[0].map(\.id)
        #expect(Set(found) == Set(points[100...].map(\.id) + [.number(999)]))
        try await store.close()
    }

    @Test func deletedRowsLeaveTheGraphWhoseLinksAreMended() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let steps = Mutex<[SealingStep]>([])
        var quiet = settings()
        quiet.sealsAutomatically = false
        quiet.observeSealing = { step in steps.withLock { $0.append(step) } }
        let store = try EmbeddedStore(directory: scratch.path, settings: quiet)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 9)
        let points = try (0..<400 as Range<UInt64>).map { try Sample.point($0, &random) }
        try await store.upsert(points, in: "c")
        try await store.sealNow("c", threads: 1)
        let target = PointQuery.Target.dense(name: "text", Array(repeating: 0.5, count: Sample.dimension))
        var left = Set(points.map(\.id))
        // A tenth is not yet too many; with the next ones it is, and so again later.
        for (deleted, segmentRows) in [(0..<40, 400), (40..<80, 320), (80..<116, 284)] {
            let gone = points[deleted].map(\.id)
            left.subtract(gone)
            try await store.delete(.ids(gone), in: "c")
            try await store.sealNow("c", threads: 1)
            #expect(try await vectorCount(scratch) == segmentRows)
            let found = try await store.query([PointQuery(target: target, limit: 400)], in: "c")[0].map(\.id)
            #expect(Set(found) == left)
        }
        // What is written next is inserted into the mended graph, which is read again.
        try await store.upsert([try Sample.point(999, &random)], in: "c")
        try await store.sealNow("c", threads: 1)
        try await store.close()
        let reopened = try EmbeddedStore(directory: scratch.path, settings: quiet)
        let found = try await reopened.query([PointQuery(target: target, limit: 400)], in: "c")[0].map(\.id)
        #expect(Set(found) == left.union([.number(999)]))
        #expect(try await reopened.verify("c").isSound)
        try await reopened.close()
        #expect(
            steps.withLock { $0.filter { $0 == .building || $0 == .merging } } == [
                .building, .merging, .merging, .merging,
            ])
    }

    private func vectorCount(_ scratch: ScratchDirectory) async throws -> Int? {
        try await DatabaseQueue(path: scratch.path + "/c.collection.sqlite").read {
            try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM vectors")
        }
    }

    @Test(.timeLimit(.minutes(1))) func whatIsWrittenWhileAGraphIsBuiltIsSealedWithoutAFurtherWrite() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let gate = SealingGate(.building)
        var settings = settings()
        settings.observeSealing = gate.pass
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 5)
        try await store.upsert((1...60).map { try Sample.point($0, &random) }, in: "c")
        await gate.reached()
        try await store.upsert((61...120).map { try Sample.point($0, &random) }, in: "c")
        gate.open()
        while try await store.describe("c")?.indexedPointCount != 120 { await Task.yield() }
        #expect(try await store.describe("c")?.segmentCount == 1)
        try await store.close()
    }

    @Test(.timeLimit(.minutes(1))) func whatIsDeletedWhileLinksAreMendedLeavesWithoutAFurtherWrite() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        let gate = SealingGate(.merging)
        var settings = settings()
        settings.observeSealing = gate.pass
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 11)
        try await store.upsert((1...300).map { try Sample.point($0, &random) }, in: "c")
        while try await store.describe("c")?.indexedPointCount != 300 { await Task.yield() }
        // A tenth stays in the graph; one more, and it is mended.
        try await store.delete(.ids((1...30).map { .number($0) }), in: "c")
        try await store.delete(.ids([.number(31)]), in: "c")
        await gate.reached()
        try await store.delete(.ids((32...90).map { .number($0) }), in: "c")
        gate.open()
        while try await vectorCount(scratch) != 210 { await Task.yield() }
        #expect(gate.passed == 2)
        try await store.close()
    }

    @Test("Closing returns when a sealing that is under way has given up, so that it meets no closed connection")
    func closingWaits() async throws {
        let scratch = ScratchDirectory()
        let gate = SealingGate(.building)
        let steps = Mutex<[SealingStep]>([])
        var settings = settings()
        settings.observeSealing = { step in
            steps.withLock { $0.append(step) }
            gate.pass(step)
        }
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 9)
        try await store.upsert((1...60).map { try Sample.point($0, &random) }, in: "c")
        await gate.reached()
        let closing = Task { try await store.close() }
        for _ in 0..<100 { await Task.yield() }
        gate.open()
        try await closing.value
        let last = steps.withLock { $0.last }
        #expect(last == .failed || last == .done)
    }

    @Test func deletedRowsLeaveTheFileWhenTheyAreMany() async throws {
        let scratch = ScratchDirectory()
        let steps = Mutex<[SealingStep]>([])
        var settings = settings()
        settings.observeSealing = { step in steps.withLock { $0.append(step) } }
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 7)
        try await store.upsert((1...300).map { try Sample.point($0, &random) }, in: "c")
        while try await !store.sealNow("c", threads: 1) { await Task.yield() }
        try await store.upsert((301...340).map { try Sample.point($0, &random) }, in: "c")
        while try await !store.sealNow("c", threads: 1) { await Task.yield() }
        #expect(try await vectorCount(scratch) == 340)
        // More than three in ten: nothing is flat, and the graph is built again all the same.
        try await store.delete(.ids((1...200).map { .number($0) }), in: "c")
        while try await !store.sealNow("c", threads: 1) { await Task.yield() }
        #expect(try await vectorCount(scratch) == 140)
        // And what was left of a statement by the sealing is in nobody's way.
        try await store.upsert((330...345).map { try Sample.point($0, &random) }, in: "c")
        try await store.delete(.ids([.number(345)]), in: "c")
        #expect(try await store.count(nil, in: "c") == 144)
        #expect(try await store.verify("c").isSound)
        try await store.close()
        let seen = steps.withLock { $0 }
        #expect(seen.contains(.building) && seen.contains(.merging) && !seen.contains(.failed))
    }
}
