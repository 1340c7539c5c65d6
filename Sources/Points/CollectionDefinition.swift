import JSON

/// What a collection is beside its points.
package struct CollectionDefinition: Sendable, Equatable {
    package var schema: CollectionSchema
    /// Texts that the owner of the collection keeps with it: a configuration to show again, definitions of indexes.
    package var notes: [String: String]

    package init(schema: CollectionSchema, notes: [String: String] = [:]) {
        self.schema = schema
        self.notes = notes
    }

    package static func == (a: CollectionDefinition, b: CollectionDefinition) -> Bool {
        a.schema == b.schema && a.notes.count == b.notes.count
            && a.notes.allSatisfy { name, text in b.notes[name]?.hasSameBytes(as: text) ?? false }
    }
}
