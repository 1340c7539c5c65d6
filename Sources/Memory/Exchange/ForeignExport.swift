import JSON
import VectorEngine

/// The JSON files that other memories export: mem0 (`get_all`), mcp-memory-service (`MemoryExporter`) and claude-mem
/// (`export-memories`). Each entry becomes an item of `memory_store` with a key, so that a second import stores
/// nothing.
enum ForeignExport {
    /// The entries of a file, each as an item or as the reason why it is none; nil for a file of another form.
    static func entries(of value: JSONValue) -> [Result<JSONObject, MemoryError>]? {
        if value["export_metadata"]?.objectValue != nil, let memories = value["memories"]?.arrayValue {
            return memories.map(memoryService)
        }
        if value["observations"]?.arrayValue != nil, value["exportedAt"] != nil || value["summaries"] != nil {
            return claudeMem(value)
        }
        let list = value["results"]?.arrayValue ?? value["memories"]?.arrayValue ?? value.arrayValue
        guard let list, list.contains(where: { $0["memory"]?.stringValue != nil }) else { return nil }
        return list.map(mem0) + (value["relations"]?.arrayValue ?? []).map(mem0Relation)
    }

    private static func text(_ value: JSONValue?) -> String? {
        guard let text = value?.stringValue, !text.allSatisfy(\.isWhitespace) else { return nil }
        return text
    }

    private static func missing(_ field: String) -> Result<JSONObject, MemoryError> {
        .failure(MemoryError(.missing, "has no \(field)"))
    }

    /// A moment as RFC 3339 text, from text or from seconds or milliseconds since 1970; nil where there is none.
    private static func moment(_ value: JSONValue?) -> JSONValue? {
        if let text = value?.stringValue { return Timestamp.parse(text).map { .string(Timestamp.format($0)) } }
        guard let number = value?.doubleValue, number > 0, number < 1e14 else { return nil }
        let seconds = number > 1e11 ? number / 1000 : number
        return Int64(exactly: (seconds * 1_000_000).rounded()).map { .string(Timestamp.format($0)) }
    }

    /// A list of texts, which some programs write as JSON text.
    private static func list(_ value: JSONValue?) -> [JSONValue] {
        var value = value
        if let text = value?.stringValue {
            // Text that is no JSON is one name, or several with commas between them.
            value = (try? JSONParser.parse(text)) ?? .array(text.split(separator: ",").map { .string(String($0)) })
        }
        return (value?.arrayValue ?? []).compactMap { $0.stringValue?.trimmed }.filter { !$0.isEmpty }.map {
            .string($0)
        }
    }

    private static func item(
        _ kind: MemoryKind, _ content: String, data: JSONObject = [:], source: JSONObject, metadata: JSONObject = [:],
        tags: [JSONValue] = [], key: String?
    ) -> JSONObject {
        var item: JSONObject = ["kind": .string(kind.rawValue), "content": .string(content)]
        if !data.isEmpty { item["data"] = .object(data) }
        if !source.isEmpty { item["source"] = .object(source) }
        if !metadata.isEmpty { item["metadata"] = .object(metadata) }
        if !tags.isEmpty { item["tags"] = .array(tags) }
        if let key { item["idempotency_key"] = .string(key) }
        return item
    }

    // MARK: mem0

    private static func mem0(_ entry: JSONValue) -> Result<JSONObject, MemoryError> {
        guard let content = text(entry["memory"]) else { return missing("memory") }
        var source = JSONObject()
        source["actor"] = text(entry["actor_id"]).map { .string($0) } ?? text(entry["user_id"]).map { .string($0) }
        source["session"] = text(entry["run_id"]).map { .string($0) }
        source["timestamp"] = moment(entry["created_at"])
        var metadata = entry["metadata"]?.objectValue ?? [:]
        for name in ["user_id", "agent_id", "role"] { metadata[name] = text(entry[name]).map { .string($0) } }
        // The same sentence about two users is two memories.
        var data = JSONObject()
        if let user = text(entry["user_id"]) {
            data = ["entity_type": "user", "entity_id": .string(user), "observation": .string(content)]
        }
        let key = (text(entry["id"]) ?? text(entry["hash"])).map { "mem0:\($0)" }
        var item = item(
            .observation, content, data: data, source: source, metadata: metadata, tags: list(entry["categories"]),
            key: key)
        if let day = text(entry["expiration_date"]) {
            guard let end = Timestamp.parse(day) ?? Timestamp.parse(day + "T00:00:00Z") else {
                return .failure(MemoryError(.pattern, "has an expiration_date that is no date: \(day)"))
            }
            item["ttl_config"] = ["expires_at": .string(Timestamp.format(end))]
        }
        return .success(item)
    }

    private static func mem0Relation(_ entry: JSONValue) -> Result<JSONObject, MemoryError> {
        guard let from = text(entry["source"]), let to = text(entry["destination"]) ?? text(entry["target"]),
            let type = text(entry["relationship"])
        else { return missing("source, relationship or destination") }
        return .success(KnowledgeGraph.relation(from: from, nil, to: to, nil, type))
    }

    // MARK: mcp-memory-service

