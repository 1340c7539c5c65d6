/// The reason why a text is not JSON.
package struct JSONError: Error, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        case unexpectedEnd, unexpectedByte, invalidNumber, invalidString, invalidUTF8, tooDeep, trailingBytes
    }

    package let code: Code
    /// The offset of the first wrong byte from the start of the text.
    package let byteOffset: Int

    package init(code: Code, byteOffset: Int) {
        self.code = code
        self.byteOffset = byteOffset
    }

    package var description: String {
        let what =
            switch code {
            case .unexpectedEnd: "the text ends inside a value"
            case .unexpectedByte: "a character that JSON does not allow here"
            case .invalidNumber: "a number that JSON does not allow"
            case .invalidString: "a string with a bad escape or a control character"
            case .invalidUTF8: "bytes that are not UTF-8"
            case .tooDeep: "arrays and objects nested too deep"
            case .trailingBytes: "text after the end of the value"
            }
        return "not valid JSON: \(what), at byte \(byteOffset)"
    }
}

/// A strict RFC 8259 reader over bytes: no comments, no trailing commas, bounded depth. A lone surrogate, which is half
/// a character, is refused, unless the caller asks for U+FFFD in its place.
///
/// The cost is linear in the text. Numbers are read exactly (see ``JSONValue``); of two equal keys the last one counts.
package struct JSONParser {
    /// The deepest nesting of arrays and objects that is accepted: recursion must not reach the end of the stack.
    package static let maximumDepth = 128
    /// Levels of a message or a line of a file around a payload, which may have the maximum depth itself.
    package static let envelopeDepth = 8

    let bytes: UnsafeBufferPointer<UInt8>
    var at = 0
    private var depth = 0
    private let deepest: Int
    /// Whether U+FFFD takes the place of a lone surrogate, and how many there were.
    private let replacesLoneSurrogates: Bool
    private var replacedSurrogates = 0

    init(
        _ bytes: UnsafeBufferPointer<UInt8>, replacesLoneSurrogates: Bool = false, deepest: Int = Self.maximumDepth
    ) {
        self.bytes = bytes
        self.deepest = deepest
        self.replacesLoneSurrogates = replacesLoneSurrogates
    }

    /// Reads one JSON value that fills the whole of `text`.
    package static func parse(_ text: some Collection<UInt8>) throws(JSONError) -> JSONValue {
        try parse(text, deepest: maximumDepth)
    }

    /// The same for a message or a line around payloads, which is nested `envelopeDepth` levels deeper at most. A
    /// payload in it may be too deep, which its own check finds.
    package static func parseEnvelope(_ text: some Collection<UInt8>) throws(JSONError) -> JSONValue {
        try parse(text, deepest: maximumDepth + envelopeDepth)
    }

    private static func parse(_ text: some Collection<UInt8>, deepest: Int) throws(JSONError) -> JSONValue {
        let result = text.withContiguousStorageIfAvailable {
            parseBuffer($0, replacesLoneSurrogates: false, deepest: deepest)
        }
        if let result { return try result.get().value }
        return try parse(Array(text), deepest: deepest)
    }

    package static func parse(_ text: String) throws(JSONError) -> JSONValue {
        var text = text
        return try text.withUTF8 { parseBuffer($0, replacesLoneSurrogates: false) }.get().value
    }

    /// Reads one JSON value in which U+FFFD takes the place of every lone surrogate, and says how many there were:
    /// some clients cut a character in half.
    package static func parseReplacingSurrogates(_ text: [UInt8]) throws(JSONError) -> (value: JSONValue, count: Int) {
        try text.withUnsafeBufferPointer { parseBuffer($0, replacesLoneSurrogates: true) }.get()
    }

    private static func parseBuffer(
        _ buffer: UnsafeBufferPointer<UInt8>, replacesLoneSurrogates: Bool, deepest: Int = maximumDepth
    ) -> Result<(value: JSONValue, count: Int), JSONError> {
        var parser = JSONParser(buffer, replacesLoneSurrogates: replacesLoneSurrogates, deepest: deepest)
        do throws(JSONError) {
            parser.skipSpace()
            let value = try parser.value()
            parser.skipSpace()
            guard parser.at == buffer.count else { throw parser.error(.trailingBytes) }
            return .success((value, parser.replacedSurrogates))
        } catch {
            return .failure(error)
        }
    }

    func error(_ code: JSONError.Code) -> JSONError { JSONError(code: code, byteOffset: at) }

    mutating func skipSpace() {
        while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x0D || bytes[at] == 0x09 {
            at += 1
        }
    }

    func peek() throws(JSONError) -> UInt8 {
        guard at < bytes.count else { throw error(.unexpectedEnd) }
        return bytes[at]
    }

    mutating func value() throws(JSONError) -> JSONValue {
        switch try peek() {
        case UInt8(ascii: "{"): return try nested { parser throws(JSONError) in .object(try parser.object()) }
        case UInt8(ascii: "["): return try nested { parser throws(JSONError) in .array(try parser.array()) }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw error(.unexpectedByte)
        }
    }

    mutating func nested<Result>(
        _ body: (inout JSONParser) throws(JSONError) -> Result
    ) throws(JSONError) -> Result {
        guard depth < deepest else { throw error(.tooDeep) }
        depth += 1
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for i in 0..<text.utf8CodeUnitCount {
            guard try peek() == text.utf8Start[i] else { throw error(.unexpectedByte) }
            at += 1
        }
        return value
    }

    private mutating func object() throws(JSONError) -> JSONObject {
        var members = JSONObject()
        at += 1
        skipSpace()
        if try peek() == UInt8(ascii: "}") {
            at += 1
            return members
        }
        while true {
            guard try peek() == UInt8(ascii: "\"") else { throw error(.unexpectedByte) }
            let key = try string()
            skipSpace()
            guard try peek() == UInt8(ascii: ":") else { throw error(.unexpectedByte) }
            at += 1
            skipSpace()
            members[key] = try value()
            skipSpace()
            switch try peek() {
            case UInt8(ascii: ","):
                at += 1
                skipSpace()
            case UInt8(ascii: "}"):
                at += 1
                return members
            default: throw error(.unexpectedByte)
            }
        }
    }

    private mutating func array() throws(JSONError) -> [JSONValue] {
        var elements: [JSONValue] = []
        at += 1
        skipSpace()
        if try peek() == UInt8(ascii: "]") {
            at += 1
            return elements
        }
        while true {
            elements.append(try value())
            skipSpace()
            switch try peek() {
            case UInt8(ascii: ","):
                at += 1
                skipSpace()
            case UInt8(ascii: "]"):
                at += 1
                return elements
            default: throw error(.unexpectedByte)
            }
        }
    }

    // MARK: Strings

    mutating func string() throws(JSONError) -> String {
        at += 1
        let start = at
        while true {
            let byte = try peek()
            if byte == UInt8(ascii: "\"") {
                let text = try utf8(start..<at)
                at += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            guard byte >= 0x20 else { throw error(.invalidString) }
            at += 1
        }
    }

    private func utf8(_ range: Range<Int>) throws(JSONError) -> String {
        guard let text = String(validating: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self) else {
            throw JSONError(code: .invalidUTF8, byteOffset: range.lowerBound)
        }
        return text
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var decoded = Array(bytes[start..<at])
        while true {
            let byte = try peek()
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: decoded, as: UTF8.self) else {
                    throw JSONError(code: .invalidUTF8, byteOffset: start)
                }
                at += 1
                return text
            case UInt8(ascii: "\\"):
                at += 1
                try appendEscape(to: &decoded)
            case 0..<0x20: throw error(.invalidString)
            default:
                decoded.append(byte)
                at += 1
            }
        }
    }

    private mutating func appendEscape(to decoded: inout [UInt8]) throws(JSONError) {
        let byte = try peek()
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"):
            var scalar = try hex4()
            if (0xD800..<0xDC00).contains(scalar), let low = try lowSurrogate() {
                scalar = 0x10000 + ((scalar - 0xD800) << 10) + (low - 0xDC00)
            }
            let unicode = Unicode.Scalar(scalar)
            if unicode == nil {
                guard replacesLoneSurrogates else { throw error(.invalidString) }
                replacedSurrogates += 1
            }
            decoded.append(contentsOf: unicode.flatMap(UTF8.encode) ?? UTF8.encodedReplacementCharacter)
        default: throw error(.invalidString)
        }
    }

    /// The second half of a character whose first half was read; nil, with nothing read, where another text follows.
    private mutating func lowSurrogate() throws(JSONError) -> UInt32? {
        guard at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u") else {
            return nil
        }
        let start = at
        at += 2
        let low = try hex4()
        if (0xDC00..<0xE000).contains(low) { return low }
        at = start
        return nil
    }

    private mutating func hex4() throws(JSONError) -> UInt32 {
        var scalar: UInt32 = 0
        for _ in 0..<4 {
            let byte = try peek()
            let digit: UInt32
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = UInt32(byte) - 0x30
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = UInt32(byte) - 0x57
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = UInt32(byte) - 0x37
            default: throw error(.invalidString)
            }
            scalar = scalar << 4 | digit
            at += 1
        }
        return scalar
    }

    // MARK: Numbers

    /// The digits of a number; at most 19 are kept, which fit into 64 bits.
    private struct Digits {
        var value: UInt64 = 0
        var count = 0
        var isWhole: Bool { count <= 19 }

        mutating func append(_ digit: UInt8) {
            // Leading zeros do not count.
            if value == 0 && digit == 0 { return }
            count += 1
            if count <= 19 { value = value &* 10 &+ UInt64(digit) }
        }
    }

    /// - Returns: the number of digits.
    private mutating func digits(into all: inout Digits) -> Int {
        let start = at
        while at < bytes.count {
            let digit = bytes[at] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            all.append(digit)
            at += 1
        }
        return at - start
    }

    mutating func number() throws(JSONError) -> JSONValue {
        let start = at
        var isInteger = true
        let isNegative = bytes[at] == UInt8(ascii: "-")
        if isNegative { at += 1 }
        let first = try peek()
        var all = Digits()
        var exponent = 0
        let count = digits(into: &all)
        guard count > 0, count == 1 || first != UInt8(ascii: "0") else { throw error(.invalidNumber) }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            isInteger = false
            at += 1
            let fraction = digits(into: &all)
            guard fraction > 0 else { throw error(.invalidNumber) }
            exponent = -fraction
        }
        if at < bytes.count, bytes[at] == UInt8(ascii: "e") || bytes[at] == UInt8(ascii: "E") {
            isInteger = false
            exponent += try power()
        }
        if isInteger, all.count < 19 { return .integer(isNegative ? -Int64(all.value) : Int64(all.value)) }
        if !isInteger, all.isWhole, let value = DecimalNumber.value(all.value, exponent: exponent) {
            return .number(isNegative ? -value : value)
        }
        return try longNumber(start, isInteger)
    }

    /// The digits after an `e`, limited to exponents that a double can have.
    private mutating func power() throws(JSONError) -> Int {
        at += 1
        var isNegative = false
        if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") {
            isNegative = bytes[at] == UInt8(ascii: "-")
            at += 1
        }
        var all = Digits()
        guard digits(into: &all) > 0 else { throw error(.invalidNumber) }
        let power = all.count > 5 ? 100_000 : Int(all.value)
        return isNegative ? -power : power
    }

    /// A number with many digits or a large exponent, read by the library.
    private func longNumber(_ start: Int, _ isInteger: Bool) throws(JSONError) -> JSONValue {
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if isInteger {
            if let value = Int64(text) { return .integer(value) }
            if let value = UInt64(text) { return .unsigned(value) }
        }
        guard let value = Double(text), value.isFinite else {
            throw JSONError(code: .invalidNumber, byteOffset: start)
        }
        return .number(value)
    }
}
