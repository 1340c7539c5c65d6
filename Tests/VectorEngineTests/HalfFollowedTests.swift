import GRDB
import JSON
import TestSupport
import Testing
import VectorEngine
import Vectors

/// A view that has taken some of another process's changes when the file fails, and not the others.
@Suite struct HalfFollowedTests {
    private let scratch = ScratchDirectory()

    private func store() throws -> EmbeddedStore {
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        return try EmbeddedStore(directory: scratch.path, settings: settings)
    }

    /// Another process's hand in the file.
    private func execute(_ sql: String) async throws {
        let queue = try DatabaseQueue(path: scratch.path + "/c.collection.sqlite")
        try await queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }

    private func point(_ id: UInt64, _ word: String) -> Point {
        Point(
            id: .number(id), vectors: PointVectors(dense: ["text": Array(repeating: 1, count: Sample.dimension)]),
            payload: Payload(["word": .string(word)]))
    }

    private func words(_ store: EmbeddedStore) async throws -> [PointID: String?] {
        // With a filter, so that the view answers.
        let page = try await store.scroll(
            ScrollRequest(filter: Filter(mustNot: [.hasID([.number(999)])]), limit: 100), in: "c")
        return Dictionary(page.points.map { ($0.id, $0.payload.object["word"]?.stringValue) }) { $1 }
    }

    @Test(
        "What the log says before a failure and behind it is in the next view",
        arguments: [false, true], [false, true])
    func aFailureBetweenDeletesAndRows(changesSchema: Bool, writes: Bool) async throws {
        let (writer, follower) = (try store(), try store())
        try await writer.createCollection("c", schema: Sample.schema)
        try await writer.upsert((1...20).map { point($0, "old") }, in: "c")
        #expect(try await words(follower).count == 20)
        // The deletes are later changes than the new version, so that a view with them looks as if it had all.
        try await writer.upsert([point(5, "new")], in: "c")
        if changesSchema {
            // One that views take over as they are.
            try await writer.redefine("c") { $0.schema.sparse["lexical"] = SparseVectorSchema(usesIDF: false) }
        }
        try await writer.delete(.ids([.number(7)]), in: "c")
        try await execute("ALTER TABLE vectors RENAME TO hidden")
        await #expect(throws: EngineError.self) { try await words(follower) }
        try await execute("ALTER TABLE hidden RENAME TO vectors")
        if writes {
            // A write of its own goes on from the view.
            try await follower.upsert([point(6, "own")], in: "c")
        }
        var expected: [PointID: String?] = [:]
        for id in UInt64(1)...20 where id != 7 {
            expected[.number(id)] = id == 5 ? "new" : id == 6 && writes ? "own" : "old"
        }
        for one in [follower, writer] { #expect(try await words(one) == expected) }
        #expect(try await follower.damagedRows(in: "c").isEmpty)
        let schemas = [try await follower.describe("c")?.schema, try await writer.describe("c")?.schema]
        #expect(schemas[0] == schemas[1])
        for one in [follower, writer] { try await one.close() }
    }
}
