import JSON
import Testing

@Suite struct JSONTests {
    @Test(
        "Texts that the grammar allows are read",
        arguments: [
            ("null", JSONValue.null), ("-0", JSONValue.integer(0)), ("9223372036854775807", .integer(.max)),
            ("18446744073709551615", .unsigned(.max)), ("18446744073709551616", .number(18446744073709551616)),
            ("1.0", .number(1)), ("1e3", .number(1000)), (#""a\u00e9\ud83d\ude00\n""#, "aé😀\n"),
            (#" { "b" : [ 1 , {} ] , "a" : true } "#, JSONValue.object(["a": true, "b": [1, [:]]])),
        ] as [(String, JSONValue)])
    func validTexts(text: String, value: JSONValue) throws {
        #expect(try JSONParser.parse(text) == value)
    }

    @Test(
        "Texts that the grammar forbids are refused with a code",
        arguments: [
            ("", JSONError.Code.unexpectedEnd), ("01", .invalidNumber), ("1.", .invalidNumber),
            ("1e999", .invalidNumber),
            ("[1,]", .unexpectedByte), ("{\"a\":1,}", .unexpectedByte), ("nul", .unexpectedEnd),
            ("1 2", .trailingBytes),
            ("\"\\ud800\"", .invalidString), ("\"\t\"", .invalidString), ("\"\\x\"", .invalidString),
            ("NaN", .unexpectedByte),
            (String(repeating: "[", count: 129), .tooDeep),
        ])
    func invalidTexts(text: String, code: JSONError.Code) {
        #expect { try JSONParser.parse(text) } throws: { ($0 as? JSONError)?.code == code }
    }

    @Test("Bytes that are not UTF-8 are refused")
    func bytesThatAreNotUTF8() {
        #expect(throws: JSONError(code: .invalidUTF8, byteOffset: 1)) {
            try JSONParser.parse([0x22, 0xC3, 0x28, 0x22])
        }
    }

    @Test("Canonical text depends only on the value")
    func canonicalText() {
        let one: JSONValue = ["b": 1, "a": ["d": nil, "c": "x\u{1}\"\\"]]
        let other: JSONValue = ["a": ["c": "x\u{1}\"\\", "d": nil], "b": 1]
        #expect(JSONWriter.text(one, canonical: true) == #"{"a":{"c":"x\u0001\"\\","d":null},"b":1}"#)
        #expect(JSONWriter.bytes(one, canonical: true) == JSONWriter.bytes(other, canonical: true))
        #expect(JSONWriter.text(one) != JSONWriter.text(other))
    }

    @Test("A value that was written and read is the same value")
    func writingAndReading() throws {
        let value: JSONValue = [
            "i": .integer(.min), "u": .unsigned(.max), "d": 0.1, "whole": .number(3), "text": "\u{7f}é😀",
            "list": [true, nil],
        ]
        #expect(try JSONParser.parse(JSONWriter.bytes(value)) == value)
    }
}
