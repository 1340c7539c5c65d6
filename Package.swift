// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours is held to the same rule: a warning is an error.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")

let package = Package(
    name: "cortex",
    products: [
        
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    ],
    targets: [
        .target(name: "CKernels"),
        .systemLibrary(name: "CBLAS", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
        .target(name: "JSON", dependencies: [collections], swiftSettings: strict),
        .target(name: "Vectors", dependencies: ["CKernels", "CBLAS"], swiftSettings: strict),
        .target(name: "CTransformer", exclude: ["kernels.inc"]),
        .target(name: "CModel", exclude: ["minilm.bin"]),
        .target(name: "Embedding", dependencies: ["CTransformer", "CModel"], swiftSettings: strict),
        .target(
            name: "RemoteEmbedding",
            dependencies: [
                "Embedding", "JSON", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ], swiftSettings: strict),
        .testTarget(
            name: "RemoteEmbeddingTests",
            dependencies: [
                "RemoteEmbedding", "JSON", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ], swiftSettings: strict),
        .executableTarget(
            name: "Bench",
            dependencies: ["Embedding", .product(name: "ArgumentParser", package: "swift-argument-parser")], swiftSettings: strict),
        .testTarget(
            name: "EmbeddingTests", dependencies: ["Embedding", "CTransformer", "CModel", "JSON"], exclude: ["Fixtures"],
            swiftSettings: strict),
    ]
)
