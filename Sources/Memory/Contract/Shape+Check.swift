import JSON
import VectorEngine

extension Shape {
    /// Checks `value` and answers it in one form: aliases under their argument's name, defaults filled in, nulls
    /// left out.
    ///
    /// - Parameter path: Where the value stands in the arguments; it becomes the error's `field`.
    /// - Throws: E2200–E2204.
    package func checked(_ value: JSONValue, at path: String) throws(MemoryError) -> JSONValue {
        switch self {
        case .text(let length): try Self.checkText(value, length, path)
        case .choice(let words): try Self.checkChoice(value, words, path)
        case .boolean: if value.boolValue == nil { throw Self.wrongType("true or false", value, path) }
        case .integer(let range): return .integer(Int64(try Self.checkInteger(value, range, path)))
        case .number(let range): try Self.checkNumber(value, range, path)
        case .timestamp:
            guard let text = value.stringValue else { throw Self.wrongType("a string", value, path) }
            guard Timestamp.parse(text) != nil else {
                throw MemoryError(
                    .pattern, "must be ISO 8601 text such as 2026-01-31T12:00:00Z", field: path)
            }
        case .identifier:
            guard let text = value.stringValue else { throw Self.wrongType("a string", value, path) }
            guard let id = UUIDBytes(text) else {
                throw MemoryError(
                    .pattern, "must be the id of a memory: a UUID, as memory_store answered it", field: path)
            }
            return .string(id.description)
        case .openObject(let limit): try Self.checkOpen(value, limit, path)
        case .tags(let limit): try Self.checkTags(value, limit, path)
        case .list(let element, let count): return try Self.checkList(value, element, count, path)
        case .object(let arguments, let oneOf):
            guard let members = value.objectValue else { throw Self.wrongType("an object", value, path) }
            return .object(try Self.checkObject(members, arguments, oneOf, path))
        }
        return value
    }

    private static func wrongType(_ expected: String, _ value: JSONValue, _ path: String) -> MemoryError {
        MemoryError(.wrongType, "must be \(expected), not \(article(value))", field: path.isEmpty ? nil : path)
    }

    private static func article(_ value: JSONValue) -> String {
        switch value.typeName {
        case "null": "null"
        case "integer", "array", "object": "an \(value.typeName)"
        default: "a \(value.typeName)"
        }
    }

    private static func checkText(
        _ value: JSONValue, _ length: ClosedRange<Int>, _ path: String
    ) throws(MemoryError) {
        guard let text = value.stringValue else { throw wrongType("a string", value, path) }
        let count = text.unicodeScalars.count
        guard length.contains(count) else {
            let bounds =
                count < length.lowerBound
                ? "must have at least \(length.lowerBound) character\(length.lowerBound == 1 ? "" : "s")"
                : "has \(count) characters, the limit is \(length.upperBound); shorten it or split it into several"
            throw MemoryError(.outOfRange, bounds, field: path)
        }
    }

    private static func checkChoice(_ value: JSONValue, _ words: [String], _ path: String) throws(MemoryError) {
        guard let word = value.stringValue else { throw wrongType("a string", value, path) }
        if words.contains(word) { return }
        let list = words.joined(separator: ", ")
        let near = Spelling.nearest(to: word, in: words).map { "; did you mean \($0)?" } ?? ""
        throw MemoryError(.pattern, "must be one of: \(list)\(near)", field: path)
    }

    private static func checkInteger(
        _ value: JSONValue, _ range: ClosedRange<Int>, _ path: String
    ) throws(MemoryError) -> Int {
        if case .unsigned = value { throw outOfRange(range.lowerBound, range.upperBound, path) }
        guard let number = value.integerValue else { throw wrongType("a whole number", value, path) }
        guard let result = Int(exactly: number), range.contains(result) else {
            throw outOfRange(range.lowerBound, range.upperBound, path)
        }
        return result
    }

    private static func checkNumber(
        _ value: JSONValue, _ range: ClosedRange<Double>, _ path: String
    ) throws(MemoryError) {
        guard let number = value.doubleValue else { throw wrongType("a number", value, path) }
        guard range.contains(number) else { throw outOfRange(range.lowerBound, range.upperBound, path) }
    }

