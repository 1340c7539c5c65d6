import JSON

/// Where a memory belongs: up to seven named levels, any of which may be missing.
package struct MemoryScope: Sendable, Hashable {
    /// The levels in the order the contract lists them.
    package static let keys = ["project", "branch", "org", "service", "sprint", "tenant", "environment"]

    /// Values by level; only the levels of ``keys``.
    package private(set) var values: [String: String] = [:]

    package static let empty = MemoryScope([:])

    /// Levels that are not in ``keys`` and empty values are left out.
    package init(_ values: [String: String]) {
        self.values = values.filter { Self.keys.contains($0.key) && !$0.value.isEmpty }
    }

    package init(_ members: JSONObject?) {
        self.init((members ?? [:]).reduce(into: [:]) { $0[$1.key] = $1.value.stringValue })
    }

    /// What two spellings of one project share.
    package var projectKey: String? { values["project"].map(Self.projectKey) }

    static func projectKey(of name: String) -> String { name.lowercased() }

    /// The same levels with this project.
    package func with(project: String) -> MemoryScope {
        MemoryScope(values.merging(["project": project]) { $1 })
    }

    /// Whether the current project is meant, and no project by its name.
    var isHere: Bool { values["project"]?.lowercased() == "here" }

    /// This scope with the current project for the project "here".
    func resolved(in current: MemoryScope) -> MemoryScope {
        guard isHere else { return self }
        var levels = values
        levels["project"] = current.values["project"]
        return MemoryScope(levels)
    }

    package var isEmpty: Bool { values.isEmpty }

    /// Whether both have the same levels with the same bytes.
    package static func == (left: MemoryScope, right: MemoryScope) -> Bool {
        left.values.count == right.values.count
            && left.values.allSatisfy { key, value in right.values[key]?.hasSameBytes(as: value) ?? false }
    }

    package func hash(into hasher: inout Hasher) {
        for key in Self.keys { values[key].map { ByteText($0) }.hash(into: &hasher) }
    }

    package var json: JSONObject {
        Self.keys.reduce(into: JSONObject()) { members, key in
            if let value = values[key] { members[key] = .string(value) }
        }
    }

    /// One keyword for exactly these levels and values.
    var hash: String { ContentHash.hex(of: .object(json)) }
}
