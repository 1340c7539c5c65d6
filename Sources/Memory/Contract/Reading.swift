import JSON

/// One call's arguments while they are read: which of them were not taken literally, and which cannot be taken.
package struct Reading: Sendable {
    /// One for each argument that was read otherwise than it was written: where it is, and how it was read. Never the
    /// caller's text.
    package private(set) var notes: [String] = []
    package private(set) var faults: [MemoryError] = []
    /// Elements of a batch that cannot be read, by their index.
    package internal(set) var refusals: [Int: MemoryError] = [:]
    /// Names that were given for kinds and are kept beside them; the object that is read takes them.
    var kindNames: [String] = []

    private static let mostNotes = 20

    package init() {}

    mutating func note(_ path: String, _ what: String) {
        let note = "\(path): \(what)"
        if !notes.contains(note) { notes.append(note) }
    }

    mutating func refuse(_ code: MemoryError.Code, _ what: String, at path: String) {
        faults.append(MemoryError(code, what, field: path.isEmpty ? nil : path))
    }

    mutating func refuse(_ fault: MemoryError) { faults.append(fault) }

    /// Takes over what was noted in a part whose faults are its own.
    mutating func takeNotes(_ part: Reading) { notes += part.notes }

    /// The notes that an answer shows; beyond some their number.
    package var shownNotes: [String] {
        guard notes.count > Self.mostNotes else { return notes }
        return notes.prefix(Self.mostNotes) + ["and \(notes.count - Self.mostNotes) more of the kind"]
    }

    /// All faults in one error; nil when there is none.
    package var fault: MemoryError? { MemoryError.joined(faults) }
}

/// The arguments of one call in their checked form: one name for each, defaults filled in, nothing unknown.
package struct CheckedArguments: Sendable {
    package var members: JSONObject
    package var notes: [String] = []
    /// Elements of the call's batch that cannot be read, by their index.
    package var refusals: [Int: MemoryError] = [:]

    package init(_ members: JSONObject) { self.members = members }

    subscript(name: String) -> JSONValue? { members[name] }
}

/// What names have in common that differ in letter case, hyphens, underscores and spaces alone.
func folded(_ name: String) -> String {
    String(name.lowercased().filter { $0 != "_" && $0 != "-" && $0 != " " })
}
