import JSON
import VectorEngine

/// Reading a value as it was meant. What has one possible reading is read that way, with a note; anything else is a
/// fault that says what to send instead. Reading never stops at the first fault.
extension Shape {
    /// Checks `value` without any leniency: how the tools' own answers are checked.
    ///
    /// - Throws: E2200–E2204.
    package func checked(_ value: JSONValue, at path: String) throws(MemoryError) -> JSONValue {
        var reading = Reading()
        let read = read(value, at: path, &reading)
        if let fault = reading.fault { throw fault }
        if let note = reading.notes.first { throw MemoryError(.schema, note, field: path) }
        return read ?? .null
    }

    /// The value in its checked form; nil where it cannot be read, which is then in `reading`.
    ///
    /// - Parameter path: Where the value is in the arguments; it becomes the error's `field`.
    func read(_ value: JSONValue, at path: String, _ reading: inout Reading) -> JSONValue? {
        if let inner = Self.onlyElement(value), stands(for: inner) {
            reading.note(path, "read as its only element")
            return read(inner, at: path, &reading)
        }
        switch self {
        case .text(let length): return Self.readText(value, length, path, &reading)
        case .choice(let words): return Self.readChoice(value, words, path, &reading)
        case .kind: return Self.readKind(value, path, &reading)
        case .boolean: return Self.readBoolean(value, path, &reading)
        case .integer(let range): return Self.readInteger(value, range, path, &reading)
        case .number(let range): return Self.readNumber(value, range, path, &reading)
        case .timestamp: return Self.readTimestamp(value, path, &reading)
        case .identifier: return Self.readIdentifier(value, path, &reading)
        case .openObject(let limit, _): return Self.readOpen(value, limit, path, &reading)
        case .tags(let limit): return Self.readTags(value, limit, path, &reading)
        case .list(let element, let count): return Self.readList(value, element, count, path, &reading)
        case .batch(let element, let count): return Self.readBatch(value, element, count, path, &reading)
        case .object(let arguments, let oneOf, let plain, _):
            return readObject(value, arguments, oneOf, plain, path, &reading)
        }
    }

    private static func onlyElement(_ value: JSONValue) -> JSONValue? {
        guard let elements = value.arrayValue, elements.count == 1 else { return nil }
        return elements[0]
    }

    /// Whether a list of `element` alone can only be meant as that element. One block of a message is a text.
    private func stands(for element: JSONValue) -> Bool {
        switch self {
        case .list, .batch, .tags: false
        case .text: element.objectValue == nil
        default: true
        }
    }

    static func wrongType(_ expected: String, _ value: JSONValue, _ path: String, _ reading: inout Reading) {
        reading.refuse(.wrongType, "must be \(expected), not \(article(value))", at: path)
    }

    private static func article(_ value: JSONValue) -> String {
        switch value.typeName {
        case "null": "null"
        case "integer", "array", "object": "an \(value.typeName)"
        default: "a \(value.typeName)"
        }
    }

    /// The value that a text holds as JSON, where it begins like a list or an object; nil for any other text.
    static func embedded(
        _ value: JSONValue, _ expected: String, _ path: String, _ reading: inout Reading
    ) -> JSONValue?? {
        guard let text = value.stringValue, let first = text.first(where: { !$0.isWhitespace }),
            first == "[" || first == "{"
        else { return .none }
        do throws(JSONError) {
            let (inner, _) = try JSONParser.parseReplacingSurrogates(Array(text.utf8))
            reading.note(path, "read as the JSON in the text")
            return .some(inner)
        } catch {
            reading.refuse(.wrongType, "must be \(expected); the text in its place is \(error.description)", at: path)
            return .some(nil)
        }
    }
}

// MARK: One value

