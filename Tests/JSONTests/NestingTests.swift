import JSON
import TestSupport
import Testing

/// How deep values are nested, as the reader, the scanner and a value itself see it.
@Suite struct NestingTests {
    /// A text of that many arrays and objects in each other, among strings that look like brackets.
    private func text(_ depth: Int, _ random: inout some RandomNumberGenerator) -> String {
        let decoys = [#""[[{{""#, #""\"[{""#, #""\\""#, "[]", "{}", "1", #""}]""#]
        func decoy() -> String { decoys.randomElement(using: &random) ?? "1" }
        var text = #""innermost""#
        for _ in 0..<depth {
            // Values without depth of their own beside the one that goes deeper, except in the innermost.
            let beside = text == #""innermost""# ? #""[""# : decoy()
            text =
                Bool.random(using: &random)
                ? "[\(beside), \(text) , \(beside)]" : "{\"[\":\(beside),\"a\\\"{\" : \(text)}"
        }
        return text
    }

    @Test(
        "A text is within the reader's reach exactly where the reader takes it",
        arguments: [0, 1, 2, 64, 126, 127, 128, 129, 130, 200, 1000, 100_000])
    func reach(depth: Int) throws {
        var random = SplitMix(seed: UInt64(depth))
        for _ in 0..<(depth > 1000 ? 1 : 20) {
            let text = depth > 1000 ? String(repeating: "[", count: depth) : text(depth, &random)
            var bytes = Array(text.utf8)
            if depth > 1000 { bytes += Array(repeating: UInt8(ascii: "]"), count: depth) }
            let isWithinReach = JSONScanner.isNestedWithinReach(bytes)
            #expect(isWithinReach == (depth <= JSONParser.maximumDepth))
            if isWithinReach {
                #expect(try JSONParser.parse(bytes).depth == depth)
            } else {
                #expect { try JSONParser.parse(bytes) } throws: { ($0 as? JSONError)?.code == .tooDeep }
            }
        }
    }

    @Test("Many brackets beside each other are not deep")
    func breadth() {
        let bytes = Array(("[" + String(repeating: "[{}],", count: 5000) + #""[[["]"#).utf8)
        #expect(JSONScanner.isNestedWithinReach(bytes))
    }
}
