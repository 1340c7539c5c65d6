import JSON

/// What one value of the contract may be. From a shape come both the JSON Schema that clients see and the check of what
/// they send, so that the two cannot disagree.
package indirect enum Shape: Sendable {
    /// Text of so many Unicode scalars.
    case text(ClosedRange<Int>)
    /// One of a few words.
    case choice([String])
    case boolean
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    /// ISO 8601 text.
    case timestamp
    /// A UUID.
    case identifier
    /// Any object whose JSON text has at most so many bytes.
    case openObject(maximumBytes: Int)
    /// A list of strings, or an object.
    case tags(maximumBytes: Int)
    case list(Shape, count: ClosedRange<Int>)
    /// An object of known members; of `oneOf` at least one has to be there.
    case object([Argument], oneOf: [String] = [])
}

/// One named member of an object of the contract.
package struct Argument: Sendable {
    package let name: String
    /// Other spellings that mean the same.
    package let aliases: [String]
    package let shape: Shape
    package let isRequired: Bool
    package let defaultValue: JSONValue?
    /// One sentence for the model that reads the schema.
    package let summary: String

    package init(
        _ name: String, _ shape: Shape, _ summary: String = "", aliases: [String] = [], required: Bool = false,
        default defaultValue: JSONValue? = nil
    ) {
        self.name = name
        self.aliases = aliases
        self.shape = shape
        self.isRequired = required
        self.defaultValue = defaultValue
        self.summary = summary
    }
}

// MARK: JSON Schema 2020-12

extension Shape {
    /// The schema of a value of this shape; closed objects say `additionalProperties: false`.
    package var schema: JSONObject {
        switch self {
        case .text(let length): Self.typed("string", Self.bounds(length, "minLength", "maxLength"))
        case .choice(let words): Self.typed("string", ["enum": .array(words.map { .string($0) })])
        case .boolean: Self.typed("boolean")
        case .integer(let range): Self.typed("integer", Self.bounds(range, "minimum", "maximum"))
        case .number(let range): Self.typed("number", Self.bounds(range))
        case .timestamp: Self.typed("string", ["format": "date-time"])
        case .identifier: Self.typed("string", ["format": "uuid"])
        case .openObject: Self.typed("object")
        case .tags: ["type": ["object", "array"], "items": ["type": "string"]]
        case .list(let element, let count):
            Self.typed("array", Self.bounds(count, "minItems", "maxItems"), items: element)
        case .object(let arguments, let oneOf): Self.objectSchema(arguments, oneOf: oneOf)
        }
    }

    private static func typed(_ name: String, _ more: JSONObject = [:], items: Shape? = nil) -> JSONObject {
        var members: JSONObject = ["type": .string(name)]
        members.merge(more) { $1 }
        if let items { members["items"] = .object(items.schema) }
        return members
    }

    private static func objectSchema(_ arguments: [Argument], oneOf: [String]) -> JSONObject {
        var properties = JSONObject()
        for argument in arguments {
            var schema = argument.shape.schema
            if let value = argument.defaultValue { schema["default"] = value }
            if !argument.summary.isEmpty { schema["description"] = .string(argument.summary) }
            properties[argument.name] = .object(schema)
            for alias in argument.aliases {
                var schema = argument.shape.schema
                schema["description"] = .string("Same as \(argument.name).")
                properties[alias] = .object(schema)
            }
        }
        var members: JSONObject = ["type": "object", "properties": .object(properties)]
        let required = arguments.filter { $0.isRequired && $0.aliases.isEmpty }.map { JSONValue.string($0.name) }
        if !required.isEmpty { members["required"] = .array(required) }
        if !oneOf.isEmpty {
            members["anyOf"] = .array(oneOf.map { ["required": [.string($0)]] })
        }
        members["additionalProperties"] = false
        return members
    }

    /// Bounds that bound something, under the names that JSON Schema has for this type.
    private static func bounds(_ range: ClosedRange<Int>, _ least: String, _ most: String) -> JSONObject {
        var members = JSONObject()
        let isImplied = range.lowerBound == 0 && least != "minimum"
        if range.lowerBound > .min, !isImplied { members[least] = .integer(Int64(range.lowerBound)) }
        if range.upperBound < .max { members[most] = .integer(Int64(range.upperBound)) }
        return members
    }

    private static func bounds(_ range: ClosedRange<Double>) -> JSONObject {
        var members = JSONObject()
        if range.lowerBound.isFinite { members["minimum"] = .number(range.lowerBound) }
        if range.upperBound.isFinite { members["maximum"] = .number(range.upperBound) }
        return members
    }
}