extension Shape {
    private static func readText(
        _ value: JSONValue, _ length: ClosedRange<Int>, _ path: String, _ reading: inout Reading
    ) -> JSONValue? {
        var value = value
        switch value {
        case .integer, .unsigned, .number:
            reading.note(path, "the number was read as text")
            value = .string(JSONWriter.text(value))
        case .array(let blocks):
            // The blocks that a message of a model consists of.
            let texts = blocks.compactMap { $0["type"] == "text" ? $0["text"]?.stringValue : nil }
            if !blocks.isEmpty, texts.count == blocks.count {
                reading.note(path, "the blocks were read as one text")
                value = .string(texts.joined(separator: "\n"))
            }
        default: break
        }
        guard let text = value.stringValue else {
            wrongType("a string", value, path, &reading)
            return nil
        }
        let count = text.unicodeScalars.count
        guard length.contains(count) else {
            let bounds =
                count < length.lowerBound
                ? "must have at least \(length.lowerBound) character\(length.lowerBound == 1 ? "" : "s")"
                : "has \(count) characters, the limit is \(length.upperBound); shorten it or split it into several"
            reading.refuse(.outOfRange, bounds, at: path)
            return nil
        }
        return .string(text)
    }

    private static func readChoice(
        _ value: JSONValue, _ words: [String], _ path: String, _ reading: inout Reading
    ) -> JSONValue? {
        guard let word = value.stringValue else {
            wrongType("one of \(words.joined(separator: ", "))", value, path, &reading)
            return nil
        }
        if words.contains(word) { return .string(word) }
        let key = folded(word.filter { !$0.isWhitespace })
        if let meant = words.first(where: { folded($0) == key }) {
            reading.note(path, "read as \(meant)")
            return .string(meant)
        }
        // `project` for `projects`, and the other way.
        let counted = words.filter { singular(folded($0)) == singular(key) }
        if counted.count == 1 {
            reading.note(path, "read as \(counted[0])")
            return .string(counted[0])
        }
        let near = Spelling.nearest(to: word, in: words).map { "; did you mean \($0)?" } ?? ""
        reading.refuse(.pattern, "must be one of: \(words.joined(separator: ", "))\(near)", at: path)
        return nil
    }

    /// A word without the ending of its plural.
    private static func singular(_ word: String) -> String {
        if word.hasSuffix("ies") { return word.dropLast(3) + "y" }
        return word.hasSuffix("s") ? String(word.dropLast()) : word
    }

    private static func readKind(_ value: JSONValue, _ path: String, _ reading: inout Reading) -> JSONValue? {
        let kinds = MemoryKind.allCases.map(\.rawValue).joined(separator: ", ")
        guard let word = value.stringValue else {
            wrongType("one of \(kinds)", value, path, &reading)
            return nil
        }
        if MemoryKind(rawValue: word) != nil { return .string(word) }
        guard word.contains(where: \.isLetter), word.unicodeScalars.count <= KindName.maximumLength else {
            reading.refuse(.pattern, "must be a short name, best one of: \(kinds)", at: path)
            return nil
        }
        let meant = KindName(word)
        if let name = meant.name {
            reading.kindNames.append(name)
            reading.note(path, "read as \(meant.kind.rawValue); the name is kept as observation_type")
        } else {
            reading.note(path, "read as \(meant.kind.rawValue)")
        }
        return .string(meant.kind.rawValue)
    }

    private static let flags = ["true": true, "yes": true, "1": true, "false": false, "no": false, "0": false]

    private static func readBoolean(_ value: JSONValue, _ path: String, _ reading: inout Reading) -> JSONValue? {
        if value.boolValue != nil { return value }
        let word = value.stringValue?.lowercased() ?? value.integerValue.map(String.init) ?? ""
        guard let flag = flags[word.filter { !$0.isWhitespace }] else {
            wrongType("true or false", value, path, &reading)
            return nil
        }
        reading.note(path, "read as \(flag)")
        return .bool(flag)
    }

    /// The number that a text says; the value itself where it is no text, or says none.
    private static func unquoted(_ value: JSONValue, _ path: String, _ reading: inout Reading) -> JSONValue {
        guard let text = value.stringValue else { return value }
        let bare = text.filter { !$0.isWhitespace }
        guard bare.utf8.count <= 32, let first = bare.utf8.first, first == 0x2D || (0x30...0x39).contains(first),
            // A text that is no number stays one, and is refused as such.
            let number = try? JSONParser.parse(bare)
        else { return value }
        reading.note(path, "the text was read as a number")
        return number
    }

