import Foundation
import Logging
import Synchronization
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

/// Keeps the first line that is logged.
private final class LogRecorder: LogHandler {
    private let lines: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    var metadata: Logger.Metadata {
        get { [:] }
        set { _ = newValue }
    }
    var logLevel: Logger.Level {
        get { .trace }
        set { _ = newValue }
    }

    init() { (lines, continuation) = AsyncStream.makeStream() }

    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set { _ = newValue }
    }

    func log(event: LogEvent) {
        let metadata = (event.metadata ?? [:]).map { "\($0)=\($1)" }.sorted().joined(separator: " ")
        continuation.yield("\(event.message) \(metadata)")
    }

    func first() async -> String {
        for await line in lines { return line }
        return ""
    }
}