    private static func outOfRange<Number>(_ low: Number, _ high: Number, _ path: String) -> MemoryError {
        MemoryError(.outOfRange, "must lie between \(low) and \(high)", field: path)
    }

    private static func checkOpen(_ value: JSONValue, _ limit: Int, _ path: String) throws(MemoryError) {
        guard value.objectValue != nil else { throw wrongType("an object", value, path) }
        try checkSize(value, limit, path)
    }

    private static func checkTags(_ value: JSONValue, _ limit: Int, _ path: String) throws(MemoryError) {
        switch value {
        case .object: break
        case .array(let elements):
            for (i, element) in elements.enumerated() where element.stringValue == nil {
                throw wrongType("a string", element, "\(path)[\(i)]")
            }
        default: throw wrongType("an object or a list of strings", value, path)
        }
        try checkSize(value, limit, path)
    }

    private static func checkSize(_ value: JSONValue, _ limit: Int, _ path: String) throws(MemoryError) {
        let size = JSONWriter.bytes(value).count
        guard size <= limit else {
            throw MemoryError(
                .outOfRange, "has \(size) bytes as JSON, the limit is \(limit); split it into several", field: path)
        }
    }

    private static func checkList(
        _ value: JSONValue, _ element: Shape, _ count: ClosedRange<Int>, _ path: String
    ) throws(MemoryError) -> JSONValue {
        guard let elements = value.arrayValue else { throw wrongType("a list", value, path) }
        guard count.contains(elements.count) else {
            throw MemoryError(
                .outOfRange,
                "has \(elements.count) elements, it may have \(count.lowerBound) to \(count.upperBound)", field: path)
        }
        var checked: [JSONValue] = []
        for (i, value) in elements.enumerated() {
            checked.append(try element.checked(value, at: "\(path)[\(i)]"))
        }
        return .array(checked)
    }
}

// MARK: Objects

extension Shape {
    private static func checkObject(
        _ members: JSONObject, _ arguments: [Argument], _ oneOf: [String], _ path: String
    ) throws(MemoryError) -> JSONObject {
        let prefix = path.isEmpty ? "" : path + "."
        var result = JSONObject()
        for (key, value) in members {
            guard let argument = arguments.first(where: { $0.name == key || $0.aliases.contains(key) }) else {
                throw unknown(key, arguments, prefix)
            }
            if value.isNull { continue }
            guard result[argument.name] == nil else {
                throw MemoryError(
                    .schema, "says the same as another spelling of \(argument.name); send one of them",
                    field: prefix + key)
            }
            result[argument.name] = try argument.shape.checked(value, at: prefix + key)
        }
        for argument in arguments where result[argument.name] == nil {
            if argument.isRequired {
                throw MemoryError(
                    .missing, "is required: \(argument.shape.expectation)", field: prefix + argument.name)
            }
            if let value = argument.defaultValue { result[argument.name] = value }
        }
        if !oneOf.isEmpty, oneOf.allSatisfy({ result[$0] == nil }) {
            throw MemoryError(
                .missing, "at least one of \(oneOf.joined(separator: " and ")) is required",
                field: prefix + (oneOf.first ?? ""))
        }
        return result
    }

    private static func unknown(_ key: String, _ arguments: [Argument], _ prefix: String) -> MemoryError {
        let known = arguments.map(\.name)
        let spelled = arguments.flatMap { [$0.name] + $0.aliases }
        let remedy =
            Spelling.nearest(to: key, in: spelled).map { "did you mean \($0)?" }
            ?? "known are: \(known.joined(separator: ", "))"
        let shown = String(key.prefix(64))
        return MemoryError(.schema, "there is no such field; \(remedy)", field: prefix + shown)
    }

    /// What a missing value should have been, for its error.
    private var expectation: String {
        switch self {
        case .text(let length): "a string of up to \(length.upperBound) characters"
        case .choice(let words): "one of \(words.joined(separator: ", "))"
        case .list(_, let count): "a list of \(count.lowerBound) to \(count.upperBound)"
        case .identifier: "the id of a memory"
        case .boolean: "true or false"
        case .integer, .number: "a number"
        case .timestamp: "an ISO 8601 timestamp"
        case .openObject, .object, .tags: "an object"
        }
    }
}
