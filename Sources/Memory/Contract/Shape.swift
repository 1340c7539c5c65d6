import JSON

/// What one value of the contract may be. From a shape come both the JSON Schema that clients see and the reader of
/// what they send, so that the two cannot disagree.
package indirect enum Shape: Sendable {
    /// Text of so many Unicode scalars.
    case text(ClosedRange<Int>)
    /// One of a few words.
    case choice([String])
    /// One of the sixteen kinds, or a name that is mapped to one; the schema lists the kinds where it is asked to.
    case kind(isListed: Bool)
    case boolean
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    /// ISO 8601 text.
    case timestamp
    /// A UUID.
    case identifier
    /// Any object whose JSON text has at most so many bytes; `known` are members that may also be given beside it.
    case openObject(maximumBytes: Int, known: [String] = [])
    /// A list of strings, or an object.
    case tags(maximumBytes: Int)
    case list(Shape, count: ClosedRange<Int>)
    /// A list of which each element stands for itself: a bad one does not keep the others from being read.
    case batch(Shape, count: ClosedRange<Int>)
    /// An object of known members; of `oneOf` at least one has to be there. A bare value that is given for the object
    /// means the first member of `plain` that can take it. A sketched object's schema leaves the members to the
    /// summary.
    case object([Argument], oneOf: [String] = [], plain: [String] = [], isSketched: Bool = false)
}

/// One named member of an object of the contract.
package struct Argument: Sendable {
    package let name: String
    /// Other names that mean the same; the schema does not show them.
    package let aliases: [String]
    package let shape: Shape
    package let isRequired: Bool
    package let defaultValue: JSONValue?
    /// A few words for the model that reads the schema.
    package let summary: String
    /// Whether the contract lets its members be given beside it; reading them so needs no note.
    let isTransparent: Bool

    package init(
        _ name: String, _ shape: Shape, _ summary: String = "", aliases: [String] = [], required: Bool = false,
        default defaultValue: JSONValue? = nil, isTransparent: Bool = false
    ) {
        self.name = name
        self.aliases = aliases
        self.shape = shape
        self.isRequired = required
        self.defaultValue = defaultValue
        self.summary = summary
        self.isTransparent = isTransparent
    }
}

// MARK: JSON Schema

extension Shape {
    /// The schema of a value of this shape, in the subset that every provider takes: one plain type each, no unions,
    /// no references, items on every list, members or `additionalProperties` on every object.
    package var schema: JSONObject {
        switch self {
        case .text, .timestamp, .identifier: ["type": "string"]
        case .choice(let words): ["type": "string", "enum": .array(words.map { .string($0) })]
        case .kind(let isListed):
            isListed ? Shape.choice(MemoryKind.allCases.map(\.rawValue)).schema : ["type": "string"]
        case .boolean: ["type": "boolean"]
        case .integer(let range): Self.bounded("integer", range)
        case .number: ["type": "number"]
        case .openObject: Self.sketch
        case .tags: ["type": "array", "items": ["type": "string"]]
        case .list(let element, _), .batch(let element, _): ["type": "array", "items": .object(element.schema)]
        case .object(let arguments, _, _, let isSketched): isSketched ? Self.sketch : Self.members(arguments)
        }
    }

    private static let sketch: JSONObject = ["type": "object", "additionalProperties": true]

    private static func members(_ arguments: [Argument]) -> JSONObject {
        var properties = JSONObject()
        for argument in arguments {
            var schema = argument.shape.schema
            if !argument.summary.isEmpty { schema["description"] = .string(argument.summary) }
            properties[argument.name] = .object(schema)
        }
        var members: JSONObject = ["type": "object", "properties": .object(properties)]
        let required = arguments.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { members["required"] = .array(required) }
        return members
    }

    private static func bounded(_ type: String, _ range: ClosedRange<Int>) -> JSONObject {
        var members: JSONObject = ["type": .string(type)]
        if range.upperBound < .max { members["maximum"] = .integer(Int64(range.upperBound)) }
        return members
    }
}
