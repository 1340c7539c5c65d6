import TestSupport
import Testing
import VectorEngine

/// Which searches may be answered on a thread that must not be held up.
@Suite struct PromptSearchTests {
    @Test("A search is prompt when it is short and nothing has to be read for it, whichever process wrote last")
    func promptness() async throws {
        let scratch = ScratchDirectory()
        defer { withExtendedLifetime(scratch) {} }
        var settings = EngineSettings()
        settings.sealsAutomatically = false
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        var random = SplitMix(seed: 31)
        try await store.upsert((1...40).map { try Sample.point($0, &random) }, in: "c")
        let collection = try await store.openCollection("c")
        func isPrompt(
            limit: Int = 5, breadth: Int? = nil, name: String = "text", hasPayloads: Bool = true
        ) -> Bool {
            collection.settledView?.isPrompt(
                name: name, limit: limit, breadth: breadth, codes: CodeSearch(), hasPayloads: hasPayloads) ?? false
        }
        // Nobody has looked yet whether another process has written.
        #expect(!isPrompt())
        func catchUp() async throws {
            _ = try await store.query(
                [PointQuery(target: .dense(name: "text", Sample.vector(&random)), limit: 1)], in: "c")
        }
        try await catchUp()
        #expect(isPrompt())
        #expect(!isPrompt(name: "absent"))

        let other = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await other.upsert([try Sample.point(41, &random)], in: "c")
        #expect(!isPrompt(), "a commit of another process has not been read")
        try await catchUp()
        #expect(isPrompt())

        // A graph's share of the work is its breadth, a scan's the floats it reads.
        while try await !store.sealNow("c", threads: 1) { await Task.yield() }
        try await catchUp()
        #expect(isPrompt(hasPayloads: false) && !isPrompt(), "the payloads of the stored segment are in the file")
        try await EmbeddedStore.blocking { try collection.keepContents() }
        #expect(isPrompt())
        #expect(!isPrompt(breadth: 100_000) && !isPrompt(limit: 100_000))
        try await other.close()
        try await store.close()
    }
}
