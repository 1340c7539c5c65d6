import JSON
import MCP
import Synchronization

/// Tools whose course a test decides: each call says when it began, waits to be let go, and notes its cancellation.
final class Stage: Sendable {
    let began: AsyncStream<JSONValue>
    private let beginning: AsyncStream<JSONValue>.Continuation
    let release = Event()
    let cancelled = Event()
    let peakRunning = Mutex(0)
    private let running = Mutex(0)

    init() { (began, beginning) = AsyncStream.makeStream() }

    /// Waits for `release` or for its cancellation.
    var hold: Tool {
        Samples.tool("hold") { [self] arguments, _ in
            enter()
            beginning.yield(arguments["name"] ?? .null)
            await withTaskCancellationHandler {
                await release.wait()
            } onCancel: {
                cancelled.happen()
                release.happen()
            }
            running.withLock { $0 -= 1 }
            return ToolOutcome(["name": arguments["name"] ?? .null])
        }
    }

    /// Reports the numbers it is given, one by one, and once more when `release` has come.
    var count: Tool {
        Samples.tool("count") { [self] arguments, call in
            for number in arguments["numbers"]?.arrayValue ?? [] {
                call.progress.report(number.doubleValue ?? .nan, total: 10, message: "so far")
            }
            let late = Task {
                await release.wait()
                call.progress.report(1_000)
                cancelled.happen()
            }
            _ = late
            return ToolOutcome(["wanted": .bool(call.progress.isWanted)])
        }
    }

    private func enter() {
        let now = running.withLock { running in
            running += 1
            return running
        }
        peakRunning.withLock { $0 = max($0, now) }
    }

    func hold(_ name: JSONValue) -> JSONObject { ["name": "hold", "arguments": ["name": name]] }

    var server: ServerDescription { Samples.server([hold, count]) }
}
