/// Reads a JSON text of a known shape without making a value for every number.
///
/// It is for long bodies that come often. If a part does not have the expected shape, it gives up (nil), and the
/// general reader reports what is wrong. The rules are those of the general reader, which reads every part.
package struct JSONCursor: ~Copyable {
    private var parser: JSONParser

    private init(_ bytes: UnsafeBufferPointer<UInt8>) { parser = JSONParser(bytes) }

    /// The result of `body` for the whole of `text`; nil if it gives up, or if something follows its value.
    package static func read<Result>(
        _ text: [UInt8], _ body: (inout JSONCursor) throws(JSONError) -> Result?
    ) -> Result? {
        text.withUnsafeBufferPointer { bytes in
            var cursor = JSONCursor(bytes)
            do throws(JSONError) {
                cursor.parser.skipSpace()
                let result = try body(&cursor)
                cursor.parser.skipSpace()
                return cursor.parser.at == bytes.count ? result : nil
            } catch {
                return nil
            }
        }
    }

    /// The first byte of the next value.
    package func next() throws(JSONError) -> UInt8 { try parser.peek() }

    /// The next value, as the general reader reads it.
    package mutating func value() throws(JSONError) -> JSONValue { try parser.value() }

    /// Calls `member` with each key of the next object; it must read the key's value.
    package mutating func object(
        _ member: (String, inout JSONCursor) throws(JSONError) -> Void
    ) throws(JSONError) {
        try list(from: "{", to: "}") { cursor throws(JSONError) in
            guard try cursor.parser.peek() == UInt8(ascii: "\"") else { throw cursor.parser.error(.unexpectedByte) }
            let key = try cursor.parser.string()
            cursor.parser.skipSpace()
            try cursor.skip(":")
            cursor.parser.skipSpace()
            try member(key, &cursor)
        }
    }

    /// Calls `element` for each element of the next array; it must read the element.
    package mutating func array(_ element: (inout JSONCursor) throws(JSONError) -> Void) throws(JSONError) {
        try list(from: "[", to: "]", element)
    }

    /// Appends the numbers of the next array, each rounded to the nearest Float32.
    ///
    /// - Throws: if an element is not a number or is too large for a Float32.
    package mutating func floats(into all: inout [Float]) throws(JSONError) {
        try list(from: "[", to: "]") { cursor throws(JSONError) in
            if cursor.parser.plainFloats(into: &all) { return }
            if let number = cursor.parser.plainNumber(), Float(number).isFinite {
                all.append(Float(number))
                return
            }
            switch try cursor.parser.peek() {
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): break
            default: throw cursor.parser.error(.unexpectedByte)
            }
            guard let number = try cursor.parser.number().doubleValue, Float(number).isFinite else {
                throw cursor.parser.error(.invalidNumber)
            }
            all.append(Float(number))
        }
    }

    private mutating func skip(_ byte: Unicode.Scalar) throws(JSONError) {
        guard try parser.peek() == UInt8(ascii: byte) else { throw parser.error(.unexpectedByte) }
        parser.at += 1
    }

    @inline(__always)
    private mutating func list(
        from first: Unicode.Scalar, to last: Unicode.Scalar,
        _ element: (inout JSONCursor) throws(JSONError) -> Void
    ) throws(JSONError) {
        try skip(first)
        parser.skipSpace()
        if try parser.peek() == UInt8(ascii: last) {
            parser.at += 1
            return
        }
        while true {
            try element(&self)
            parser.skipSpace()
            if try parser.peek() == UInt8(ascii: last) {
                parser.at += 1
                return
            }
            try skip(",")
            parser.skipSpace()
        }
    }
}
