import Embedding
import Files
import Foundation
import Logging
import Memory
import Outbound
import VectorEngine

/// The rooms, built from the options and joined: the one place that knows them all.
package struct House: Sendable {
    package static let collection = "memories"

    package let directory: String
    package let points: EmbeddedStore
    package let memory: MemoryStore
    package let scope: MemoryScope
    /// Where vectors come from; nil where words alone are searched.
    package let embedder: (any Embedder)?

    /// Opens nothing yet: files and the model are touched by the first call that needs them.
    package init(_ settings: HouseSettings) throws {
        directory = settings.directory
        scope = settings.scope
        points = try settings.environment.store(in: directory, for: .serving)
        let remote = try settings.remoteEmbedder()
        let builtIn: MiniLM? = settings.embedder == .builtin && MiniLM.isPresent ? MiniLM() : nil
        embedder = remote ?? builtIn
        memory = MemoryStore(
            points: points, collection: Self.collection, embedder: embedder, lexical: .bm25(),
            settings: try settings.memorySettings(), now: { WallClock.microseconds() },
            random: { UInt64.random(in: .min ... .max) },
            backUp: Self.backUp(points, directory: directory, location: settings.backupLocation),
            eraser: Self.eraser(points))
    }

    private static func eraser(_ points: EmbeddedStore) -> Eraser {
        Eraser(
            compact: { try await points.compact($0) }, backups: { try await points.backups(since: $0) })
    }

    /// Copies every collection, as `cortex backup create` does, and answers where the backup is. It begins no log; the
    /// log begins when a user asks for one.
    private static func backUp(
        _ points: EmbeddedStore, directory: String, location: String
    ) -> @Sendable () async throws -> String {
        {
            let names = try await points.collectionNames()
            let manifest = try await EmbeddedStore.blocking {
                try BackupArchive(location: location).create(
                    ofDirectory: directory, collections: names, beginsLog: false, now: WallClock.microseconds)
            }
            if let complaint = manifest.complaint { throw complaint }
            return location + "/" + manifest.name
        }
    }

    /// What a server does beside its calls, until it is cancelled: brings a store of an earlier version up to date,
    /// computes vectors that are missing because the embedder did not answer, and removes what has expired.
    package func tend() async {
        var isUpToDate = false
        var rounds = 0
        while !Task.isCancelled {
            do {
                if !isUpToDate, try await hasMemories, let report = try await memory.upgrade(points) {
                    isUpToDate = true
                    if report.removedExpiries > 0 {
                        Self.logger.notice(
                            "expiries that nobody had asked for were removed: these memories are permanent now",
                            metadata: ["memories": "\(report.removedExpiries)"])
                    }
                }
                try await Task.sleep(for: Self.pendingInterval)
                try await memory.embedPending()
                rounds += 1
                if rounds % Self.sweepRounds == 0 { try await memory.sweep() }
            } catch is CancellationError {
                return
            } catch {
                Self.logger.warning(
                    "upkeep of the memories failed; expired ones are not found, and the next round tries again",
                    metadata: ["error": "\(HealthCheck.text(of: error))", "directory": "\(directory)"])
                do {
                    try await Task.sleep(for: Self.pendingInterval)
                } catch {
                    return
                }
            }
        }
    }

    private static let logger = Logger(label: "cortex.house")

    /// How often vectors are computed that are missing because the embedder did not answer.
    private static let pendingInterval: Duration = .seconds(30)
    /// After so many of these rounds what has expired is removed. It is never found before that either.
    private static let sweepRounds = 20

    /// Whether anything was ever stored; asking makes nothing.
    package var hasMemories: Bool {
        get async throws { try await points.collectionNames().contains(Self.collection) }
    }

    /// Indexes what a large import or a re-embedding has left flat, so that the next search walks a graph.
    ///
    /// - Parameter progress: rows done, and all of them.
    package func index(progress: @escaping @Sendable (Int, Int) -> Void) async throws {
        guard let facts = try await points.describe(Self.collection),
            facts.pointCount - facts.indexedPointCount >= EngineSettings().sealThreshold
        else { return }
        let rows = facts.pointCount
        try await points.sealNow(Self.collection) { progress($0, rows) }
    }

    /// Closes the files.
    package func close() async throws { try await points.close() }
}
