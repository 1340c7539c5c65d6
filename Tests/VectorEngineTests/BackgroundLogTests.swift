import Foundation
import Logging
import TestSupport
import Testing
import VectorEngine

@Suite("What the background could not do")
struct BackgroundLogTests {
    private let scratch = ScratchDirectory()

    @Test("A sealing that fails is logged with its consequence, the error's code and no stored text")
    func failedSealing() async throws {
        let recorder = LogRecorder()
        var settings = EngineSettings()
        settings.sealThreshold = 10
        settings.logger = Logger(label: "test") { _ in recorder }
        let store = try EmbeddedStore(directory: scratch.path, settings: settings)
        try await store.createCollection("c", schema: Sample.schema)
        // A folder where the lease's file should be: it can never be taken.
        try FileManager.default.createDirectory(
            atPath: scratch.path + "/c.collection.sqlite.lease", withIntermediateDirectories: false)
        var random = SplitMix(seed: 1)
        try await store.upsert((0..<20).map { try Sample.point($0, &random) }, in: "c")
        let line = await recorder.first()
        #expect(line.contains("searched exactly"))
        #expect(line.contains("code=outcomeUnknown"))
        #expect(!line.contains("scope"))
        try await store.close()
    }
}
