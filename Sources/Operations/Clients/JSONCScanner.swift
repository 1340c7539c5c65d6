import JSON

/// Finds the places of values in JSON with comments and trailing commas.
struct JSONCScanner {
    typealias Fault = SettingsText.Fault

    /// One member of an object: where its key begins, and where its value is.
    struct Member {
        let key: String
        let start: Int
        let value: Range<Int>
    }

    private static let maximumDepth = 128

    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    // MARK: Reading

    /// The range of the one value that the text holds.
    mutating func root() throws(Fault) -> Range<Int> {
        // A byte order mark, which some editors write.
        at = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        try skipSpace()
        let range = try value(depth: 0)
        try skipSpace()
        guard at == bytes.count else { throw fault("there is something after the settings") }
        return range
    }

    mutating func members(of object: Range<Int>) throws(Fault) -> [Member] {
        at = object.lowerBound + 1
        var members: [Member] = []
        while try !closes(UInt8(ascii: "}")) {
            let start = at
            let name = try string()
            try skipSpace()
            guard take(UInt8(ascii: ":")) else { throw fault("a colon is missing") }
            try skipSpace()
            members.append(Member(key: name, start: start, value: try value(depth: 1)))
            try skipComma(UInt8(ascii: "}"))
        }
        return members
    }

    mutating func elements(of list: Range<Int>) throws(Fault) -> [Range<Int>] {
        at = list.lowerBound + 1
        var elements: [Range<Int>] = []
        while try !closes(UInt8(ascii: "]")) {
            elements.append(try value(depth: 1))
            try skipComma(UInt8(ascii: "]"))
        }
        return elements
    }

    /// The bytes of a value without comments and trailing commas.
    func plain(_ range: Range<Int>) -> [UInt8] {
        var scanner = self
        scanner.at = range.lowerBound
        var plain: [UInt8] = []
        while scanner.at < range.upperBound {
            let start = scanner.at
            if bytes[start] == UInt8(ascii: "\"") {
                // The range was scanned before: its strings end.
                guard (try? scanner.string()) != nil else { return plain }
                plain += bytes[start..<scanner.at]
            } else if scanner.skipsComment() {
                continue
            } else {
                if bytes[start] == UInt8(ascii: "}") || bytes[start] == UInt8(ascii: "]") {
                    while let last = plain.last, Self.isSpace(last) { plain.removeLast() }
                    if plain.last == UInt8(ascii: ",") { plain.removeLast() }
                }
                plain.append(bytes[start])
                scanner.at += 1
            }
        }
        return plain
    }

