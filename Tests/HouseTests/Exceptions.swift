/// The files that a wall lets through, one list a wall. A path, or a folder that ends with a slash.
enum Exceptions {
    /// The only reader of the environment.
    static let environment = ["Sources/cortex/Environment.swift"]

    /// What is printed goes to standard output, which belongs to the protocol everywhere else.
    static let printing = ["Sources/cortex/", "Sources/Bench/"]

    /// Where SQL is written.
    static let sql = ["Sources/VectorEngine/"]

    /// The files that hold unsafe pointers. Each new one is a decision: keep pointers in as few files as can be.
    static let unsafePointers = [
        "Sources/Bench/DataSet.swift",
        "Sources/Bench/KernelsCommand.swift",
        "Sources/Bench/VectorFile.swift",
        "Sources/Bench/VectorsCommand.swift",
        "Sources/Bench/WorkerCommand.swift",
        "Sources/Embedding/MiniLM.swift",
        "Sources/Embedding/ModelFile.swift",
        "Sources/Embedding/Transformer.swift",
        "Sources/HNSW/GraphBuilder.swift",
        "Sources/HNSW/GraphFormat.swift",
        "Sources/HNSW/GraphIndex.swift",
        "Sources/HNSW/GraphStorage.swift",
        "Sources/HNSW/HNSWGraph+Bytes.swift",
        "Sources/HNSW/HNSWGraph+Invariants.swift",
        "Sources/HNSW/HNSWGraph.swift",
        "Sources/HNSW/NeighborSelection.swift",
        "Sources/HNSW/PackedLinks.swift",
        "Sources/HNSW/RowSpace.swift",
        "Sources/HNSW/SelectedWalk.swift",
        "Sources/HNSW/Walk.swift",
        "Sources/HNSW/WalkReach.swift",
        "Sources/HNSW/WalkScratch.swift",
        "Sources/JSON/JSONCursor.swift",
        "Sources/JSON/JSONParser.swift",
        "Sources/JSON/JSONWriter.swift",
        "Sources/JSON/PlainFloats.swift",
        "Sources/JSON/PlainNumber.swift",
        "Sources/MCPServer/LineSplitter.swift",
        "Sources/MCPServer/ShutdownSignals.swift",
        "Sources/MCPServer/StdioTransport.swift",
        "Sources/MCPServer/SystemCalls.swift",
        "Sources/QdrantAdapter/Wire/WireWriter.swift",
        "Sources/VectorEngine/BlobCoding.swift",
        "Sources/VectorEngine/Checkpointer.swift",
        "Sources/VectorEngine/DocumentTable+Scoring.swift",
        "Sources/VectorEngine/CommitWatch.swift",
        "Sources/VectorEngine/LiveSegments.swift",
        "Sources/VectorEngine/PointCollection+Reading.swift",
        "Sources/VectorEngine/RowCipher.swift",
        "Sources/VectorEngine/RowCoding.swift",
        "Sources/VectorEngine/PageConnection.swift",
        "Sources/VectorEngine/RowPages.swift",
        "Sources/VectorEngine/RowScan.swift",
        "Sources/VectorEngine/RowTables.swift",
        "Sources/VectorEngine/Searcher.swift",
        "Sources/VectorEngine/SegmentFloats.swift",
        "Sources/VectorEngine/SegmentIndexes.swift",
        "Sources/VectorEngine/SegmentMerge.swift",
        "Sources/VectorEngine/SegmentReader.swift",
        "Sources/VectorEngine/SegmentRows.swift",
        "Sources/VectorEngine/SparseIndex.swift",
        "Sources/Vectors/BoundedScan.swift",
        "Sources/Vectors/CodeBlock+Encoding.swift",
        "Sources/Vectors/CodeBlock.swift",
        "Sources/Vectors/CodeBounds.swift",
        "Sources/Vectors/Collector.swift",
        "Sources/Vectors/DistanceKernels.swift",
        "Sources/Vectors/EntryTable.swift",
        "Sources/Vectors/FlatIndex+Batch.swift",
        "Sources/Vectors/FlatIndex.swift",
        "Sources/Vectors/Normalization.swift",
        "Sources/Vectors/PageMapping.swift",
        "Sources/Vectors/Rescoring.swift",
        "Sources/Vectors/RowScoring.swift",
        "Sources/Vectors/RowSelection.swift",
        "Sources/Vectors/RowSet.swift",
        "Sources/Vectors/SketchBlock.swift",
        "Sources/Vectors/TopK.swift",
        "Sources/Vectors/VectorBlock.swift",
        "Sources/Vectors/VectorIndex.swift",
    ]

    /// Where the index may lock: the graph's builder, one lock a node; and the list from which walks on several threads
    /// take their scratch memory, held for two array operations a search.
    static let locks = [
        "Sources/HNSW/GraphBuilder.swift", "Sources/HNSW/HNSWGraph+Build.swift", "Sources/HNSW/WalkScratch.swift",
    ]

    /// Tests that wait by the clock. None should; the demonstration server has a slow tool, to be cancelled.
    static let sleeping = ["Tests/MCPDemo/"]

    static func contain(_ path: String, in list: [String]) -> Bool {
        list.contains { $0.hasSuffix("/") ? path.hasPrefix($0) : path == $0 }
    }
}
