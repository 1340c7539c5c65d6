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

    @Test("Its numbers are the general reader's, rounded to Float32")
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

    @Test(
        "What is no array of numbers that fit is given up",
        arguments: [
            "[1", "[1,]", "[,1]", "[1 2]", "[\"1\"]", "[null]", "[1e39]", "[01]", "[1]]", "[1]x", "{}", "", "[[1]]",
        ])
    func refusals(text: String) { #expect(floats(text) == nil) }

    @Test("It walks over members and elements, and gives up where the body does not read one")
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
