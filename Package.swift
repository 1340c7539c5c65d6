// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours is held to the same rule: a warning is an error.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

let package = Package(
    name: "cortex",
    products: [
        .library(name: "VectorEngine", targets: ["VectorEngine"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    ],
    targets: [
        .target(name: "CKernels"),
        .systemLibrary(name: "CBLAS", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
        .target(name: "JSON", dependencies: [collections], swiftSettings: strict),
        .target(name: "Vectors", dependencies: ["CKernels", "CBLAS"], swiftSettings: strict),
        .target(name: "HNSW", dependencies: ["Vectors"], swiftSettings: strict),
        .target(name: "VectorEngine", dependencies: ["HNSW", "JSON"], swiftSettings: strict),
        .target(name: "Embedding", dependencies: ["Vectors"], swiftSettings: strict),
        .target(name: "Memory", dependencies: ["VectorEngine", "Embedding", "JSON", crypto], swiftSettings: strict),
        .testTarget(
            name: "MemoryTests", dependencies: ["Memory", "VectorEngine", "Embedding", "JSON"], swiftSettings: strict),
    ]
)
