import JSON
import Testing

@Suite("Numbers in JSON")
struct NumberTests {
    private func read(_ text: String) throws -> Double? { try JSONParser.parse(text).doubleValue }

    @Test("The shortest text of a double, and texts with more or fewer digits, are read as the library reads them")
    func agreesWithTheLibrary() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<100_000 {
            let value =
                Double.random(in: -1...1, using: &random)
                * ([1, 1e-3, 1e-8, 1e5, 1e12].randomElement(using: &random) ?? 1)
            let digits = String(UInt64.random(in: 0...UInt64.max, using: &random))
            let at = Int.random(in: 1...digits.count, using: &random)
            let split = "0." + String(repeating: "0", count: at % 6) + digits.prefix(at)
            for text in [value.description, Float(value).description, split] where text != "inf" {
                #expect(try read(text) == Double(text), "\(text)")
            }
        }
    }

    @Test(
        "Halfway cases, long texts and large exponents are read as the library reads them",
        arguments: [
            "9007199254740993.0", "0.1", "1e22", "1e23", "8.41e21", "2.2250738585072011e-308", "5e-324", "1.0e-27",
            "0.000000000000000000000000000000000001", "123456789012345678901234567890", "1.7976931348623157e308",
            "-0.0",
            "9223372036854775807.5", "18446744073709551616.0", "1e00000000000000000003", "0e999999999999",
        ])
    func edges(_ text: String) throws {
        let value = try #require(try read(text))
        #expect(value == Double(text))
        #expect(value.sign == Double(text)?.sign)
    }

    @Test("Integers keep their type up to 2^64 − 1")
    func integers() throws {
        #expect(try JSONParser.parse("9223372036854775807") == .integer(.max))
        #expect(try JSONParser.parse("-9223372036854775808") == .integer(.min))
        #expect(try JSONParser.parse("9223372036854775808") == .unsigned(9_223_372_036_854_775_808))
        #expect(try JSONParser.parse("18446744073709551615") == .unsigned(.max))
        #expect(try JSONParser.parse("18446744073709551616") == .number(18_446_744_073_709_551_616))
        #expect(try JSONParser.parse("0") == .integer(0))
    }
}
