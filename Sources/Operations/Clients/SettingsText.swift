import JSON

/// The text of a settings file, JSON with comments and trailing commas, changed in one place: everything else keeps its
/// bytes.
///
/// Editors and MCP clients keep their settings in such files, and people write comments into them. So the text is not
/// parsed and written again; the place of one value is found, and the text is cut there. Cost is linear in the text.
struct SettingsText {
    /// What cannot be read or changed, for the person whose file it is.
    struct Fault: Error, Equatable {
        let message: String
    }

    private(set) var text: String
    private var bytes: [UInt8] { Array(text.utf8) }

    /// - Parameter text: The file as it is; an empty one becomes an object.
    init(_ text: String) { self.text = text.allSatisfy(\.isWhitespace) ? "{\n}\n" : text }

    /// The value at `path`; nil where there is none.
    func value(at path: [String]) throws(Fault) -> JSONValue? {
        let bytes = bytes
        var scanner = JSONCScanner(bytes)
        var range = try scanner.root()
        for key in path {
            guard bytes[range.lowerBound] == UInt8(ascii: "{") else { return nil }
            guard let member = try scanner.members(of: range).last(where: { $0.key == key }) else { return nil }
            range = member.value
        }
        do {
            return try JSONParser.parse(scanner.plain(range))
        } catch {
            throw Fault(message: "line \(scanner.line(of: range.lowerBound)) is not JSON")
        }
    }

    /// Puts `value` at `path`, replacing the present value; objects that are missing on the way are made.
    mutating func set(_ path: [String], to value: JSONValue) throws(Fault) {
        guard try self.value(at: path) != value else { return }
        let bytes = bytes
        var scanner = JSONCScanner(bytes)
        var object = try scanner.root()
        for (depth, key) in path.enumerated() {
            guard bytes[object.lowerBound] == UInt8(ascii: "{") else {
                throw Fault(
                    message: "line \(scanner.line(of: object.lowerBound)): an object was expected at "
                        + (depth == 0 ? "the beginning" : path[..<depth].joined(separator: ".")))
            }
            let members = try scanner.members(of: object)
            guard let member = members.last(where: { $0.key == key }) else {
                let rest = path[(depth + 1)...].reversed().reduce(value) { .object([$1: $0]) }
                let list = members.map { $0.start..<$0.value.upperBound }
                text = scanner.adding(Pretty(key: key, value: rest), to: object, after: list)
                return
            }
            if depth == path.count - 1 {
                let indent = scanner.indent(ofLineAt: member.start)
                let shown = Pretty(key: nil, value: value).text(indent: indent, unit: scanner.indentUnit)
                text = scanner.replacing(member.value, with: shown)
                return
            }
            object = member.value
        }
    }

    /// Adds `value` to the end of the list at `path`, which is made where there is none.
    mutating func append(_ value: JSONValue, to path: [String]) throws(Fault) {
        guard let present = try self.value(at: path) else { return try set(path, to: [value]) }
        guard present.arrayValue != nil else {
            throw Fault(message: "\(path.joined(separator: ".")) is not a list")
        }
        let bytes = bytes
        var scanner = JSONCScanner(bytes)
        var range = try scanner.root()
        for key in path {
            guard let member = try scanner.members(of: range).last(where: { $0.key == key }) else { return }
            range = member.value
        }
        let elements = try scanner.elements(of: range)
        text = scanner.adding(Pretty(key: nil, value: value), to: range, after: elements)
    }
}

/// A value as people indent it, with its key where it is a member.
struct Pretty {
    let key: String?
    let value: JSONValue

    func text(indent: String, unit: String) -> String {
        let prefix = key.map { JSONWriter.text(.string($0)) + ": " } ?? ""
        return prefix + Self.text(value, indent, unit)
    }

    private static func text(_ value: JSONValue, _ indent: String, _ unit: String) -> String {
        let inner = indent + unit
        switch value {
        case .object(let members) where !members.isEmpty:
            let lines = members.map { inner + Pretty(key: $0.key, value: $0.value).text(indent: inner, unit: unit) }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        case .array(let elements) where elements.contains(where: { $0.objectValue != nil }):
            let lines = elements.map { inner + text($0, inner, unit) }
            return "[\n" + lines.joined(separator: ",\n") + "\n\(indent)]"
        case .array(let elements):
            return "[" + elements.map { JSONWriter.text($0) }.joined(separator: ", ") + "]"
        default: return JSONWriter.text(value)
        }
    }
}
