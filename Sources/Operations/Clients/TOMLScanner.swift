/// Finds the statements of a text in TOML 1.0 (toml.io/en/v1.0.0): the headers of tables, and the keys with their
/// values as byte offsets.
///
/// It knows where texts, lists and inline tables end, so that nothing inside a value is taken for a statement. Numbers
/// and dates are passed over by their characters alone. Cost is linear in the text.
struct TOMLScanner {
    typealias Fault = SettingsText.Fault

    struct Key {
        let names: [String]
        let range: Range<Int>
        /// Where each name begins.
        let starts: [Int]
    }

    struct Statement {
        enum Kind { case table, elementOfTables, pair }

        let kind: Kind
        let key: Key
        /// Where the value of a pair lies; empty for a header.
        let value: Range<Int>
        /// Where the next line begins.
        let end: Int
    }

    private static let maximumDepth = 128

    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func statements() throws(Fault) -> [Statement] {
        // A byte order mark, which some editors write.
        at = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        var statements: [Statement] = []
        while true {
            skipBlanks()
            guard let byte = next else { return statements }
            switch byte {
            case 0x0A, 0x0D, UInt8(ascii: "#"): try endLine()
            case UInt8(ascii: "["): statements.append(try header())
            default: statements.append(try pair())
            }
        }
    }

    private mutating func header() throws(Fault) -> Statement {
        let open = at
        while open + 2 > at, take(UInt8(ascii: "[")) {}
        let brackets = at - open
        skipBlanks()
        let key = try key()
        skipBlanks()
        for _ in 0..<brackets {
            guard take(UInt8(ascii: "]")) else { throw fault("a bracket is missing") }
        }
        let value = at..<at
        try endLine()
        return Statement(kind: brackets == 1 ? .table : .elementOfTables, key: key, value: value, end: at)
    }

    private mutating func pair() throws(Fault) -> Statement {
        let key = try key()
        skipBlanks()
        guard take(UInt8(ascii: "=")) else { throw fault("an equals sign is missing") }
        skipBlanks()
        let value = try value(depth: 0)
        try endLine()
        return Statement(kind: .pair, key: key, value: value, end: at)
    }

