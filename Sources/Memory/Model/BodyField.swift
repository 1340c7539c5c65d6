import JSON

/// Which field of a memory's `data` is its text, where it has no content: what is shown, edited and exported as text.
enum BodyField {
    private static let names = [
        "body_md", "body_text", "observation", "description", "rationale", "summary", "impact_description", "impact",
    ]

    /// The first that has a text, or else the first that is there.
    static func name(in data: JSONObject?) -> String? {
        let present = names.filter { data?[$0]?.stringValue != nil }
        return present.first { data?[$0]?.stringValue?.isEmpty == false } ?? present.first
    }
}
