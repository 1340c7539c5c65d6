import JSON

/// Where the text of a memory is that a person edits: its content, or the field of its data that is shown as text.
package struct EditedText: Sendable {
    /// nil for the content.
    private let field: String?
    package let text: String

    /// - Parameter item: as the tools answer it.
    package init(of item: JSONValue) {
        if let content = item["content"]?.stringValue {
            (field, text) = (nil, content)
        } else if let name = BodyField.name(in: item["data"]?.objectValue) {
            (field, text) = (name, item["data"]?[name]?.stringValue ?? "")
        } else {
            (field, text) = (nil, "")
        }
    }

    /// The arguments of `memory_update` that put `text` there.
    package func change(to text: String) -> JSONObject {
        field.map { ["data": [$0: .string(text)]] } ?? ["content": .string(text)]
    }
}