    private static func readInteger(
        _ value: JSONValue, _ range: ClosedRange<Int>, _ path: String, _ reading: inout Reading
    ) -> JSONValue? {
        let value = unquoted(value, path, &reading)
        if case .unsigned = value {
            outOfRange(range.lowerBound, range.upperBound, path, &reading)
            return nil
        }
        guard let number = value.integerValue else {
            wrongType("a whole number", value, path, &reading)
            return nil
        }
        guard let result = Int(exactly: number), range.contains(result) else {
            outOfRange(range.lowerBound, range.upperBound, path, &reading)
            return nil
        }
        return .integer(Int64(result))
    }

    private static func readNumber(
        _ value: JSONValue, _ range: ClosedRange<Double>, _ path: String, _ reading: inout Reading
    ) -> JSONValue? {
        let value = unquoted(value, path, &reading)
        guard let number = value.doubleValue else {
            wrongType("a number", value, path, &reading)
            return nil
        }
        guard range.contains(number) else {
            outOfRange(range.lowerBound, range.upperBound, path, &reading)
            return nil
        }
        return value
    }

    private static func outOfRange<Number>(_ low: Number, _ high: Number, _ path: String, _ reading: inout Reading) {
        reading.refuse(.outOfRange, "must lie between \(low) and \(high)", at: path)
    }

    /// Seconds since 1970 that can only be meant as such: from 2001 to 2286; a thousand times as much is milliseconds.
    private static let epochSeconds: ClosedRange<Double> = 1e9...9_999_999_999

    private static func readTimestamp(_ value: JSONValue, _ path: String, _ reading: inout Reading) -> JSONValue? {
        if let text = value.stringValue, Timestamp.parse(text) != nil { return .string(text) }
        let number = unquoted(value, path, &reading)
        if let count = number.doubleValue {
            for unit in [1e6, 1e3] where epochSeconds.contains(count * unit / 1e6) {
                guard let moment = Int64(exactly: (count * unit).rounded()) else { continue }
                reading.note(path, "read as \(unit == 1e6 ? "seconds" : "milliseconds") since 1970")
                return .string(Timestamp.format(moment))
            }
        }
        if value.stringValue == nil {
            wrongType("ISO 8601 text such as 2026-01-31T12:00:00Z", value, path, &reading)
        } else {
            reading.refuse(.pattern, "must be ISO 8601 text such as 2026-01-31T12:00:00Z", at: path)
        }
        return nil
    }

    private static func readIdentifier(_ value: JSONValue, _ path: String, _ reading: inout Reading) -> JSONValue? {
        guard let text = value.stringValue else {
            wrongType("the id of a memory", value, path, &reading)
            return nil
        }
        let scheme = "memory://"
        var bare = text.filter { !$0.isWhitespace }
        if bare.lowercased().hasPrefix(scheme) { bare.removeFirst(scheme.count) }
        guard let id = UUIDBytes(bare) else {
            reading.refuse(.pattern, "must be the id of a memory: a UUID, as memory_store answered it", at: path)
            return nil
        }
        if bare != text { reading.note(path, "read as the id in it") }
        return .string(id.description)
    }
}

// MARK: Many values

extension Shape {
    private static func readOpen(
        _ value: JSONValue, _ limit: Int, _ path: String, _ reading: inout Reading
    ) -> JSONValue? {
        if let inner = embedded(value, "an object", path, &reading) {
            return inner.flatMap { readOpen($0, limit, path, &reading) }
        }
        guard value.objectValue != nil else {
            wrongType("an object", value, path, &reading)
            return nil
        }
        return sized(value, limit, path, &reading)
    }

    private static func sized(
        _ value: JSONValue, _ limit: Int, _ path: String, _ reading: inout Reading
    ) -> JSONValue? {
        guard limit < .max else { return value }
        let size = JSONWriter.bytes(value).count
        guard size <= limit else {
            reading.refuse(
                .outOfRange, "has \(size) bytes as JSON, the limit is \(limit); split it into several", at: path)
            return nil
        }
        return value
    }

