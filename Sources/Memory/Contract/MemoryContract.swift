import JSON

/// The tools as an agent sees them: names, texts, arguments and results, declared once.
package struct MemoryContract: Sendable {
    package let store: MemoryTool
    package let find: MemoryTool
    package let get: MemoryTool
    package let update: MemoryTool
    package let delete: MemoryTool
    package let list: MemoryTool
    package let status: MemoryTool

    package init(_ settings: MemorySettings = MemorySettings()) {
        store = MemoryTool(
            name: "memory_store", title: "Store memories",
            summary: "Keep facts, decisions and tasks for later sessions; they stay until deleted.",
            arguments: StoreArguments.shape(settings), prepare: StoreArguments.prepared(settings),
            result: ResultShapes.store, outline: ResultOutlines.store,
            isReadOnly: false, isDestructive: false, isIdempotent: true)
        find = MemoryTool(
            name: "memory_find", title: "Find memories", summary: "Find memories by meaning and by words.",
            arguments: .object(FindArguments.arguments(settings)), result: ResultShapes.find,
            outline: ResultOutlines.find, isReadOnly: true, isDestructive: false, isIdempotent: true)
        get = MemoryTool(
            name: "memory_get", title: "Read memories", summary: "Whole memories by id.",
            arguments: .object(SmallArguments.get), result: ResultShapes.get, outline: ResultOutlines.items,
            isReadOnly: true, isDestructive: false, isIdempotent: true)
        update = MemoryTool(
            name: "memory_update", title: "Change a memory",
            summary: "Change what is given; the former version is kept.",
            arguments: .object(SmallArguments.update(settings)), result: ResultShapes.update,
            outline: ResultOutlines.item, isReadOnly: false, isDestructive: false, isIdempotent: false)
        delete = MemoryTool(
            name: "memory_delete", title: "Delete memories",
            summary: "By ids at once; by filter a dry run first, then its token.",
            arguments: .object(SmallArguments.delete(settings)), result: ResultShapes.delete,
            outline: ResultOutlines.deletion, isReadOnly: false, isDestructive: true, isIdempotent: true)
        list = MemoryTool(
            name: "memory_list", title: "List memories",
            summary: "Memories by date, or the projects and tags there are.",
            arguments: .object(SmallArguments.list), result: ResultShapes.list, outline: ResultOutlines.items,
            isReadOnly: true, isDestructive: false, isIdempotent: true)
        status = MemoryTool(
            name: "system_status", title: "Look after the memory", summary: "Health and statistics.",
            fullSummary: "Health and statistics, one memory by its id, export, and deletion, purge and cleanup (which "
                + "first answer what they would do).",
            arguments: .object(StatusArguments.arguments(settings)), brief: .object(StatusArguments.brief),
            result: ResultShapes.status, outline: ResultOutlines.status,
            isReadOnly: false, isDestructive: true, isIdempotent: true)
    }

    /// In the order of `tools/list`.
    package var tools: [MemoryTool] { [store, find, get, update, delete, list, status] }
}

