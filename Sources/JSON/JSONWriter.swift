/// Writes values as compact JSON text.
///
/// `canonical` sorts the members of every object by the UTF-8 bytes of their keys, so that equal values give equal
/// bytes; otherwise members keep their order. A double that is not finite is written as `null`, because JSON has no
/// number for it.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    private let isCanonical: Bool

    package init(canonical: Bool = false) { isCanonical = canonical }

    /// `value` as compact UTF-8 text.
    package static func bytes(_ value: JSONValue, canonical: Bool = false) -> [UInt8] {
        var writer = JSONWriter(canonical: canonical)
        writer.write(value)
        return writer.bytes
    }

    package static func text(_ value: JSONValue, canonical: Bool = false) -> String {
        String(decoding: bytes(value, canonical: canonical), as: UTF8.self)
    }

    package mutating func write(_ value: JSONValue) {
        switch value {
        case .null: append("null")
        case .bool(let flag): append(flag ? "true" : "false")
        case .integer(let number): bytes.append(contentsOf: String(number).utf8)
        case .unsigned(let number): bytes.append(contentsOf: String(number).utf8)
        case .number(let number): write(number)
        case .string(let text): write(text)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (i, element) in elements.enumerated() {
                if i > 0 { bytes.append(UInt8(ascii: ",")) }
                write(element)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members): write(members)
        }
    }

    private mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func write(_ members: JSONObject) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        let ordered =
            isCanonical ? members.elements.sorted { $0.key.precedesInBytes($1.key) } : members.elements
        for (key, value) in ordered {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            write(key)
            bytes.append(UInt8(ascii: ":"))
            write(value)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    /// The shortest text that reads back as the same double; `1.0` keeps its fraction so that it stays a `number`.
    private mutating func write(_ number: Double) {
        guard number.isFinite else { return append("null") }
        bytes.append(contentsOf: number.description.utf8)
    }

    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x08: append("\\b")
            case 0x0C: append("\\f")
            case 0x0A: append("\\n")
            case 0x0D: append("\\r")
            case 0x09: append("\\t")
            case 0..<0x20:
                append("\\u00")
                let hex = Array("0123456789abcdef".utf8)
                bytes.append(hex[Int(byte >> 4)])
                bytes.append(hex[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
