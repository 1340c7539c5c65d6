import ArgumentParser
import Embedding
import Files
import Foundation
import MCP
import Memory
import Operations
import QdrantAdapter
import Serving
import Synchronization
import VectorEngine

/// `cortex serve`: the doors for other programs: Qdrant's REST API, and one that tells whether the process is well.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve the vector store over HTTP, as Qdrant does.",
        discussion: """
            Every client of Qdrant's REST API talks to this server unchanged; docs/qdrant.md says what differs.
            Off loopback a key is needed: CORTEX_API_KEY, and CORTEX_READ_ONLY_API_KEY for readers. Without a key the \
            server answers only requests to localhost, 127.0.0.0/8 or [::1] that no page of another origin has sent, \
            and takes bodies of application/json alone. The memories are not served unless --serve-memories is given.
            """)

    @OptionGroup var place: DataOption

    @Option(help: "The address to listen on.")
    var host: String = "127.0.0.1"

    @Option(help: ArgumentHelp("Port of Qdrant's REST API; 0 lets the system choose.", valueName: "n"))
    var qdrantPort: Int = 6333

    @Option(
        help: ArgumentHelp(
            "Port of the health door (/healthz, /livez, /readyz), which needs no key; none unless given.",
            discussion: "MCP over HTTP is not in this version: clients start `cortex mcp`.", valueName: "n"))
    var port: Int?

    @Flag(inversion: .prefixedNo, help: "Accept tokens (JWT, HS256) signed with the API key.")
    var tokens = true

    @Flag(
        help: ArgumentHelp(
            "Serve the memory's own collections (memories, memories.history) too.",
            discussion: "Every client of the server can then read, change and delete the memories as points."))
    var serveMemories = false

    func validate() throws {
        guard (0...65_535).contains(qdrantPort) else { throw ValidationError("--qdrant-port is 0 to 65535") }
        guard port.map({ (0...65_535).contains($0) }) ?? true else { throw ValidationError("--port is 0 to 65535") }
        guard isLoopback || Environment.current.apiKey != nil else {
            throw ValidationError("--host \(host) can be reached from outside; set CORTEX_API_KEY first")
        }
    }

    private var isLoopback: Bool { LoopbackName.contains(host) }

    func run() async throws {
        let openFiles = OpenFileLimit.raise()
        let environment = Environment.current
        let directory = place.directory
        let store = try environment.store(in: directory, for: .serving)
        let access = AccessControl(
            apiKeys: environment.apiKey.map { [$0] } ?? [], readOnlyKey: environment.readOnlyAPIKey,
            acceptsTokens: tokens)
        let service = QdrantAPI(
            store: store, access: access,
            stemmers: ["english": { String(decoding: Porter2.stem(Array($0.utf8)), as: UTF8.self) }],
            withheld: serveMemories ? [] : MemoryStore.collectionNames(of: House.collection))
        var door = HTTPDoor(host: host, port: qdrantPort, hasKey: !access.isOpen)
        door.isStreamed = QdrantAPI.isUpload
        // The other half is for the files of collections.
        door.connectionLimit = min(ServingLimits.connections, max(1, openFiles / 2))
        let (shown, qdrantDoor) = (host, door)
        let healthDoor = port.map { port in
            var door = HTTPDoor(host: shown, port: port, hasKey: !access.isOpen)
            // However long requests to the other door take, this one answers at once.
            door.hasOwnThread = true
            door.connectionLimit = ServingLimits.healthConnections
            return door
        }
        let serving = Task {
            try await withThrowingTaskGroup(of: Void.self) { doors in
                doors.addTask {
                    try await qdrantDoor.serve(
                        opened: { Self.say("Qdrant's REST API at http://\(shown):\($0), data in \(directory)") },
                        service.respond)
                }
                if let healthDoor {
                    doors.addTask {
                        try await healthDoor.serve(
                            opened: { Self.say("health at http://\(shown):\($0)/healthz") }
                        ) { Self.health($0, service) }
                    }
                }
                doors.addTask { await Self.open(service) }
                try await doors.waitForAll()
            }
        }
        // One listener for all doors: each is told.
        try ShutdownSignals.listen { serving.cancel() }
        do {
            try await serving.value
        } catch let error as DoorError {
            try await store.close()
            throw CommandFailure(code: error.isBusy ? "portBusy" : "address", message: error.message)
        }
        try await store.close()
    }

    private static func say(_ text: String) {
        FileHandle.standardError.write(Data("cortex serves \(text)\n".utf8))
    }

    /// Opens the collections, so that `/readyz` says when the first requests will be fast.
    private static func open(_ service: QdrantAPI) async {
        do {
            try await service.openCollections { name, error in
                guard let error else { return }
                note("collection '\(name)' cannot be opened, requests to it are refused: \(error)")
            }
        } catch is CancellationError {
            // The server ends.
        } catch {
            note("the collections cannot be listed, /readyz stays at 503: \(error)")
        }
    }

    private static func note(_ text: String) {
        FileHandle.standardError.write(Data("cortex: \(text)\n".utf8))
    }

    /// Whether the process answers at all, and whether its first answers will be fast.
    private static func health(_ call: HTTPCall, _ service: QdrantAPI) -> HTTPAnswer {
        switch call.path {
        case ["healthz"], ["livez"]: .text("\(call.path[0]) check passed", status: 200)
        case ["readyz"]: service.readinessAnswer
        default: .text("this door has /healthz, /livez and /readyz; MCP is served by: cortex mcp", status: 404)
        }
    }
}
