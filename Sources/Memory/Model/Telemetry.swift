import JSON
import Synchronization
import VectorEngine

/// What this process's calls did and how long they took: counts and times, never texts.
///
/// Hours are kept for a week.
final class Telemetry: Sendable {
    enum Tool: String, CaseIterable, Sendable {
        case store = "memory_store"
        case find = "memory_find"
        case get = "memory_get"
        case update = "memory_update"
        case delete = "memory_delete"
        case list = "memory_list"
        case status = "system_status"
    }

    /// One tool's calls, in all or within an hour.
    struct Series: Sendable {
        private(set) var errors: [String: Int] = [:]
        private var times = LatencyHistogram(perDoubling: Telemetry.bucketsPerDoubling)

        var count: Int { times.count }

        mutating func add(_ microseconds: Int64, _ code: MemoryError.Code?) {
            if let code { errors[code.rawValue, default: 0] += 1 }
            times.add(microseconds: Double(microseconds))
        }

        var json: JSONValue {
            var members: JSONObject = ["count": .integer(Int64(count))]
            if !errors.isEmpty {
                members["errors"] = .object(
                    errors.sorted { $0.key < $1.key }.reduce(into: [:]) { $0[$1.key] = .integer(Int64($1.value)) })
            }
            return .object(members.merging(times.percentiles) { first, _ in first })
        }
    }

    /// A percentile is at most a quarter too high.
    private static let bucketsPerDoubling = 3

    private struct State: Sendable {
        var start: Int64
        var total: [Tool: Series] = [:]
        var hours: [Int64: [Tool: Series]] = [:]
    }

    private static let microsecondsPerHour: Int64 = 3_600_000_000
    private static let keptHours: Int64 = 168
    private let state: Mutex<State>

    init(start: Int64) { state = Mutex(State(start: start)) }

    func count(_ tool: Tool, from begin: Int64, to end: Int64, _ code: MemoryError.Code?) {
        let time = max(0, end &- begin)
        let hour = end / Self.microsecondsPerHour
        state.withLock { state in
            state.total[tool, default: Series()].add(time, code)
            if state.hours[hour] == nil { state.hours = state.hours.filter { $0.key > hour - Self.keptHours } }
            state.hours[hour, default: [:]][tool, default: Series()].add(time, code)
        }
    }

    /// Forgets all calls; answers how many there were.
    func reset(at now: Int64) -> Int {
        state.withLock { state in
            let count = state.total.values.reduce(0) { $0 + $1.count }
            state = State(start: now)
            return count
        }
    }

    /// Calls and errors since the start.
    func json(at now: Int64) -> JSONValue {
        state.withLock { state in
            var members: JSONObject = ["uptime_ms": .integer(max(0, now &- state.start) / 1000)]
            var calls = JSONObject()
            for tool in Tool.allCases { calls[tool.rawValue] = .integer(Int64(state.total[tool]?.count ?? 0)) }
            members["calls"] = .object(calls)
            let errors = state.total.values.reduce(0) { $0 + $1.errors.values.reduce(0, +) }
            members["errors"] = .integer(Int64(errors))
            return .object(members)
        }
    }

    /// Percentiles by tool.
    var percentiles: JSONObject {
        state.withLock { state in
            Tool.allCases.reduce(into: [:]) { members, tool in
                if let series = state.total[tool] { members[tool.rawValue] = series.json }
            }
        }
    }

    /// The last hours that had calls, the oldest first.
    func trends(at now: Int64, hours: Int) -> JSONValue {
        let first = now / Self.microsecondsPerHour - Int64(hours)
        return state.withLock { state in
            .array(
                state.hours.filter { $0.key > first }.sorted { $0.key < $1.key }.map { hour, tools in
                    var members: JSONObject = ["hour": .string(Timestamp.format(hour * Self.microsecondsPerHour))]
                    for tool in Tool.allCases { members[tool.rawValue] = tools[tool]?.json }
                    return .object(members)
                })
        }
    }
}
