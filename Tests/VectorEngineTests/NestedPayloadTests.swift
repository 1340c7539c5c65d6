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
}
