// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours is held to the same rule: a warning is an error.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb: [Target.Dependency] = [
    .product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift"),
]

let package = Package(
    name: "cortex",
    products: [
        .executable(name: "Bench", targets: ["Bench"]),
        .library(name: "VectorEngine", targets: ["VectorEngine"]),
    ],
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    ],
    targets: [
        .target(name: "CKernels"),
        .systemLibrary(name: "CBLAS", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
        .target(name: "JSON", dependencies: [collections], swiftSettings: strict),
        .target(name: "Vectors", dependencies: ["CKernels", "CBLAS"], swiftSettings: strict),
        .target(name: "HNSW", dependencies: ["Vectors", "CKernels"], swiftSettings: strict),
        .target(
            name: "VectorEngine", dependencies: ["HNSW", "JSON", "CKernels", "Vectors"] + grdb, swiftSettings: strict),
        .target(name: "Embedding", dependencies: ["Vectors"], swiftSettings: strict),
        .executableTarget(
            name: "Bench", dependencies: ["HNSW", "Vectors", "CKernels", "VectorEngine", "JSON", arguments], swiftSettings: strict),
        .testTarget(
            name: "VectorEngineTests", dependencies: ["VectorEngine", "Vectors", "HNSW", "JSON"] + grdb,
            swiftSettings: strict),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: strict),
    ]
)
