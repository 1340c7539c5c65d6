import JSON

/// Reading an object: each member under its own name or another, members that belong into an inner object, and what is
/// missing.
extension Shape {
    func readObject(
        _ value: JSONValue, _ arguments: [Argument], _ oneOf: [String], _ plain: [String], _ path: String,
        _ reading: inout Reading
    ) -> JSONValue? {
        if let inner = Self.embedded(value, "an object", path, &reading) {
            return inner.flatMap { readObject($0, arguments, oneOf, plain, path, &reading) }
        }
        guard var members = value.objectValue ?? Self.plainMember(value, arguments, plain) else {
            Self.wrongType("an object", value, path, &reading)
            return nil
        }
        let prefix = path.isEmpty ? "" : path + "."
        if value.objectValue == nil, let name = members.keys.first { reading.note(path, "read as \(name)") }
        var sent: [String: String] = [:]
        members = Self.named(members, arguments, prefix, &sent, &reading)
        var result = JSONObject()
        for (name, value) in members {
            guard let argument = arguments.first(where: { $0.name == name }) else { continue }
            let faults = reading.faults.count
            // Members that came beside a transparent object have their places beside it.
            let place = argument.isTransparent && sent[name] == nil ? path : prefix + (sent[name] ?? name)
            let read = argument.shape.read(value, at: place, &reading)
            if reading.faults.count == faults { result[name] = read }
            if !reading.kindNames.isEmpty {
                result[name + "_names"] = .array(reading.kindNames.map { .string($0) })
                reading.kindNames = []
            }
        }
        for argument in arguments where members[argument.name] == nil {
            if argument.isRequired {
                reading.refuse(
                    .missing, "is required: \(argument.shape.expectation)", at: prefix + argument.name)
            }
            if let value = argument.defaultValue { result[argument.name] = value }
        }
        if !oneOf.isEmpty, oneOf.allSatisfy({ members[$0] == nil }) {
            reading.refuse(
                .missing, "at least one of \(oneOf.joined(separator: " and ")) is required",
                at: prefix + (oneOf.first ?? ""))
        }
        return .object(result)
    }

    /// A bare value as the member that it can only mean.
    private static func plainMember(_ value: JSONValue, _ arguments: [Argument], _ plain: [String]) -> JSONObject? {
        for name in plain {
            guard let argument = arguments.first(where: { $0.name == name }) else { continue }
            var attempt = Reading()
            switch value {
            case .string, .bool, .integer, .number:
                let isText = value.stringValue != nil
                if case .text = argument.shape, !isText { continue }
                if argument.shape.read(value, at: name, &attempt) != nil { return [name: value] }
            default: return nil
            }
        }
        return nil
    }

    // MARK: Names

    /// The members under their arguments' names; nulls and empty texts where a value may be absent are left out.
    ///
    /// - Parameter sent: Gets the names under which they were sent.
    private static func named(
        _ members: JSONObject, _ arguments: [Argument], _ prefix: String, _ sent: inout [String: String],
        _ reading: inout Reading
    ) -> JSONObject {
        var result = JSONObject()
        var inner: [(argument: Argument, key: String, value: JSONValue)] = []
        for (key, value) in members {
            if let argument = argument(called: key, in: arguments) {
                if value.isNull || argument.isAbsent(value) { continue }
                if argument.name != key { reading.note(prefix + shown(key), "read as \(argument.name)") }
                put(value, argument.name, prefix + shown(key), &result, &reading)
                if sent[argument.name] == nil { sent[argument.name] = shown(key) }
            } else if let holder = arguments.first(where: { $0.shape.holds(key) }) {
                if !value.isNull { inner.append((holder, key, value)) }
            } else {
                refuseUnknown(key, arguments, prefix, &reading)
            }
        }
        for (argument, key, value) in inner {
            if !argument.isTransparent { reading.note(prefix + shown(key), "read as a member of \(argument.name)") }
            put(value, under: key, argument, prefix, &result, &reading)
        }
        return result
    }

