import JSON
import Testing

@Suite("A cursor over JSON of a known shape")
struct JSONCursorTests {
    private func floats(_ text: String) -> [Float]? {
        JSONCursor.read(Array(text.utf8)) { cursor throws(JSONError) -> [Float]? in
            var all: [Float] = []
            try cursor.floats(into: &all)
            return all
        }
    }

    @Test("A cursor reads the same numbers as the general reader, rounded to Float32")
    func numbers() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let numbers = (0..<Int.random(in: 0...5, using: &random)).map { _ -> String in
                let float = Float(bitPattern: UInt32.random(in: 0...0x7F7F_FFFF, using: &random))
                return Bool.random(using: &random) ? String(Double(-float)) : String(float)
            }
            let text = " [" + numbers.joined(separator: Bool.random(using: &random) ? "," : " ,\n") + "]\t"
            let general = try JSONParser.parse(text).arrayValue?.compactMap(\.doubleValue).map { Float($0) }
            #expect(floats(text) == general, "\(text)")
        }
    }

    @Test("Numbers near the limits of the quick method are the library's, to the bit")
    func borders() throws {
        var random = SystemRandomNumberGenerator()
        var texts = [
            "0", "-0", "0.0", "-0.0", "1", "-1", "10", "0.1", "-0.1", "1e5", "1E+5", "1.5e-7", "1.5e07",
            "99999999", "12345678.87654321", "123456789012345678", "1234567890123456789", "0.1234567890123456789",
            "0.12345678901234567890", "1.2345678901234567890123", "0.00000000000000000000001", "3.4028235e38",
            "1.0e-45", "9007199254740993.0", "18014398509481989.5", "0.30000001192092896", "16777217.0",
        ]
        for _ in 0..<4000 {
            let digits = String(
                (0..<Int.random(in: 1...22, using: &random)).map { _ in "0123456789".randomElement() ?? "0" })
            let whole = String(Int.random(in: 0...20_000, using: &random))
            let power = Bool.random(using: &random) ? "" : "e\(Int.random(in: -12...12, using: &random))"
            texts.append((Bool.random(using: &random) ? "-" : "") + whole + "." + digits + power)
        }
        // The middle between two Float32 numbers, and the doubles next to it.
        for _ in 0..<2000 {
            let float = Float.random(in: 1e-4..<9, using: &random)
            let middle = (Double(float) + Double(float.nextUp)) / 2
            texts += [middle, middle.nextUp, middle.nextDown, Double(float)].map { "\($0)" }
        }
        for text in texts {
            let wanted = try #require(Double(text))
            // -0 is an integer, and an integer has no negative zero.
            let float = text == "-0" ? 0 : Float(wanted)
            // Numbers near the end of the text are read in another way.
            for space in ["", String(repeating: " ", count: 40)] {
                let found = try #require(floats("[\(text),\(text), \(text)\(space)]"), "\(text)")
                #expect(found.map(\.bitPattern) == Array(repeating: float.bitPattern, count: 3), "\(text)")
            }
        }
    }

    @Test(
        "A cursor gives up on a text that is not an array of Float32 numbers",
        arguments: [
            "[1", "[1,]", "[,1]", "[1 2]", "[\"1\"]", "[null]", "[1e39]", "[01]", "[1]]", "[1]x", "{}", "", "[[1]]",
            "[1.]", "[.5]", "[-]", "[-.5]", "[1.5e]", "[1.5e+]", "[1.5.2]", "[00.5]", "[-01.5]", "[1.5e99]", "[0x1]",
            "[1:5]",
            "[12345678/]", "[1234567:.5]",
        ])
    func refusals(text: String) {
        #expect(floats(text) == nil)
        #expect(floats(text + String(repeating: " ", count: 40)) == nil)
        #expect(floats("[0.5, 0.25," + text.dropFirst() + String(repeating: " ", count: 40)) == nil)
    }

    @Test("A cursor visits members and elements, and gives up if the body does not read one")
    func walks() {
        let text = Array(#" { "a" : [ 1 , {"x":[]} ] , "b\n" : true } "#.utf8)
        let read = JSONCursor.read(text) { cursor throws(JSONError) -> [String]? in
            var seen: [String] = []
            try cursor.object { key, cursor throws(JSONError) in
                seen.append(key)
                guard try cursor.next() == UInt8(ascii: "[") else { return seen.append("\(try cursor.value())") }
                try cursor.array { cursor throws(JSONError) in seen.append(JSONWriter.text(try cursor.value())) }
            }
            return seen
        }
        #expect(read == ["a", "1", #"{"x":[]}"#, "b\n", "bool(true)"])
        let unread = JSONCursor.read(text) { cursor throws(JSONError) -> Int? in
            try cursor.object { _, _ in }
            return 1
        }
        #expect(unread == nil)
    }
}
