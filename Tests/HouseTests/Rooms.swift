/// One target, and what it may import. The whole table is `Room.all`.
struct Room: Sendable {
    let name: String
    /// The rooms it stands on directly; what these stand on is allowed as well, since it is further down.
    var standsOn: [String] = []
    /// Modules of packages and of the system; `NIO*` stands for all that begin so.
    var modules: [String] = []
    var isC = false
    /// Its folders from the lowest layer up, where they are layers: a file uses types of its own and lower ones.
    var layers: [String] = []
    /// Its folders where they are no layers.
    var peers: [String] = []

    /// The table of rooms. Who adds a room, or an arrow, adds it here and in the design's table.
    static let all: [Room] = [
        // Ground.
        Room(name: "CKernels", isC: true),
        Room(name: "CBLAS", isC: true),
        Room(name: "CModel", isC: true),
        Room(name: "CTransformer", isC: true),
        Room(name: "JSON", modules: ["OrderedCollections"]),
        Room(name: "Files", modules: cLibrary + ["Foundation", "Synchronization"]),
        // The index: no Foundation, no JSON.
        Room(
            name: "Vectors", standsOn: ["CKernels", "CBLAS"], modules: cLibrary,
            layers: ["Kernels", "Rows", "Codes", "Search"]),
        Room(
            name: "HNSW", standsOn: ["Vectors"], modules: cLibrary + ["Dispatch", "Synchronization"],
            layers: ["Graph", "Search", "Build", "Format"]),
        // The store and the models.
        Room(name: "Points", standsOn: ["HNSW", "JSON"], modules: system, peers: ["Filtering"]),
        Room(
            name: "VectorEngine", standsOn: ["Points", "Files"],
            modules: system + collections + ["Crypto", "GRDB", "GRDBSQLite", "Logging"],
            layers: [
                "File", "Log", "Indexes", "Segments", "Search", "Collection", "Recovery", "Store",
            ]),
        Room(
            name: "Embedding", standsOn: ["Vectors", "JSON", "CModel", "CTransformer"], modules: system + collections,
            layers: ["Model", "Lexical"]),
        Room(
            name: "Outbound", standsOn: ["Embedding", "Files", "JSON"],
            modules: system + ["AsyncHTTPClient", "Logging", "NIOCore", "NIOHTTP1"], peers: ["OpenAI", "Qdrant"]),
        // What the users meet.
        Room(
            name: "Memory", standsOn: ["VectorEngine", "Embedding"], modules: system + collections + ["Crypto"],
            layers: ["Model", "Contract", "Storing", "Finding", "Upkeep", "Exchange", "Store"]),
        Room(
            name: "Serving", standsOn: ["JSON"], modules: system + ["Crypto", "NIO*"],
            peers: ["Door", "Access", "Limits", "Middleware", "Metrics"]),
        Room(
            name: "QdrantAdapter", standsOn: ["VectorEngine", "Outbound", "Serving"],
            modules: system + collections + ["Crypto", "Logging"],
            layers: ["Model", "Core", "JSON", "REST", "Migration"]),
        Room(
            name: "MCP", standsOn: ["JSON"], modules: system + collections + ["Logging"], peers: ["Stdio", "Client"]),
        Room(name: "MCPServer", standsOn: ["Memory", "MCP"], modules: system + collections + ["Logging"]),
        Room(
            name: "Operations", standsOn: ["Memory", "Outbound", "CBLAS"], modules: system + collections + ["Logging"],
            peers: ["Settings", "House", "Health", "Clients"]),
        // The programs.
        Room(
            name: "Bench", standsOn: ["MCP", "Memory"],
            modules: system + collections + ["ArgumentParser", "GRDB", "GRDBSQLite"]),
        Room(name: "BenchMain", standsOn: ["Bench"]),
        Room(
            name: "cortex", standsOn: ["MCPServer", "QdrantAdapter", "Operations", "Bench"],
            modules: system + collections + ["ArgumentParser", "Logging", "ServiceLifecycle"],
            peers: ["Memory", "Upkeep", "Serve", "Shell"]),
    ]

    private static let cLibrary = ["Glibc", "Musl", "Darwin", "Accelerate"]
    private static let system = cLibrary + ["Dispatch", "Foundation", "FoundationEssentials", "Synchronization"]
    private static let collections = ["Collections", "DequeModule", "HeapModule", "OrderedCollections"]

    static func named(_ name: String) -> Room? { all.first { $0.name == name } }

    /// Every room below this one.
    var below: Set<String> {
        var found: Set<String> = []
        var waiting = standsOn
        while let name = waiting.popLast() {
            guard found.insert(name).inserted else { continue }
            waiting += Room.named(name)?.standsOn ?? []
        }
        return found
    }

    func mayImport(_ module: String) -> Bool {
        if Room.named(module) != nil { return below.contains(module) }
        return modules.contains { allowed in
            allowed.hasSuffix("*") ? module.hasPrefix(allowed.dropLast()) : module == allowed
        }
    }
}
