import Foundation
import JSON
import TestSupport
import Testing
import VectorEngine

/// A payload that is nested deeper than the reader goes is not stored; one that an earlier version has stored is
/// damage of its row alone.
@Suite struct NestedPayloadTests {
    private func payload(depth: Int) -> Payload {
        var value: JSONValue = 1
        for i in 1..<depth { value = i % 3 == 0 ? [value] : .object(["a": value]) }
        return Payload(["a": value])
    }

    private func point(_ id: UInt64, depth: Int) -> Point {
        Point(
            id: .number(id), vectors: PointVectors(dense: ["text": Array(repeating: 1, count: Sample.dimension)]),
            payload: payload(depth: depth))
    }

    @Test(
        "A payload is stored, by whichever write, exactly if it can be read again",
        arguments: [1, 2, 127, 128, 129, 500])
    func depthsThatAreStored(depth: Int) async throws {
        let scratch = ScratchDirectory()
        let store = try EmbeddedStore(directory: scratch.path)
        try await store.createCollection("c", schema: Sample.schema)
        try await store.upsert([point(1, depth: 1)], in: "c")
        let deep = point(2, depth: depth)
        let writes: [@Sendable () async throws -> Void] = [
            { try await store.upsert([deep], in: "c") },
            { try await store.revise(.ids([.number(2)]), in: "c") { _, _ in .replaced(deep) } },
            { try await store.apply([.upsert([deep])], in: "c") },
        ]
        for write in writes {
            if depth <= JSONParser.maximumDepth {
                try await write()
                let stored = try await store.retrieve([.number(2)], with: .payload, in: "c").first
                #expect(stored?.payload == deep.payload)
                #expect(try await store.delete(.ids([.number(2)]), in: "c").affected == 1)
            } else {
                await #expect { try await write() } throws: { ($0 as? EngineError)?.code == .invalidPayload }
            }
        }
        #expect(try await store.count(nil, in: "c") == 1)
        try await store.close()
    }

    @Test("Rows that an earlier version has stored too deep are damaged, and the others are served")
    func rowsOfAnEarlierVersion() async throws {
        let scratch = ScratchDirectory()
        let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Fixtures/nested-payloads")
        try FileManager.default.copyItem(at: fixture, to: URL(fileURLWithPath: scratch.path))
        // The points 2 to 5 have 128, 129, 201 and 601 levels.
        var store = try EmbeddedStore(directory: scratch.path)
        let page = try await store.scroll(ScrollRequest(filter: Filter(), limit: 10), in: "nested")
        #expect(page.points.map(\.id) == [.number(1), .number(2), .number(6)])
        #expect(
            try await store.damagedRows(in: "nested").compactMap(\.id).sorted() == [.number(3), .number(4), .number(5)])
        let receipt = try await store.mergePayload(
            Payload(["met": true]), of: .filter(Filter(must: [.field(PayloadPath("k"), .anyOf([.integer(1)]))])),
            in: "nested")
        #expect(receipt.affected == 3)
        await #expect {
            try await store.revise(.ids([.number(4)]), in: "nested") { _, _ in .unchanged }
        } throws: {
            ($0 as? EngineError)?.code == .damaged
        }
        try await store.upsert(
            [Point(id: .number(3), vectors: PointVectors(dense: ["": [1, 2]]), payload: .empty)], in: "nested")
        #expect(try await store.delete(.ids([.number(4), .number(5)]), in: "nested").affected == 2)
        try await store.close()
        store = try EmbeddedStore(directory: scratch.path)
        #expect(try await store.count(nil, in: "nested") == 4)
        #expect(try await store.damagedRows(in: "nested").isEmpty)
        #expect(try await store.verify("nested").isSound)
        try await store.close()
    }

    @Test("Verifying finds rows that are nested too deep, and a repair sets them aside")
    func verifyingAndRepairing() async throws {
        let scratch = ScratchDirectory()
        let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Fixtures/nested-payloads")
        try FileManager.default.copyItem(at: fixture, to: URL(fileURLWithPath: scratch.path))
        let store = try EmbeddedStore(directory: scratch.path)
        let report = try await store.verify("nested")
        #expect(report.findings.isEmpty)
        #expect(report.damagedRows.compactMap(\.id).sorted() == [.number(3), .number(4), .number(5)])
        // The log that was shipped has the rows as they are.
        let location = scratch.path + "/backups"
        _ = try await store.shipLog(to: location)
        let receipt = try await store.repair("nested", report, backups: location)
        #expect(receipt.restored == 0)
        #expect(receipt.setAside.compactMap { $0 }.sorted() == [.number(3), .number(4), .number(5)])
        #expect(try await store.verify("nested").isSound)
        // All points without a filter, and what is left of them with one.
        for filter in [nil, Filter(), Filter(mustNot: [.hasID([.number(9)])])] {
            let page = try await store.scroll(ScrollRequest(filter: filter, limit: 10), in: "nested")
            #expect(page.points.map(\.id) == [.number(1), .number(2), .number(6)])
        }
        #expect(try await store.damagedRows(in: "nested").isEmpty)
        try await store.close()
    }

    @Test("A page of all points leaves a damaged one out, names it, and says where the next page begins")
    func pagesBesideDamage() async throws {
        let scratch = ScratchDirectory()
        let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Fixtures/nested-payloads")
        try FileManager.default.copyItem(at: fixture, to: URL(fileURLWithPath: scratch.path))
        let store = try EmbeddedStore(directory: scratch.path)
        var (found, pages, start): ([PointID], Int, PointID?) = ([], 0, nil)
        repeat {
            let (page, damaged) = try await store.knowingDamage(in: "nested") { [start] in
                try await store.scroll(ScrollRequest(limit: 2, startAt: start), in: "nested")
            }
            found += page.points.map(\.id)
            pages += 1
            start = page.next
            if page.points.count < 2 { #expect(!damaged.isEmpty) }
        } while start != nil
        #expect(found == [.number(1), .number(2), .number(6)] && pages == 3)
        #expect(
            try await store.damagedRows(in: "nested").compactMap(\.id) == [.number(3), .number(4), .number(5)])
        try await store.close()
    }
}