/// One tool: what `tools/list` shows, and the reader of what `tools/call` sends.
package struct MemoryTool: Sendable {
    /// Puts the arguments into the form that the shape describes.
    typealias Preparation = @Sendable (JSONObject, inout Reading) -> JSONObject

    package let name: String
    package let title: String
    package let summary: String
    /// What a list of all tools with all their operations says of it.
    package let fullSummary: String
    package let arguments: Shape
    /// What `tools/list` shows of the arguments, where that is not all.
    private let brief: Shape
    private let prepare: Preparation
    package let result: Shape
    /// The result in the few members that a program needs to know of.
    private let outline: Shape
    package let isReadOnly: Bool
    package let isDestructive: Bool
    package let isIdempotent: Bool

    init(
        name: String, title: String, summary: String, fullSummary: String? = nil, arguments: Shape,
        brief: Shape? = nil, prepare: @escaping Preparation = { arguments, _ in arguments }, result: Shape,
        outline: Shape, isReadOnly: Bool, isDestructive: Bool, isIdempotent: Bool
    ) {
        self.name = name
        self.title = title
        self.summary = summary
        self.fullSummary = fullSummary ?? summary
        self.arguments = arguments
        self.brief = brief ?? arguments
        self.prepare = prepare
        self.result = result
        self.outline = outline
        self.isReadOnly = isReadOnly
        self.isDestructive = isDestructive
        self.isIdempotent = isIdempotent
    }

    /// - Parameter full: Whether operations are shown that `tools/list` leaves out by default.
    package func inputSchema(full: Bool = false) -> JSONObject {
        var schema = (full ? arguments : brief).schema
        schema["additionalProperties"] = false
        return schema
    }

    package var outputSchema: JSONObject { outline.schema }

    /// The arguments as they were meant: one spelling, defaults filled in, nothing unknown.
    ///
    /// - Throws: One error that names every fault. Of a batch with good and bad elements the bad ones are refused in
    ///   the result.
    package func read(_ arguments: JSONObject) throws(MemoryError) -> CheckedArguments {
        var reading = Reading()
        let prepared = prepare(arguments, &reading)
        let members = self.arguments.read(.object(prepared), at: "", &reading)?.objectValue ?? [:]
        let refusals = reading.refusals.sorted { $0.key < $1.key }
        let isAllRefused = !refusals.isEmpty && refusals.count == members["items"]?.arrayValue?.count
        if isAllRefused || !reading.faults.isEmpty { for (_, fault) in refusals { reading.refuse(fault) } }
        if let fault = reading.fault { throw fault }
        var checked = CheckedArguments(members)
        checked.notes = reading.shownNotes
        checked.refusals = reading.refusals
        return checked
    }

    /// As ``read(_:)``, for callers that need the members alone.
    package func checked(_ arguments: JSONObject) throws(MemoryError) -> JSONObject {
        let checked = try read(arguments)
        if let refusal = checked.refusals.min(by: { $0.key < $1.key })?.value { throw refusal }
        return checked.members
    }
}

/// Shapes that several tools use.
enum SharedArguments {
    /// A bare text is the project.
    static let scope = Shape.object(
        MemoryScope.keys.map { Argument($0, .text(0...200)) }, plain: ["project"], isSketched: true)
    static let scopeSummary = MemoryScope.keys.joined(separator: ", ")

    static let kinds = Shape.list(.kind(isListed: false), count: 0...32)
    static let tags = Shape.list(.text(1...200), count: 0...50)

    static func filters(_ settings: MemorySettings) -> Shape {
        .object(
            [
                Argument("created_after", .timestamp, aliases: ["after", "since"]),
                Argument("created_before", .timestamp, aliases: ["before", "until"]),
                Argument("updated_after", .timestamp), Argument("updated_before", .timestamp),
                Argument("tags", tags, aliases: ["tag"]),
                Argument("metadata", .openObject(maximumBytes: 16_384)),
                Argument("confidence_min", .number(0...1)), Argument("confidence_max", .number(0...1)),
                Argument(
                    "fields", .openObject(maximumBytes: 16_384, known: MemoryKind.allFields), isTransparent: true),
            ], isSketched: true)
    }

    static let expiryFilters = Shape.object(
        [
            Argument("include_expired", .boolean, default: false),
            Argument("expires_before", .timestamp), Argument("expires_after", .timestamp),
            Argument("ttl_policies", .list(.choice(ExpiryChoice.policies + ["kind_days", "explicit"]), count: 0...6)),
        ], isSketched: true)

    /// `policy` and `expires_at` may come bare.
    static let expiry = Shape.object(
        [
            Argument("policy", .choice(ExpiryChoice.policies)), Argument("expires_at", .timestamp),
            Argument("auto_extend", .boolean), Argument("extend_threshold_days", .integer(1...180)),
            Argument("max_extensions", .integer(0...10)),
        ], plain: ["policy", "expires_at"], isSketched: true)
    static let expirySummary = "policy short (24 h), default (30 d), long (90 d); or expires_at"
}
