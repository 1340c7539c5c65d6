import ArgumentParser
import Embedding
import Foundation
import JSON
import Operations
import Outbound
import QdrantAdapter
import Serving
import VectorEngine

/// `cortex import`: memories, or a Qdrant's collections.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Bring memories or collections here.",
        subcommands: [ImportMemoriesCommand.self, ImportQdrantCommand.self, ImportQdrantSnapshotCommand.self],
        defaultSubcommand: ImportMemoriesCommand.self)
}

/// `cortex export`: memories, or collections into a Qdrant.
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Take memories or collections elsewhere.",
        subcommands: [ExportMemoriesCommand.self, ExportQdrantCommand.self],
        defaultSubcommand: ExportMemoriesCommand.self)
}

struct ImportQdrantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qdrant", abstract: "Import collections from a Qdrant over REST, or from files.",
        discussion: """
            Carries configuration, vectors of every kind, payloads, payload indexes, aliases and metadata, then compares
            counts and a sample. Run again after an interruption, it goes on where it was. The other side's key is read
            from QDRANT_API_KEY. With --file they come from a directory that `cortex export qdrant --file` has written:
            NAME.jsonl holds a point a line, NAME.json the configuration, payload indexes and aliases.
            """)

    @OptionGroup var options: MigrationFlags

    @Option(
        help: ArgumentHelp(
            "A payload member whose text is embedded by the model in this binary, in place of vectors of its length "
                + "that are zero or one number throughout.", valueName: "path"))
    var embedFrom: String?

    func run() async throws { try await options.run(.inward, renewal: try renewal()) }

    private func renewal() throws -> VectorRenewal? {
        guard let embedFrom else { return nil }
        guard MiniLM.isPresent else {
            throw CommandFailure(
                code: "noModel", message: "this binary was built without a model; --embed-from needs one")
        }
        let model = MiniLM()
        do {
            return try VectorRenewal(path: embedFrom, dimension: model.identity.dimension, embed: model.embed)
        } catch {
            throw ValidationError("--embed-from: \(error.message)")
        }
    }
}

struct ExportQdrantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qdrant", abstract: "Export collections to a Qdrant over REST, or to files.",
        discussion: "The reverse of `cortex import qdrant`, with the same flags.")

    @OptionGroup var options: MigrationFlags

    func run() async throws { try await options.run(.outward, renewal: nil) }
}

/// `cortex import qdrant-snapshot`: says why not, and what to do instead.
struct ImportQdrantSnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qdrant-snapshot", abstract: "Refuse a snapshot file of Qdrant, and say what to do instead.",
        discussion: """
            The layout inside a snapshot belongs to one release of Qdrant and is documented nowhere. Start that release,
            restore the snapshot there, and run: cortex import qdrant URL
            """)

    @Argument(help: "The snapshot file.")
    var file: String

    @Option(help: ArgumentHelp("The data directory.", valueName: "dir"))
    var data: String?

    func run() throws {
        guard FileManager.default.isReadableFile(atPath: file) else {
            throw CommandFailure(code: "not_found", message: "\(file) cannot be read")
        }
        throw CommandFailure(
            code: "unsupported",
            message:
                "\(file): Qdrant's snapshots are not read, their layout belongs to one release. Start that release, "
                + "restore the snapshot there, and run: cortex import qdrant URL")
    }
}

/// Flags of both directions.
struct MigrationFlags: ParsableArguments {
    @Argument(help: "The other side, for example http://127.0.0.1:6333; none with --file.")
    var url: String?

    @Option(
        help: ArgumentHelp(
            "A directory of files (NAME.jsonl, NAME.json) in the place of the other side.", valueName: "dir"))
    var file: String?

    @OptionGroup var place: DataOption

    @Option(help: ArgumentHelp("A collection to move; may be given several times. Default: all.", valueName: "name"))
    var collection: [String] = []

    @Option(help: ArgumentHelp("Points of one page.", valueName: "n"))
    var pageSize: Int = 256

    @Option(help: ArgumentHelp("Points to compare afterwards.", valueName: "n"))
    var sample: Int = 100

    @Option(help: ArgumentHelp("Collections to move side by side.", valueName: "n"))
    var parallel: Int = 2

