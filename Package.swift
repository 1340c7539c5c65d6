// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours is held to the same rule: a warning is an error.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
    name: "cortex",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")
    ],
    targets: [
        .target(name: "CKernels"),
        .systemLibrary(name: "CBLAS", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
        .target(name: "Vectors", dependencies: ["CKernels", "CBLAS"], swiftSettings: strict),
        .target(name: "HNSW", dependencies: ["Vectors", "CKernels"], swiftSettings: strict),
        .executableTarget(
            name: "Bench",
            dependencies: ["HNSW", "Vectors", "CKernels", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict),
        .testTarget(name: "VectorsTests", dependencies: ["Vectors", "CKernels"], swiftSettings: strict),
        .testTarget(name: "HNSWTests", dependencies: ["HNSW", "Vectors", "CKernels"], swiftSettings: strict),
    ]
)
