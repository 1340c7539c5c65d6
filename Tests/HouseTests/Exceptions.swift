/// The files that a wall lets through, one list a wall. A path, or a folder that ends with a slash.
enum Exceptions {
    /// The only readers of the environment. The C file may set OPENBLAS_* before the library reads them.
    static let environment = [
        "Sources/cortex/Environment.swift",
        "Sources/CTransformer/blas_environment.c",
    ]

    /// What is printed goes to standard output, which belongs to the protocol everywhere else.
    static let printing = ["Sources/cortex/", "Sources/Bench/"]

    /// Where SQL is written.
    static let sql = ["Sources/VectorEngine/"]

    /// The files that hold unsafe pointers. Each new one is a decision: keep pointers in as few files as can be.
    static let unsafePointers = [
        "Sources/JSON/JSONParser.swift",
        "Sources/JSON/JSONWriter.swift",
        "Sources/Vectors/FlatIndex.swift",
        "Sources/Vectors/VectorBlock.swift",
        "Sources/Vectors/VectorIndex.swift",
    ]

    /// Where the index may lock: the graph's builder, one lock a node.
    static let locks = ["Sources/HNSW/GraphBuilder.swift"]

    /// Tests that wait by the clock. None should; the demonstration server has a slow tool, to be cancelled.
    static let sleeping = ["Tests/MCPDemo/"]

    static func contain(_ path: String, in list: [String]) -> Bool {
        list.contains { $0.hasSuffix("/") ? path.hasPrefix($0) : path == $0 }
    }
}
