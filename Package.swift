// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours is held to the same rule: a warning is an error.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "cortex",
    products: [
        .library(name: "VectorEngine", targets: ["VectorEngine"]),
        .executable(name: "cortex", targets: ["cortex"]),
    ],
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    ],
    targets: [
        .target(name: "CKernels"),
        .systemLibrary(name: "CBLAS", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
        .target(name: "JSON", dependencies: [collections], swiftSettings: strict),
        .target(name: "Vectors", dependencies: ["CKernels", "CBLAS"], swiftSettings: strict),
        .target(name: "HNSW", dependencies: ["Vectors"], swiftSettings: strict),
        .target(name: "VectorEngine", dependencies: ["HNSW", "JSON", grdb], swiftSettings: strict),
        .target(name: "Embedding", dependencies: ["Vectors"], swiftSettings: strict),
        .executableTarget(
            name: "cortex", dependencies: ["VectorEngine", "JSON", "CBLAS", argumentParser], swiftSettings: strict),
        .testTarget(name: "HouseTests", swiftSettings: strict),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: strict),
    ]
)
