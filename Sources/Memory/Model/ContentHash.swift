import Crypto
import JSON

/// The digest that finds exact copies: SHA-256 (FIPS 180-4) over canonical JSON, members sorted at every depth.
enum ContentHash {
    /// 64 lower-case hex digits.
    static func hex(of value: JSONValue) -> String {
        hex(of: JSONWriter.bytes(value, canonical: true))
    }

    static func hex(of bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in SHA256.hash(data: bytes) {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
