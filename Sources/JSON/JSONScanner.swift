/// Finds values in a JSON text by key or position and skips everything else, without building values for it.
///
/// For filters over many payloads: a scan costs about one pass over the text, and only the value that is asked for is
/// parsed. The text must be valid JSON (it was checked when it was stored); the scanner never reads beyond its end, and
/// answers nil where the text is not what it expects. Offsets name the first byte of a value.
package struct JSONScanner {
    private let bytes: UnsafeBufferPointer<UInt8>

    package init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// Runs `body` with a scanner of a text; the offsets that it finds mean nothing to another one.
    package static func scanning<Result>(
        _ text: [UInt8], _ body: (JSONScanner) throws -> Result
    ) rethrows -> Result {
        try text.withUnsafeBufferPointer { try body(JSONScanner($0)) }
    }

    /// The offset of the whole text's value; nil for an empty text.
    package var root: Int? {
        let at = skipSpace(0)
        return at < bytes.count ? at : nil
    }

    /// Whether arrays and objects of a valid text are nested no deeper than the general reader goes.
    package static func isNestedWithinReach(_ text: [UInt8]) -> Bool {
        text.withUnsafeBufferPointer { JSONScanner($0).isNestedWithinReach }
    }

    /// Whether arrays and objects are nested no deeper than the general reader goes. Costs a pass over the text.
    private var isNestedWithinReach: Bool {
        // Most texts have too few brackets to be nested that deep. The two that open differ in one bit: [ and {.
        var opening = 0
        for byte in bytes { opening &+= byte | 0x20 == UInt8(ascii: "{") ? 1 : 0 }
        guard opening > JSONParser.maximumDepth else { return true }
        var depth = 0
        var at = 0
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""):
                at = skipString(at)
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth > JSONParser.maximumDepth { return false }
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            at += 1
        }
        return true
    }

    /// The value at `offset`, as the general reader reads it; null where the text is not valid.
    package func value(at offset: Int) -> JSONValue {
        var parser = JSONParser(bytes)
        parser.at = offset
        do throws(JSONError) {
            return try parser.value()
        } catch {
            return .null
        }
    }

    /// The first byte of the value at `offset`.
    package func kind(at offset: Int) -> UInt8 { offset < bytes.count ? bytes[offset] : 0 }

    /// The value of the last member called `key` of the object at `offset`; nil where there is none, or no object.
    package func member(_ key: [UInt8], of offset: Int) -> Int? {
        guard kind(at: offset) == UInt8(ascii: "{") else { return nil }
        var found: Int?
        var at = skipSpace(offset + 1)
        while at < bytes.count, bytes[at] == UInt8(ascii: "\"") {
            let start = at + 1
            at = skipString(at)
            let isWanted = isKey(key, start, at - 1)
            at = skipSpace(at)
            guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else { return found }
            at = skipSpace(at + 1)
            if isWanted { found = at }
            at = skipSpace(skipValue(at))
            guard at < bytes.count, bytes[at] == UInt8(ascii: ",") else { return found }
            at = skipSpace(at + 1)
        }
        return found
    }

    /// Calls `body` with the offset of each element of the array at `offset`, in order.
    package func forEachElement(of offset: Int, _ body: (Int) -> Void) {
        guard kind(at: offset) == UInt8(ascii: "[") else { return }
        var at = skipSpace(offset + 1)
        while at < bytes.count, bytes[at] != UInt8(ascii: "]") {
            body(at)
            at = skipSpace(skipValue(at))
            guard at < bytes.count, bytes[at] == UInt8(ascii: ",") else { return }
            at = skipSpace(at + 1)
        }
    }

    /// Whether the string between two offsets is `key`; escapes are resolved where there are any.
    @inline(__always)
    private func isKey(_ key: [UInt8], _ start: Int, _ end: Int) -> Bool {
        let count = end - start
        if count == key.count {
            var i = 0
            while i < count, bytes[start + i] == key[i], bytes[start + i] != UInt8(ascii: "\\") { i += 1 }
            if i == count { return true }
        }
        guard count > key.count else { return false }
        // An escape makes a string longer than what it stands for.
        var i = start
        while i < end, bytes[i] != UInt8(ascii: "\\") { i += 1 }
        guard i < end, case .string(let text) = value(at: start - 1) else { return false }
        return text.utf8.elementsEqual(key)
    }

    @inline(__always)
    private func skipSpace(_ offset: Int) -> Int {
        var at = offset
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x0A, 0x0D, 0x09: at += 1
            default: return at
            }
        }
        return at
    }

    /// The offset behind the string that begins at `offset`.
    @inline(__always)
    private func skipString(_ offset: Int) -> Int {
        var at = offset + 1
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "\"") { return at + 1 }
            at += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        return bytes.count
    }

    /// The offset behind the value that begins at `offset`.
    private func skipValue(_ offset: Int) -> Int {
        guard offset < bytes.count else { return bytes.count }
        switch bytes[offset] {
        case UInt8(ascii: "\""): return skipString(offset)
        case UInt8(ascii: "{"), UInt8(ascii: "["): return skipNested(offset)
        default:
            var at = offset
            while at < bytes.count {
                switch bytes[at] {
                case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), 0x20, 0x0A, 0x0D, 0x09: return at
                default: at += 1
                }
            }
            return at
        }
    }

    private func skipNested(_ offset: Int) -> Int {
        var depth = 0
        var at = offset
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""): at = skipString(at)
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                at += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                at += 1
                if depth == 0 { return at }
            default: at += 1
            }
        }
        return at
    }
}
