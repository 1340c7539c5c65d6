import JSON
import MCP

/// A server with the product's three tool names over a list in memory, and a tool that takes its time: what the raw
/// stdio tests need and a real store does not offer.
@main enum Demo {
    static func main() async throws {
        let streams = try StandardStreams.take()
        print("a stray line that must not reach the protocol")
        let notes = Notes()
        let server = ServerDescription(
            name: "cortex-demo", title: "Cortex demo", version: "0.0.0", description: "A list that forgets",
            instructions: "For tests alone.", tools: [notes.storeTool, notes.findTool, notes.statusTool, waitTool],
            resources: notes.catalog)
        try await StdioServer.serve(server, on: streams)
    }

    /// Waits, and reports progress four times on the way; `stubborn` work does not notice that it is cancelled.
    static let waitTool = Tool(
        name: "demo_wait", title: "Wait", description: "Takes as long as it is told.",
        inputSchema: [
            "type": "object", "additionalProperties": false,
            "properties": ["milliseconds": ["type": "integer"], "stubborn": ["type": "boolean"]],
        ],
        outputSchema: ["type": "object", "properties": ["waited": ["type": "integer"]], "required": ["waited"]],
        annotations: Tool.Annotations(isReadOnly: true, isDestructive: false, isIdempotent: true)
    ) { arguments, call in
        let milliseconds = arguments["milliseconds"]?.integerValue ?? 0
        let isStubborn = arguments["stubborn"]?.boolValue ?? false
        for step in 1...4 {
            let end = ContinuousClock.now + .milliseconds(milliseconds) / 4
            if isStubborn {
                while ContinuousClock.now < end {}
            } else {
                // A cancelled wait ends early; what it then answers is not sent.
                try? await Task.sleep(until: end, clock: .continuous)
            }
            call.progress.report(Double(step), total: 4)
        }
        return ToolOutcome(["waited": .integer(milliseconds)])
    }
}
