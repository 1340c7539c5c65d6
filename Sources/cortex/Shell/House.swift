import ArgumentParser
import Embedding
import Files
import Foundation
import Memory
import Outbound
import VectorEngine

/// The rooms, built from the options and joined: the one place that knows them all.
struct House: Sendable {
    static let collection = "memories"

    let directory: String
    let points: EmbeddedStore
    let memory: MemoryStore
    let scope: MemoryScope
    /// Where vectors come from; nil where words alone are searched.
    let embedder: (any Embedder)?

    /// Opens nothing yet: files and the model are touched by the first call that needs them.
    init(_ options: HouseOptions) throws {
        directory = options.directory
        scope = options.scope
        points = try EmbeddedStore(
            directory: options.directory,
            settings: try StoreOptions.engineSettings(backupLocation: options.backupLocation))
        points.startUpkeep()
        let remote = try Self.remoteEmbedder(options)
        let builtIn: MiniLM? = options.embedder == .builtin && MiniLM.isPresent ? MiniLM() : nil
        embedder = remote ?? builtIn
        memory = MemoryStore(
            points: points, collection: Self.collection, embedder: embedder, lexical: .bm25(),
            now: { WallClock.microseconds() }, random: { UInt64.random(in: .min ... .max) },
            backUp: Self.backUp(points, directory: options.directory, location: options.backupLocation))
    }

    /// Copies every collection, as `cortex backup create` does, and answers where the backup is. It begins no log: that
    /// is for whoever asks for one.
    private static func backUp(
        _ points: EmbeddedStore, directory: String, location: String
    ) -> @Sendable () async throws -> String {
        {
            let names = try await points.collectionNames()
            let manifest = try await EmbeddedStore.blocking {
                try BackupArchive(location: location).create(
                    ofDirectory: directory, collections: names, beginsLog: false, now: WallClock.microseconds)
            }
            return location + "/" + manifest.name
        }
    }

    /// What a server does beside its calls: brings a store of an earlier version up to date, and removes what has
    /// expired, until it is cancelled. Neither changes what is found meanwhile.
    func tend() async {
        var isUpToDate = false
        while !Task.isCancelled {
            do {
                if !isUpToDate, try await hasMemories { isUpToDate = try await memory.upgrade(points) != nil }
                try await Task.sleep(for: Self.sweepInterval)
                try await memory.sweep()
            } catch is CancellationError {
                return
            } catch {
                // The next round tries again; a store that cannot be written says so to the calls that write.
                do {
                    try await Task.sleep(for: Self.sweepInterval)
                } catch {
                    return
                }
            }
        }
    }

    /// How long after the start, and how often, what has expired is removed. It is never found before that either.
    private static let sweepInterval: Duration = .seconds(600)

    /// Whether anything was ever stored; asking makes nothing.
    var hasMemories: Bool {
        get async throws { try await points.collectionNames().contains(Self.collection) }
    }

    /// Indexes what a large import or a re-embedding has left flat, so that the next search walks a graph.
    func index() async throws {
        guard let facts = try await points.describe(Self.collection),
            facts.pointCount - facts.indexedPointCount >= EngineSettings().sealThreshold
        else { return }
        let bar = Shared(ProgressBar("indexing"))
        let rows = facts.pointCount
        try await points.sealNow(Self.collection) { done in bar.withLock { $0.show(done, of: rows) } }
        bar.withLock { $0.finish() }
    }

    /// Closes the files.
    func close() async throws { try await points.close() }

    private static func remoteEmbedder(_ options: HouseOptions) throws -> OpenAIEmbedder? {
        guard options.embedder == .openai else { return nil }
        let environment = Environment.current
        guard let model = options.embeddingModel ?? environment.embeddingModel else {
            throw ValidationError("--embedder openai needs --embedding-model or EMBEDDING_MODEL")
        }
        guard let base = options.embeddingURL ?? environment.openAIBaseURL else {
            throw ValidationError("--embedder openai needs --embedding-url or OPENAI_BASE_URL")
        }
        return try OpenAIEmbedder(
            settings: OpenAIEmbedder.Settings(
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