    @Flag(help: "Print the report as one JSON object.")
    var json = false

    func validate() throws {
        guard (url == nil) != (file == nil) else { throw ValidationError("give a URL or --file, one of them") }
        guard (1...10_000).contains(pageSize) else { throw ValidationError("--page-size is 1 to 10000") }
        guard (0...10_000).contains(sample) else { throw ValidationError("--sample is 0 to 10000") }
        guard (1...64).contains(parallel) else { throw ValidationError("--parallel is 1 to 64") }
    }

    enum Direction { case inward, outward }

    func run(_ direction: Direction, renewal: VectorRenewal?) async throws {
        if let file {
            try await run(direction, over: Environment.current.absolute(file), renewal)
        } else {
            try await runOverREST(direction, renewal)
        }
    }

    private func runOverREST(_ direction: Direction, _ renewal: VectorRenewal?) async throws {
        let moved: [MigratedCollection] = try await withLocal { local, _, directory in
            let remote = try RemoteQdrant(url: url ?? "", apiKey: Environment.current.qdrantAPIKey)
            let ends: (source: any QdrantPeer, target: any QdrantPeer) =
                direction == .inward ? (remote, local) : (local, remote)
            var options = MigrationOptions(stateDirectory: directory + "/migrations")
            options.collections = collection
            options.pageSize = pageSize
            options.sampleSize = sample
            options.parallel = parallel
            options.renewal = renewal
            return try await Migration(from: ends.source, to: ends.target, options, progress: Self.progress).run()
        }
        show(moved)
        guard moved.allSatisfy(\.isWhole) else {
            throw CommandFailure(code: "differing", message: "not everything arrived; run the command again")
        }
    }

    /// The road over files in a directory.
    private func run(_ direction: Direction, over file: String, _ renewal: VectorRenewal?) async throws {
        let moved: [JSONLinesRoad.Moved] = try await withLocal { local, store, _ in
            let road = JSONLinesRoad(directory: file, pageSize: pageSize, renewal: renewal, store: store)
            return direction == .inward
                ? try await road.read(into: local, collection) : try await road.write(from: local, collection)
        }
        guard !json else { return print(JSONWriter.text(["collections": .array(moved.map(\.json))])) }
        for one in moved {
            print("\(one.name): \(one.points) points" + (one.renewed > 0 ? ", \(one.renewed) with a new vector" : ""))
        }
    }

    /// The store of the data directory as a peer, closed again afterwards.
    private func withLocal<Result>(
        _ body: (QdrantAPI, EmbeddedStore, _ directory: String) async throws -> Result
    ) async throws -> Result {
        let directory = place.directory
        do {
            let store = try Environment.current.store(in: directory, for: .writing)
            let local = QdrantAPI(
                store: store, access: AccessControl(apiKeys: [], readOnlyKey: nil, acceptsTokens: false), stemmers: [:])
            let result = try await body(local, store, directory)
            try await store.close()
            return result
        } catch let error as EngineError {
            throw CommandFailure(code: error.code.rawValue, message: error.message)
        } catch let error as OutboundError {
            throw CommandFailure(code: error.code.rawValue, message: error.message)
        } catch let failure as QdrantFailure {
            throw CommandFailure(code: "refused", message: failure.text)
        }
    }

    /// One line that is written over, on a terminal alone.
    private static let progress: @Sendable (String, Int, Int) -> Void = { name, done, total in
        guard isatty(2) == 1 else { return }
        FileHandle.standardError.write(Data("\r\(name): \(done) of \(total) points".utf8))
    }

    private func show(_ moved: [MigratedCollection]) {
        guard !json else {
            print(JSONWriter.text(["collections": .array(moved.map(\.json))]))
            return
        }
        for one in moved {
            let verdict = one.isWhole ? "identical in \(one.compared) comparisons" : "DIFFERS"
            print("\(one.name): \(one.targetCount) of \(one.sourceCount) points, \(verdict)")
            for difference in one.differing { print("  differs: \(difference)") }
            if one.emptyVectors > 0 {
                print("  \(one.emptyVectors) points have a vector that says nothing, \(one.renewed) got a new one")
            }
            for note in one.notes { print("  \(note)") }
        }
    }
}
