// swift-tools-version: 6.2
import PackageDescription

/// Set by `make coverage`: our own targets count the lines they run; the packages stay as they are built already.
let countsLines = Context.environment["CORTEX_COVERAGE"] != nil

/// Every target of ours is held to the same rule: a warning is an error.
let strict: [SwiftSetting] =
    [.treatAllWarnings(as: .error)]
    + (countsLines ? [.unsafeFlags(["-profile-generate", "-profile-coverage-mapping"])] : [])

/// As strict, and every use of memory that the compiler cannot check is marked `unsafe`; Tests/HouseTests holds these
/// marks to a few folders.
let safe: [SwiftSetting] = strict + [.strictMemorySafety()]

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb: [Target.Dependency] = [
    .product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift"),
]
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let http: [Target.Dependency] = [
    .product(name: "AsyncHTTPClient", package: "async-http-client"),
    .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
]

// The targets, from the lowest layer up; Tests/HouseTests checks the arrows between them.
let package = Package(
    name: "cortex",
    products: [
        .executable(name: "cortex", targets: ["cortex"]),
        .executable(name: "Bench", targets: ["BenchMain"]),
        .library(name: "VectorEngine", targets: ["VectorEngine"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
    ],
    targets: [
        .target(name: "CKernels"),
        .systemLibrary(name: "CBLAS", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
        .target(name: "CTransformer", exclude: ["kernels.inc"]),
        .target(name: "CModel", exclude: ["minilm.bin"]),
        .target(
            name: "JSON", dependencies: [collections], swiftSettings: strict,
            // Every program contains this target, and with it the code that writes the counts.
            linkerSettings: countsLines ? [.unsafeFlags(["-profile-generate"])] : []),
        .target(name: "Files", swiftSettings: safe),
        .target(name: "Vectors", dependencies: ["CKernels", "CBLAS"], swiftSettings: strict),
        .target(name: "HNSW", dependencies: ["Vectors", "CKernels"], swiftSettings: strict),
        .target(name: "Points", dependencies: ["HNSW", "Vectors", "JSON"], swiftSettings: safe),
        .target(
            name: "VectorEngine",
            dependencies: ["Points", "HNSW", "Vectors", "CKernels", "JSON", "Files", crypto, logging] + grdb,
            swiftSettings: strict),
        .target(name: "Embedding", dependencies: ["CTransformer", "CModel"], swiftSettings: strict),
        .target(name: "Outbound", dependencies: ["Embedding", "Files", "JSON", logging] + http, swiftSettings: safe),
        .target(
            name: "Memory", dependencies: ["VectorEngine", "Embedding", "Files", "JSON", collections, crypto],
            swiftSettings: safe),
        .target(name: "MCP", dependencies: ["JSON"], swiftSettings: safe),
        .target(name: "MCPServer", dependencies: ["MCP", "Memory", "JSON"], swiftSettings: safe),
        .target(
            name: "Serving",
            dependencies: [
                "JSON", crypto, .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ], swiftSettings: safe),
        .target(
            name: "QdrantAdapter",
            dependencies: ["VectorEngine", "Outbound", "Serving", "Files", "JSON", collections, crypto, logging],
            swiftSettings: safe),
        .target(
            name: "Bench",
            dependencies: [
                "Memory", "VectorEngine", "Embedding", "HNSW", "Vectors", "CKernels", "JSON", "Files", "MCP", arguments,
            ] + grdb,
            swiftSettings: strict),
        .target(
            name: "Operations",
            dependencies: ["Memory", "Outbound", "Embedding", "VectorEngine", "JSON", "Files", "CBLAS", logging],
            swiftSettings: safe),
        .executableTarget(
            name: "cortex",
            dependencies: [
                "Bench", "Operations", "Points",
                "QdrantAdapter", "Serving", "MCPServer", "MCP", "Memory", "Outbound", "Embedding", "VectorEngine",
                "JSON", "Files", arguments, logging,
            ], swiftSettings: safe),
        .executableTarget(name: "BenchMain", dependencies: ["Bench"], swiftSettings: safe),

        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(name: "JSONTests", dependencies: ["JSON", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "FilesTests", dependencies: ["Files", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "VectorsTests", dependencies: ["Vectors", "CKernels", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "HNSWTests", dependencies: ["HNSW", "Vectors", "CKernels", "TestSupport"], swiftSettings: strict),
        // The program of docs/vector-engine.md: it sees what users of the library see, the public API alone.
        .target(
            name: "LibraryExample", dependencies: ["VectorEngine"], path: "Tests/LibraryExample", packageAccess: false,
            swiftSettings: strict),
        .testTarget(
            name: "VectorEngineTests",
            dependencies: [
                "VectorEngine", "Vectors", "HNSW", "JSON", "Files", "TestSupport", "LibraryExample", logging,
            ] + grdb,
            exclude: ["Fixtures"],
            swiftSettings: strict),
        .testTarget(
            name: "EmbeddingTests", dependencies: ["Embedding", "CTransformer", "CModel", "JSON"],
            exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "OutboundTests",
            dependencies: [
                "Outbound", "Embedding", "JSON", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "MemoryTests", dependencies: ["Memory", "VectorEngine", "Embedding", "JSON", "TestSupport"],
            swiftSettings: strict),
        .executableTarget(
            name: "mcp-demo", dependencies: ["MCP", "JSON"], path: "Tests/MCPDemo", swiftSettings: strict),
        .testTarget(name: "MCPTests", dependencies: ["MCP", "JSON", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "OperationsTests",
            dependencies: ["Operations", "Memory", "Embedding", "VectorEngine", "JSON", "TestSupport"],
            swiftSettings: strict),
        .testTarget(name: "ServingTests", dependencies: ["Serving", "TestSupport", crypto], swiftSettings: strict),
        .testTarget(
            name: "QdrantAdapterTests", dependencies: ["QdrantAdapter", "Serving", "VectorEngine", "JSON", crypto],
            swiftSettings: strict),
        .testTarget(name: "HouseTests", swiftSettings: strict),
    ]
)
