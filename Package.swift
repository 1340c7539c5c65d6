// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours is held to the same rule: a warning is an error.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")

let package = Package(
    name: "cortex",
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0")
    ],
    targets: [
        .target(name: "JSON", dependencies: [collections], swiftSettings: strict),
        .target(name: "MCPServer", dependencies: ["JSON"], swiftSettings: strict),
        .executableTarget(
            name: "mcp-demo", dependencies: ["MCPServer"], path: "Tests/MCPDemo", swiftSettings: strict),
        .testTarget(name: "MCPServerTests", dependencies: ["MCPServer"], swiftSettings: strict),
    ]
)