    private static func memoryService(_ entry: JSONValue) -> Result<JSONObject, MemoryError> {
        guard let content = text(entry["content"]) else { return missing("content") }
        var source: JSONObject = [:]
        source["timestamp"] = moment(entry["created_at"])
        let type = text(entry["memory_type"])
        let kind = type.flatMap(MemoryKind.init(rawValue:)) ?? .observation
        var data = JSONObject()
        if kind == .observation, let type, type != "observation" { data["observation_type"] = .string(type) }
        let key = text(entry["content_hash"]).map { "mcp-memory-service:\($0)" }
        return .success(
            item(
                kind, content, data: data, source: source, metadata: entry["metadata"]?.objectValue ?? [:],
                tags: list(entry["tags"]), key: key))
    }

    // MARK: claude-mem

    private static let changeTypes = [
        "bugfix": "bugfix", "feature": "feature_add", "refactor": "refactor", "change": "feature_modify",
    ]

    /// A session's prompt is exported with the session, too; prompts name their session and not its project.
    private static func claudeMem(_ value: JSONValue) -> [Result<JSONObject, MemoryError>] {
        let sessions = value["sessions"]?.arrayValue ?? []
        let prompts = value["prompts"]?.arrayValue ?? []
        func session(of prompt: JSONValue) -> JSONValue? {
            sessions.first { text($0["content_session_id"]) == text(prompt["content_session_id"]) }
        }
        let told = Set(prompts.compactMap { text($0["prompt_text"]).map { ByteText($0) } })
        let untold = sessions.filter { text($0["user_prompt"]).map { !told.contains(ByteText($0)) } ?? false }
        return (value["observations"]?.arrayValue ?? []).map(claudeMemObservation)
            + (value["summaries"]?.arrayValue ?? []).map(claudeMemSummary)
            + prompts.map { prompt in
                claudeMemPrompt(
                    prompt, text: prompt["prompt_text"], project: prompt["project"] ?? session(of: prompt)?["project"],
                    part: "prompt")
            }
            + untold.map { session in
                claudeMemPrompt(session, text: session["user_prompt"], project: session["project"], part: "session")
            }
    }

    private static func claudeMemObservation(_ entry: JSONValue) -> Result<JSONObject, MemoryError> {
        let facts = list(entry["facts"]).compactMap(\.stringValue)
        let lines = [text(entry["title"]), text(entry["subtitle"]), text(entry["narrative"]) ?? text(entry["text"])]
        let content = (lines.compactMap { $0 } + facts.map { "- \($0)" }).joined(separator: "\n")
        guard !content.isEmpty else { return missing("title, narrative or facts") }
        let type = text(entry["type"]) ?? "observation"
        var data = JSONObject()
        data["title"] = text(entry["title"]).map { .string($0) }
        let kind: MemoryKind
        if type == "decision" {
            kind = .decision
        } else if let change = changeTypes[type] {
            kind = .change
            data["change_type"] = .string(change)
            data["summary"] = text(entry["title"]).map { .string($0) }
            let files = list(entry["files_modified"])
            if !files.isEmpty { data["affected_files"] = .array(files) }
        } else {
            kind = .observation
            data["observation_type"] = .string(type)
        }
        return .success(
            claudeMem(entry, kind, content, data, tags: list(entry["concepts"]), part: "observation"))
    }

    private static func claudeMemSummary(_ entry: JSONValue) -> Result<JSONObject, MemoryError> {
        let parts = ["request", "investigated", "learned", "completed", "next_steps", "notes"].compactMap { name in
            text(entry[name]).map { "\(name.replacing("_", with: " ")): \($0)" }
        }
        guard !parts.isEmpty else { return missing("request, learned or completed") }
        let data: JSONObject = ["observation_type": "session_summary"]
        return .success(claudeMem(entry, .observation, parts.joined(separator: "\n"), data, part: "summary"))
    }

    private static func claudeMemPrompt(
        _ entry: JSONValue, text value: JSONValue?, project: JSONValue?, part: String
    ) -> Result<JSONObject, MemoryError> {
        guard let content = text(value) else { return missing("prompt_text") }
        let data: JSONObject = ["observation_type": "user_prompt"]
        var item = claudeMem(entry, .observation, content, data, part: part)
        if case .object(var source)? = item["source"] {
            source["actor"] = "user"
            item["source"] = .object(source)
        }
        if let project = text(project) { item["scope"] = ["project": .string(project)] }
        return .success(item)
    }

    private static func claudeMem(
        _ entry: JSONValue, _ kind: MemoryKind, _ content: String, _ data: JSONObject, tags: [JSONValue] = [],
        part: String
    ) -> JSONObject {
        var source: JSONObject = ["actor": "claude-mem"]
        let session =
            text(entry["memory_session_id"]) ?? text(entry["sdk_session_id"]) ?? text(entry["content_session_id"])
        source["session"] = session.map { .string($0) }
        source["timestamp"] =
            moment(entry["created_at"]) ?? moment(entry["created_at_epoch"]) ?? moment(entry["started_at"])
        let key = entry["id"].map { "claude-mem:\(part):\(text($0) ?? JSONWriter.text($0))" }
        var item = item(kind, content, data: data, source: source, tags: tags, key: key)
        if let project = text(entry["project"]) { item["scope"] = ["project": .string(project)] }
        return item
    }
}

extension String {
    fileprivate var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }
}
