/// The kind that a name means. Models call memories by many names; each becomes the nearest of the sixteen kinds.
struct KindName {
    let kind: MemoryKind
    /// The name itself, in lower case with underscores, where the kind does not say it.
    let name: String?
    /// Whether a search for this name means every memory of the kind, and not only those that were given the name.
    let meansWholeKind: Bool

    /// Characters of a name; a longer text was not meant as one.
    static let maximumLength = 64

    init(_ text: String) {
        let key = folded(text)
        let singular = key.hasSuffix("ies") ? key.dropLast(3) + "y" : key.hasSuffix("s") ? key.dropLast() : key[...]
        let kinds = MemoryKind.allCases
        if let same = kinds.first(where: { folded($0.rawValue) == key || folded($0.rawValue) == singular }) {
            (kind, name, meansWholeKind) = (same, nil, true)
            return
        }
        name = Self.spelled(text)
        if let meant = Self.synonyms[key] ?? Self.synonyms[String(singular)] {
            (kind, meansWholeKind) = (meant, meant != .observation)
        } else if let near = kinds.first(where: { Self.isMisspelling(key, of: folded($0.rawValue)) }) {
            (kind, meansWholeKind) = (near, true)
        } else {
            (kind, meansWholeKind) = (.observation, false)
        }
    }

    private static func spelled(_ text: String) -> String {
        text.lowercased().split { $0 == " " || $0 == "-" || $0 == "_" }.joined(separator: "_")
    }

    private static func isMisspelling(_ key: String, of kind: String) -> Bool {
        guard key.utf8.count > 3, key.utf8.count <= maximumLength else { return false }
        return Spelling.distance(Array(key.utf8), Array(kind.utf8)) <= (kind.utf8.count < 6 ? 1 : 2)
    }

    /// Folded names whose kind is not said by their spelling; every name that is not here is an observation.
    private static let synonyms: [String: MemoryKind] = {
        let names: [MemoryKind: String] = [
            .observation: "fact note preference lesson learning insight memory info idea tip finding",
            .todo: "task action actionitem todoitem reminder followup",
            .issue: "bug ticket defect problem",
            .decision: "adr choice architecturedecision designdecision",
            .entity: "person people company organization organisation concept thing object",
            .relation: "relationship link edge",
            .section: "doc document documentation page article file",
            .runbook: "procedure playbook howto guide recipe workflow",
            .change: "commit diff changeset patch",
            .pullRequest: "pr pullrequest mergerequest",
            .ddl: "migration schemachange",
            .incident: "outage postmortem",
            .releaseNote: "changelog",
            .release: "deploy deployment",
            .risk: "threat hazard",
            .assumption: "hypothesis belief",
        ]
        var synonyms: [String: MemoryKind] = [:]
        for (kind, words) in names { for word in words.split(separator: " ") { synonyms[String(word)] = kind } }
        return synonyms
    }()
}
