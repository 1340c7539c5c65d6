import JSON
import Memory
import Operations

/// `memory_list` page by page, for commands that show or take more than one page.
struct MemoryPages {
    /// Rows of the tool's longest page.
    private static let longest = 100

    private let memory: MemoryStore
    private let context: CallContext
    private var arguments: JSONObject
    private var hasMore = true
    /// How many match in all, once a page was read.
    private(set) var total = 0
    /// What is to be told beside the rows.
    private(set) var remarks: [String] = []

    /// - Parameter arguments: of `memory_list`, without a place to begin at.
    init(_ house: House, _ arguments: JSONObject) {
        memory = house.memory
        context = CallContext(clientName: "cortex list", defaultScope: house.scope)
        self.arguments = arguments
    }

    /// The next `count` rows called `name`; fewer at the end.
    mutating func next(_ count: Int = .max, of name: String = "items") async throws -> [JSONValue] {
        var rows: [JSONValue] = []
        while rows.count < count, hasMore {
            arguments["limit"] = .integer(Int64(min(Self.longest, count - rows.count)))
            let page = try await memory.callList(arguments: arguments, context: context)
            rows += page[name]?.arrayValue ?? []
            total = page["total"]?.integerValue.flatMap { Int(exactly: $0) } ?? total
            arguments["cursor"] = page["next_cursor"]
            hasMore = page["next_cursor"] != nil
            if remarks.isEmpty {
                remarks = (page["notes"]?.arrayValue ?? []).compactMap(\.stringValue)
                if let reason = page["degraded_reason"]?.stringValue { remarks.append("degraded: \(reason)") }
            }
        }
        return rows
    }
}
