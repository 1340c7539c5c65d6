import Foundation
import TestSupport
import Testing
import VectorEngine

@Suite("Opening collections", .timeLimit(.minutes(1)))
struct OpeningTests {
    private let scratch = ScratchDirectory()

    /// What opening reads first is a pipe here, so that the test says how long it takes.
    @Test("A collection that takes long to open holds up no other one")
    func othersGoOn() async throws {
        let schema = Sample.schema
        let before = try EmbeddedStore(directory: scratch.path)
        for name in ["slow", "quick"] {
            try await before.createCollection(name, schema: schema)
            #expect(try await before.describe(name) != nil)
        }
        try await before.close()
        let mark = scratch.path + "/slow.collection.sqlite.mark"
        let bytes = try #require(FileManager.default.contents(atPath: mark))
        try FileManager.default.removeItem(atPath: mark)
        try #require(mkfifo(mark, 0o600) == 0)

        let store = try EmbeddedStore(directory: scratch.path)
        let slow = Task { try await store.describe("slow")?.pointCount }
        // Opens as soon as the other end is being read.
        var writer: Int32 = -1
        while writer < 0 {
            writer = open(mark, O_WRONLY | O_NONBLOCK)
            await Task.yield()
        }
        #expect(try await store.describe("quick")?.pointCount == 0)
        #expect(write(writer, Array(bytes), bytes.count) == bytes.count)
        close(writer)
        #expect(try await slow.value == 0)
        try await store.close()
    }
}