    private static func readTags(
        _ value: JSONValue, _ limit: Int, _ path: String, _ reading: inout Reading
    ) -> JSONValue? {
        if let inner = embedded(value, "a list of strings or an object", path, &reading) {
            return inner.flatMap { readTags($0, limit, path, &reading) }
        }
        switch value {
        case .object: return sized(value, limit, path, &reading)
        case .string, .array, .integer, .number:
            return readList(value, .text(1...limit), 0...limit, path, &reading).flatMap {
                sized($0, limit, path, &reading)
            }
        default:
            wrongType("a list of strings or an object", value, path, &reading)
            return nil
        }
    }

    private static func readList(
        _ value: JSONValue, _ element: Shape, _ count: ClosedRange<Int>, _ path: String, _ reading: inout Reading
    ) -> JSONValue? {
        guard let elements = elements(value, element, count, path, &reading) else { return nil }
        var read: [JSONValue] = []
        for (i, value) in elements.enumerated() {
            if let value = element.read(value, at: "\(path)[\(i)]", &reading) { read.append(value) }
        }
        return .array(read)
    }

    /// Reads each element by itself: the faults of one are its own. An element that cannot be read is null.
    private static func readBatch(
        _ value: JSONValue, _ element: Shape, _ count: ClosedRange<Int>, _ path: String, _ reading: inout Reading
    ) -> JSONValue? {
        guard let elements = elements(value, element, count, path, &reading) else { return nil }
        var read: [JSONValue] = []
        for (i, value) in elements.enumerated() {
            var part = Reading()
            let item = element.read(value, at: "\(path)[\(i)]", &part)
            reading.takeNotes(part)
            if let fault = part.fault { reading.refusals[i] = fault }
            read.append(part.fault == nil ? item ?? .null : .null)
        }
        return .array(read)
    }

    /// The elements of a list however it was sent: as JSON text, as one element, as text with commas.
    private static func elements(
        _ value: JSONValue, _ element: Shape, _ count: ClosedRange<Int>, _ path: String, _ reading: inout Reading
    ) -> [JSONValue]? {
        if let inner = embedded(value, "a list", path, &reading) {
            return inner.flatMap { elements($0, element, count, path, &reading) }
        }
        var found: [JSONValue]
        switch value {
        case .array(let elements): found = elements
        case .string(let text) where element.isOneWord:
            found = text.split(separator: ",").map { .string(Self.trimmed($0)) }.filter { $0 != "" }
            reading.note(path, "read as a list of \(found.count)")
        case .string where element.takesText:
            found = [value]
            reading.note(path, "read as a list of one")
        case .object where element.isObject, .integer where element.isOneWord, .number where element.isOneWord:
            found = [value]
            reading.note(path, "read as a list of one")
        default:
            let example = element.isObject ? " of objects, such as [{\"content\": \"…\"}]" : ""
            wrongType("a list\(example)", value, path, &reading)
            return nil
        }
        if !element.isObject { found.removeAll { $0 == .null } }
        guard count.contains(found.count) else {
            reading.refuse(
                .outOfRange, "has \(found.count) elements, it may have \(count.lowerBound) to \(count.upperBound)",
                at: path)
            return nil
        }
        return found
    }

    private static func trimmed(_ text: Substring) -> String {
        let start = text.drop { $0.isWhitespace }
        return String(start.prefix(start.count - start.reversed().prefix { $0.isWhitespace }.count))
    }

    /// Whether a list of these may come as one text with commas.
    private var isOneWord: Bool {
        switch self {
        case .text, .choice, .kind, .identifier: true
        default: false
        }
    }

    /// Whether an object of this shape may come as a text alone.
    private var takesText: Bool {
        guard case .object(let arguments, _, let plain, _) = self else { return false }
        return arguments.contains { argument in
            guard case .text = argument.shape else { return false }
            return plain.contains(argument.name)
        }
    }

    private var isObject: Bool {
        switch self {
        case .object, .openObject: true
        default: false
        }
    }
}