    private mutating func key() throws(Fault) -> Key {
        let start = at
        var names: [String] = []
        var starts: [Int] = []
        while true {
            let last = at
            starts.append(last)
            if next == UInt8(ascii: "\"") || next == UInt8(ascii: "'") {
                names.append(try string(allowsLines: false))
            } else {
                while let byte = next, Self.isOfBareKey(byte) { at += 1 }
                guard at > last else { throw fault("a key is missing") }
                names.append(String(decoding: bytes[last..<at], as: UTF8.self))
            }
            let end = at
            skipBlanks()
            guard take(UInt8(ascii: ".")) else {
                at = end
                return Key(names: names, range: start..<end, starts: starts)
            }
            skipBlanks()
        }
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(Fault) -> Range<Int> {
        guard depth < Self.maximumDepth else { throw fault("the settings are nested too deeply") }
        let start = at
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): _ = try string(allowsLines: true)
        case UInt8(ascii: "["): _ = try elements(depth: depth)
        case UInt8(ascii: "{"): try inlineTable(depth: depth)
        default:
            while let byte = next, Self.isOfBareValue(byte) || (byte == 0x20 && isBetweenDateAndTime(start)) { at += 1 }
            guard at > start else { throw fault("a value is missing") }
        }
        return start..<at
    }

    private mutating func elements(depth: Int) throws(Fault) -> [Range<Int>] {
        let start = at
        at += 1
        var elements: [Range<Int>] = []
        while true {
            skipLines()
            if take(UInt8(ascii: "]")) { return elements }
            guard next != nil else { throw fault("a list does not end", at: start) }
            elements.append(try value(depth: depth + 1))
            skipLines()
            guard take(UInt8(ascii: ",")) || next == UInt8(ascii: "]") else { throw fault("a comma is missing") }
        }
    }

    private mutating func inlineTable(depth: Int) throws(Fault) {
        at += 1
        skipBlanks()
        if take(UInt8(ascii: "}")) { return }
        while true {
            skipBlanks()
            _ = try key()
            skipBlanks()
            guard take(UInt8(ascii: "=")) else { throw fault("an equals sign is missing") }
            skipBlanks()
            _ = try value(depth: depth + 1)
            skipBlanks()
            if take(UInt8(ascii: "}")) { return }
            guard take(UInt8(ascii: ",")) else { throw fault("a comma is missing") }
        }
    }

    /// The text at `range`; nil for a value of another type.
    func text(at range: Range<Int>) -> String? {
        var scanner = self
        scanner.at = range.lowerBound
        guard scanner.next == UInt8(ascii: "\"") || scanner.next == UInt8(ascii: "'") else { return nil }
        // The range was scanned before, so its text ends.
        return try? scanner.string(allowsLines: true)
    }

    /// The texts of the list at `range`; nil for another type, and for a list of anything else.
    func texts(at range: Range<Int>) -> [String]? {
        var scanner = self
        scanner.at = range.lowerBound
        // The range was scanned before, so its list ends.
        guard scanner.next == UInt8(ascii: "["), let elements = try? scanner.elements(depth: 0) else { return nil }
        let texts = elements.compactMap { text(at: $0) }
        return texts.count == elements.count ? texts : nil
    }

    private mutating func string(allowsLines: Bool) throws(Fault) -> String {
        let start = at
        let quote = bytes[at]
        let isLong = allowsLines && count(of: quote) >= 3
        at += isLong ? 3 : 1
        if isLong { skipLineEnd() }
        var text: [UInt8] = []
        while let byte = next {
            if byte == quote {
                let quotes = isLong ? min(5, count(of: quote)) : 1
                if !isLong || quotes >= 3 {
                    at += quotes
                    text += [UInt8](repeating: quote, count: isLong ? quotes - 3 : 0)
                    return String(decoding: text, as: UTF8.self)
                }
            } else if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                text += try escaped(isLong)
                continue
            } else if byte == 0x7F || (byte < 0x20 && byte != 0x09 && !(isLong && endsLine(at))) {
                break
            }
            text.append(byte)
            at += 1
        }
        throw fault("a text in quotes does not end or holds a control character", at: start)
    }

    /// What the backslash here and the characters behind it stand for.
    private mutating func escaped(_ isLong: Bool) throws(Fault) -> [UInt8] {
        let start = at
        at += 1
        guard let byte = next else { throw fault("the text ends too early") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let digits = bytes[at...].prefix(byte == UInt8(ascii: "u") ? 4 : 8)
            at += digits.count
            let text = String(decoding: digits, as: UTF8.self)
            if digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                text.utf8.count == (byte == UInt8(ascii: "u") ? 4 : 8),
                let scalar = UInt32(text, radix: 16).flatMap(Unicode.Scalar.init)
            {
                return Array(String(scalar).utf8)
            }
        default:
            // A backslash at the end of a line takes the blanks and line ends that follow.
            at -= 1
            skipBlanks()
            if isLong, endsLine(at) {
                repeat { skipBlanks() } while skipLineEnd()
                return []
            }
        }
        throw fault("a backslash is followed by what it cannot be followed by", at: start)
    }

    // MARK: Steps

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private func count(of byte: UInt8) -> Int { bytes[at...].prefix { $0 == byte }.count }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        at += 1
        return true
    }

    private mutating func skipBlanks() { while next == 0x20 || next == 0x09 { at += 1 } }

    private func endsLine(_ offset: Int) -> Bool {
        guard offset < bytes.count else { return false }
        return bytes[offset] == 0x0A
            || (bytes[offset] == 0x0D && offset + 1 < bytes.count && bytes[offset + 1] == 0x0A)
    }

    @discardableResult private mutating func skipLineEnd() -> Bool {
        guard endsLine(at) else { return false }
        at += bytes[at] == 0x0D ? 2 : 1
        return true
    }

    private mutating func skipComment() {
        guard next == UInt8(ascii: "#") else { return }
        while next != nil, !endsLine(at) { at += 1 }
    }

    /// Passes over the rest of a line, in which only a comment may be.
    private mutating func endLine() throws(Fault) {
        skipBlanks()
        skipComment()
        guard next == nil || skipLineEnd() else { throw fault("the line goes on where it should end") }
    }

    /// Passes over blanks, comments and line ends inside a list.
    private mutating func skipLines() {
        repeat {
            skipBlanks()
            skipComment()
        } while skipLineEnd()
    }

    private static func isOfBareKey(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    private static func isOfBareValue(_ byte: UInt8) -> Bool {
        isOfBareKey(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
    }

    /// Whether the blank here is the one that a date may have before its time.
    private func isBetweenDateAndTime(_ start: Int) -> Bool {
        at - start == 10 && bytes[start + 4] == UInt8(ascii: "-") && at + 1 < bytes.count
            && (0x30...0x39).contains(bytes[at + 1])
    }

    private func fault(_ text: String, at offset: Int? = nil) -> Fault {
        Fault(message: "line \(line(of: offset ?? at)): \(text)")
    }

    func line(of offset: Int) -> Int { bytes[..<min(offset, bytes.count)].count { $0 == 0x0A } + 1 }
}
