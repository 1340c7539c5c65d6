import ArgumentParser
import Embedding
import Foundation
import Memory
import RemoteEmbedding
import VectorEngine

/// The rooms, built from the options and joined: the one place that knows them all.
struct House: Sendable {
    static let collection = "memories"

    let directory: String
    let points: EmbeddedStore
    let memory: MemoryStore
    let scope: MemoryScope
    private let remote: OpenAIEmbedder?

    /// Opens nothing yet: files and the model are touched by the first call that needs them.
    init(_ options: HouseOptions) throws {
        directory = options.directory
        scope = options.scope
        points = try EmbeddedStore(
            directory: options.directory,
            settings: try StoreOptions.engineSettings(backupLocation: options.backupLocation))
        points.startUpkeep()
        remote = try Self.remoteEmbedder(options)
        let builtIn: MiniLM? = options.embedder == .builtin && MiniLM.isPresent ? MiniLM() : nil
        memory = MemoryStore(
            points: points, collection: Self.collection, embedder: remote ?? builtIn, lexical: .bm25(),
            now: { Self.microseconds() }, random: { UInt64.random(in: .min ... .max) })
    }

    /// Whether anything was ever stored; asking makes nothing.
    var hasMemories: Bool {
        get async throws { try await points.collectionNames().contains(Self.collection) }
    }

    /// Closes the files and, where there is one, the connection to the embedding service.
    func close() async throws {
        try await points.close()
        try await remote?.close()
    }

    static func microseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    private static func remoteEmbedder(_ options: HouseOptions) throws -> OpenAIEmbedder? {
        guard options.embedder == .openai else { return nil }
        let environment = Environment.current
        guard let model = options.embeddingModel ?? environment.embeddingModel else {
            throw ValidationError("--embedder openai needs --embedding-model or EMBEDDING_MODEL")
        }
        guard let base = options.embeddingURL ?? environment.openAIBaseURL else {
            throw ValidationError("--embedder openai needs --embedding-url or OPENAI_BASE_URL")
        }
        return try OpenAIEmbedder.connected(
            OpenAIEmbedder.Settings(
                baseURL: base, apiKey: environment.openAIKey ?? "", model: model,
                dimension: options.embeddingDimension))
    }

    /// Runs `body` with a house and closes its store; errors of the rooms end the command with their own exit code.
    static func visit(_ options: HouseOptions, _ body: (House) async throws -> Void) async throws {
        do {
            let house = try House(options)
            do {
                try await body(house)
            } catch {
                try await house.close()
                throw error
            }
            try await house.close()
        } catch let error as MemoryError {
            let place = error.field.map { "\($0): " } ?? ""
            throw CommandFailure(code: error.code.rawValue, message: place + error.message)
        } catch let error as EngineError {
            throw CommandFailure(code: error.code.rawValue, message: error.message)
        } catch let error as EmbeddingError {
            throw CommandFailure(code: error.code.rawValue, message: error.message)
        }
    }
}

/// A failure as a command ends with it: one line on stderr, exit code 1.
struct CommandFailure: Error, CustomStringConvertible {
    let code: String
    let message: String

    var description: String { "\(message) [\(code)]" }
}
