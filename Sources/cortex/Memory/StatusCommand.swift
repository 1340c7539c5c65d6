import ArgumentParser
import Foundation
import JSON
import Memory
import Operations

/// `cortex status`: where the memory is kept and what it holds.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Say where the memory is kept and what it holds.",
        discussion: "With --project the memories of that project are counted.")

    @OptionGroup var house: HouseOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        try await House.visit(house) { house in
            guard try await house.hasMemories else {
                let empty: JSONValue = ["data": .string(house.directory), "stats": ["items": 0]]
                print(json ? JSONWriter.text(empty) : "data:         \(house.directory)\nmemories:     0")
                return
            }
            let context = CallContext(clientName: "cortex status", defaultScope: house.scope)
            var parts: JSONObject = ["data": .string(house.directory)]
            parts["project"] = self.house.project.map { .string($0) }
            for operation in ["health", "stats"] {
                var arguments: JSONObject = ["operation": .string(operation)]
                let scope = self.house.narrowedScope()
                if operation == "stats", !scope.isEmpty { arguments["scope"] = .object(scope) }
                let result = try await house.memory.callStatus(arguments: arguments, context: context)
                parts[operation] = result[operation]
            }
            if json {
                print(JSONWriter.text(.object(parts)))
            } else {
                show(.object(parts))
            }
        }
    }

    private func show(_ parts: JSONValue) {
        let health = parts["health"]
        let stats = parts["stats"]
        func row(_ name: String, _ value: String?) {
            if let value { print("\(name):".padding(toLength: 14, withPad: " ", startingAt: 0) + value) }
        }
        row("data", parts["data"]?.stringValue)
        row("status", health?["status"]?.stringValue)
        row("because", health?["degraded_reason"]?.stringValue)
        row("embedder", health?["embedder"]?["name"]?.stringValue ?? "none (search by words alone)")
        row("project", parts["project"]?.stringValue)
        row("memories", stats?["items"]?.integerValue.map(String.init))
        row("expired", stats?["expired"]?.integerValue.map(String.init))
        row("expiring", stats?["expiring_this_week"]?.integerValue.map { "\($0) within a week" })
        row(
            "permanent", stats?["expiries_removed"]?.integerValue.map { "\($0) expiries that nobody asked for removed" }
        )
        row("indexed", stats?["indexed_points"]?.integerValue.map { "\($0) in a graph, the rest scored exactly" })
        row("size", stats?["size_bytes"]?.integerValue.map { "\($0 / 1024) KiB" })
        for (kind, count) in stats?["by_kind"]?.objectValue ?? [:] {
            row("  " + kind, count.integerValue.map(String.init))
        }
    }
}
