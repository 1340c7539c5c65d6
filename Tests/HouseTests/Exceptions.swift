/// The files that a wall lets through, one list for each wall: a path, or a folder that ends with a slash.
enum Exceptions {
    /// Where the environment is read.
    static let environment = ["Sources/Operations/Settings/"]

    /// What is printed goes to standard output, which belongs to the protocol everywhere else.
    static let printing = ["Sources/cortex/", "Sources/Bench/"]

    /// Where stores are opened: by the engine itself, in the one place for commands, and by what measures the engine.
    static let opening = ["Sources/VectorEngine/", "Sources/Operations/House/", "Sources/Bench/"]

    /// Where SQL is written: in the engine, and in the plain table that its writes are measured against.
    static let sql = ["Sources/VectorEngine/", "Sources/Bench/PlainTable.swift"]

    /// The folders that hold unsafe pointers. Each new one is a decision: keep pointers in as few folders as can be.
    static let unsafePointers = [
        "Sources/Bench/",
        "Sources/Embedding/Model/",
        "Sources/HNSW/Graph/",
        "Sources/HNSW/Search/",
        "Sources/HNSW/Build/",
        "Sources/HNSW/Format/",
        "Sources/JSON/",
        "Sources/MCP/Stdio/",
        "Sources/VectorEngine/File/",
        "Sources/VectorEngine/Indexes/",
        "Sources/VectorEngine/Segments/",
        "Sources/VectorEngine/Search/",
        "Sources/VectorEngine/Collection/",
        "Sources/Vectors/Kernels/",
        "Sources/Vectors/Rows/",
        "Sources/Vectors/Codes/",
        "Sources/Vectors/Search/",
    ]

    /// The folders that hold no pointers, but calls to C and to the runtime which the compiler cannot check: files and
    /// locks, the date of a header and the executor of a loop, and a product of BLAS.
    static let unsafeCalls = ["Sources/Files/", "Sources/Serving/Door/", "Sources/Operations/Health/"]

    /// Targets that are not yet built under strict memory safety. Each holds pointers in a listed folder.
    static let unmarkedTargets: Set = ["Bench", "Embedding", "HNSW", "JSON", "VectorEngine", "Vectors"]

    /// Where the index may lock: the graph's builder, one lock a node; and the list from which walks on several threads
    /// take their scratch memory, held for two array operations a search.
    static let locks = [
        "Sources/HNSW/Build/GraphBuilder.swift", "Sources/HNSW/Build/HNSWGraph+Build.swift",
        "Sources/HNSW/Search/WalkScratch.swift",
    ]

    /// Tests that wait by the clock. None should; the demonstration server has a slow tool, to be cancelled.
    static let sleeping = ["Tests/MCPDemo/"]

    static func contain(_ path: String, in list: [String]) -> Bool {
        list.contains { $0.hasSuffix("/") ? path.hasPrefix($0) : path == $0 }
    }
}