    private static func put(
        _ value: JSONValue, _ name: String, _ path: String, _ result: inout JSONObject, _ reading: inout Reading
    ) {
        if let other = result[name], other != value {
            reading.refuse(.schema, "says the same as another spelling of \(name); send one of them", at: path)
        } else {
            result[name] = value
        }
    }

    /// Puts a member that came beside its object into it.
    private static func put(
        _ value: JSONValue, under key: String, _ argument: Argument, _ prefix: String, _ result: inout JSONObject,
        _ reading: inout Reading
    ) {
        let name = argument.name
        var holder = result[name] ?? [:]
        // A text that is no JSON is refused where the object itself is read.
        if let text = holder.stringValue, let parsed = try? JSONParser.parse(text) { holder = parsed }
        if case .object(let arguments, _, let plain, _) = argument.shape, holder.objectValue == nil,
            let member = plainMember(holder, arguments, plain)
        {
            holder = .object(member)
        }
        guard var members = holder.objectValue else {
            reading.refuse(.schema, "belongs into \(name), which must then be an object", at: prefix + shown(key))
            return
        }
        if let other = members[key], other != value {
            reading.refuse(.schema, "is given here and in \(name); send one of them", at: prefix + shown(key))
        } else {
            members[key] = value
            result[name] = .object(members)
        }
    }

    static func argument(called key: String, in arguments: [Argument]) -> Argument? {
        if let exact = arguments.first(where: { $0.name == key || $0.aliases.contains(key) }) { return exact }
        let key = folded(key)
        return arguments.first { folded($0.name) == key || $0.aliases.contains { folded($0) == key } }
    }

    /// Whether a member of this name belongs into this object; `enabled` says too little to be moved.
    func holds(_ key: String) -> Bool {
        guard folded(key) != "enabled" else { return false }
        switch self {
        case .object(let arguments, _, _, _):
            return Self.argument(called: key, in: arguments) != nil || arguments.contains { $0.shape.holds(key) }
        case .openObject(_, let known): return known.contains { folded($0) == folded(key) }
        default: return false
        }
    }

    /// What to do instead, by the folded names of fields that are sent for another purpose.
    private static let hints = ["id": "ids are given by memory_store; memory_update changes a stored memory"]

    private static func refuseUnknown(
        _ key: String, _ arguments: [Argument], _ prefix: String, _ reading: inout Reading
    ) {
        let spelled = arguments.flatMap { [$0.name] + $0.aliases + $0.shape.elementNames }
        let remedy =
            hints[folded(key)] ?? Spelling.nearest(to: key, in: spelled).map { "did you mean \($0)?" }
            ?? "known are: \(arguments.map(\.name).joined(separator: ", "))"
        reading.refuse(.schema, "there is no such field; \(remedy)", at: prefix + shown(key))
    }

    /// The names of a batch's elements: members of the only one may come beside the batch.
    private var elementNames: [String] {
        guard case .batch(.object(let arguments, _, _, _), _) = self else { return [] }
        return arguments.flatMap { [$0.name] + $0.aliases }
    }

    private static func shown(_ key: String) -> String { String(key.prefix(64)) }

    /// What a missing value should have been, for its error.
    private var expectation: String {
        switch self {
        case .text(let length):
            length.upperBound < .max ? "a string of up to \(length.upperBound) characters" : "a string"
        case .choice(let words): "one of \(words.joined(separator: ", "))"
        case .kind: "one of \(MemoryKind.allCases.map(\.rawValue).joined(separator: ", "))"
        case .list(_, let count), .batch(_, let count): "a list of \(count.lowerBound) to \(count.upperBound)"
        case .identifier: "the id of a memory"
        case .boolean: "true or false"
        case .integer, .number: "a number"
        case .timestamp: "an ISO 8601 timestamp"
        case .openObject, .object, .tags: "an object"
        }
    }
}

extension Argument {
    /// Whether an empty text stands for a value that was left out: it cannot be meant as one.
    fileprivate func isAbsent(_ value: JSONValue) -> Bool {
        guard !isRequired, value.stringValue?.allSatisfy(\.isWhitespace) == true else { return false }
        switch shape {
        case .text(let length): return length.lowerBound > 0 && value.stringValue?.isEmpty == true
        default: return true
        }
    }
}
