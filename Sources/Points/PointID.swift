/// What names a point: an unsigned number or a UUID. Numbers sort before UUIDs, each by value.
public enum PointID: Hashable, Sendable {
    case number(UInt64)
    case uuid(UUIDBytes)

    /// Reads `42`, `550e8400-e29b-41d4-a716-446655440000`, 32 hex digits without dashes, `{…}` or `urn:uuid:…`; else
    /// nil.
    public init?(_ text: String) {
        if let uuid = UUIDBytes(text) {
            self = .uuid(uuid)
        } else if let number = UInt64(text), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            self = .number(number)
        } else {
            return nil
        }
    }
}

extension PointID {
    // One word for the hash: ids are looked up by the hundred thousand when a collection opens.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .number(let number): hasher.combine(number)
        case .uuid(let uuid): hasher.combine(uuid.high ^ uuid.low &* 0x9E37_79B9_7F4A_7C15)
        }
    }
}

extension PointID: Comparable {
    public static func < (a: PointID, b: PointID) -> Bool {
        switch (a, b) {
        case (.number(let x), .number(let y)): x < y
        case (.uuid(let x), .uuid(let y)): x < y
        case (.number, .uuid): true
        case (.uuid, .number): false
        }
    }
}

extension PointID: CustomStringConvertible {
    public var description: String {
        switch self {
        case .number(let number): String(number)
        case .uuid(let uuid): uuid.description
        }
    }
}

/// The 16 bytes of a UUID (RFC 9562), compared in the order they are written.
public struct UUIDBytes: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads 32 hex digits, or the dashed form, also in braces or after `urn:uuid:`; nil otherwise.
    public init?(_ text: String) {
        var digits = Array(text.utf8)
        if digits.count == 38, digits.first == UInt8(ascii: "{"), digits.last == UInt8(ascii: "}") {
            digits = Array(digits[1..<37])
        } else if digits.count == 45, digits[..<9].map({ $0 | 0x20 }).elementsEqual("urn:uuid:".utf8) {
            digits.removeFirst(9)
        }
        if digits.count == 36 {
            guard [8, 13, 18, 23].allSatisfy({ digits[$0] == UInt8(ascii: "-") }) else { return nil }
            digits.removeAll { $0 == UInt8(ascii: "-") }
        }
        guard digits.count == 32, digits.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            let high = UInt64(String(decoding: digits[..<16], as: UTF8.self), radix: 16),
            let low = UInt64(String(decoding: digits[16...], as: UTF8.self), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    public static func < (a: UUIDBytes, b: UUIDBytes) -> Bool {
        a.high < b.high || (a.high == b.high && a.low < b.low)
    }

    public var description: String {
        func hex(_ value: UInt64, _ width: Int) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        return hex(high >> 32, 8) + "-" + hex(high >> 16 & 0xFFFF, 4) + "-" + hex(high & 0xFFFF, 4) + "-"
            + hex(low >> 48, 4) + "-" + hex(low & 0xFFFF_FFFF_FFFF, 12)
    }
}