    private mutating func value(depth: Int) throws(Fault) -> Range<Int> {
        guard depth < Self.maximumDepth else { throw fault("the settings are nested too deeply") }
        let start = at
        guard at < bytes.count else { throw fault("the text ends too early") }
        switch bytes[at] {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "{"):
            at += 1
            while try !closes(UInt8(ascii: "}")) {
                _ = try string()
                try skipSpace()
                guard take(UInt8(ascii: ":")) else { throw fault("a colon is missing") }
                try skipSpace()
                _ = try value(depth: depth + 1)
                try skipComma(UInt8(ascii: "}"))
            }
            at += 1
        case UInt8(ascii: "["):
            at += 1
            while try !closes(UInt8(ascii: "]")) {
                _ = try value(depth: depth + 1)
                try skipComma(UInt8(ascii: "]"))
            }
            at += 1
        default:
            let isWord: (UInt8) -> Bool = { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".")
            }
            while at < bytes.count, isWord(bytes[at]) { at += 1 }
            guard at > start else { throw fault("a value is missing") }
        }
        return start..<at
    }

    /// Whether the object or list ends here.
    private mutating func closes(_ bracket: UInt8) throws(Fault) -> Bool {
        try skipSpace()
        guard at < bytes.count else { throw fault("the text ends too early") }
        return bytes[at] == bracket
    }

    private mutating func skipComma(_ bracket: UInt8) throws(Fault) {
        try skipSpace()
        guard !take(UInt8(ascii: ",")), at >= bytes.count || bytes[at] != bracket else { return }
        throw fault("a comma is missing")
    }

    private mutating func string() throws(Fault) -> String {
        let start = at
        guard take(UInt8(ascii: "\"")) else { throw fault("a name in quotes is missing") }
        while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != 0x0A {
            at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard at < bytes.count, take(UInt8(ascii: "\"")) else {
            throw fault("a text in quotes does not end", at: start)
        }
        do {
            return try JSONParser.parse(bytes[start..<at]).stringValue ?? ""
        } catch {
            throw fault("a text in quotes cannot be read", at: start)
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    private mutating func skipSpace() throws(Fault) {
        while at < bytes.count {
            if Self.isSpace(bytes[at]) {
                at += 1
            } else if !skipsComment() {
                return
            }
        }
    }

    /// Passes over the comment that begins here; false where none does.
    private mutating func skipsComment() -> Bool {
        guard at + 1 < bytes.count, bytes[at] == UInt8(ascii: "/") else { return false }
        switch bytes[at + 1] {
        case UInt8(ascii: "/"): while at < bytes.count, bytes[at] != 0x0A { at += 1 }
        case UInt8(ascii: "*"):
            at += 2
            while at < bytes.count, !(bytes[at - 1] == UInt8(ascii: "*") && bytes[at] == UInt8(ascii: "/")) { at += 1 }
            at = min(at + 1, bytes.count)
        default: return false
        }
        return true
    }

    func line(of offset: Int) -> Int { bytes[..<min(offset, bytes.count)].count { $0 == 0x0A } + 1 }

    private func fault(_ text: String, at offset: Int? = nil) -> Fault {
        Fault(message: "line \(line(of: offset ?? at)): \(text)")
    }

    // MARK: Cutting

    func replacing(_ range: Range<Int>, with shown: String) -> String {
        String(decoding: bytes[..<range.lowerBound] + added(shown) + bytes[range.upperBound...], as: UTF8.self)
    }

    /// The text with one more member or element at the end of `container`, behind the comments that are there.
    func adding(_ addition: Pretty, to container: Range<Int>, after parts: [Range<Int>]) -> String {
        let brace = container.upperBound - 1
        let outer = indent(ofLineAt: container.lowerBound)
        // Where the first part begins a line, its indentation is the container's.
        let first = parts.first.flatMap { beginsLine($0.lowerBound) ? indent(ofLineAt: $0.lowerBound) : nil }
        let inner = first ?? outer + indentUnit
        var scanner = self
        var end = brace
        while end > container.lowerBound + 1, Self.isSpace(bytes[end - 1]) { end -= 1 }
        var result = Array(bytes[..<(parts.last?.upperBound ?? end)])
        if let last = parts.last {
            scanner.at = last.upperBound
            // A trailing comma stays the only one.
            let hasComma = (try? scanner.skipSpace()) != nil && scanner.take(UInt8(ascii: ","))
            if !hasComma { result.append(UInt8(ascii: ",")) }
            result += bytes[last.upperBound..<end]
        }
        result += added("\n" + inner + addition.text(indent: inner, unit: indentUnit))
        let tail = bytes[end..<brace]
        result += tail.contains(0x0A) ? Array(tail) : added("\n" + outer)
        result += bytes[brace...]
        return String(decoding: result, as: UTF8.self)
    }

    /// The bytes of what is added, its lines ended as the others are.
    private func added(_ text: String) -> [UInt8] {
        Array(text.replacing("\n", with: LineEnd(of: bytes).text).utf8)
    }

    private func beginsLine(_ offset: Int) -> Bool {
        bytes[..<offset].reversed().prefix { $0 != 0x0A }.allSatisfy(Self.isSpace)
    }

    func indent(ofLineAt offset: Int) -> String {
        let start = bytes[..<offset].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        return String(decoding: bytes[start..<offset].prefix { $0 == 0x20 || $0 == 0x09 }, as: UTF8.self)
    }

    /// What one level is indented by: the first indentation in the text, or two spaces.
    var indentUnit: String {
        for line in bytes.split(separator: 0x0A) {
            let blank = line.prefix { $0 == 0x20 || $0 == 0x09 }
            if !blank.isEmpty, blank.count < line.count { return String(decoding: blank, as: UTF8.self) }
        }
        return "  "
    }
}
