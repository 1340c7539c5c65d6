import JSON
import TestSupport
import Testing

@Suite("Texts and keys are equal when their bytes are")
struct ByteTextTests {
    private static let rounds = 500

    @Test("Equality, order and hash follow the UTF-8 bytes and nothing else", arguments: [7, 8, 9] as [UInt64])
    func bytesDecide(seed: UInt64) {
        var random = SplitMix(seed: seed)
        for _ in 0..<Self.rounds {
            let (first, second) = EquivalentTexts.pair(&random)
            #expect(first == second, "the pair must be one that Swift takes for equal")
            let (a, b) = (ByteText(first), ByteText(second))
            #expect(a != b && JSONValue.string(first) != .string(second))
            #expect((a < b) == Array(first.utf8).lexicographicallyPrecedes(Array(second.utf8)))
            #expect((a < b) != (b < a))
            #expect(Set([a, b, ByteText(first + "")]).count == 2)
            #expect([first].containsBytes(of: first) && ![first].containsBytes(of: second))
            let unique = [second, first, second].uniqueByBytes()
            #expect(unique.map { Array($0.utf8) } == [second, first].map { Array($0.utf8) })
        }
    }

    @Test("A text has the hash of its copy, however it was made")
    func equalTextsHashAlike() {
        let built = String(decoding: Array("long enough to be kept on the heap, é".utf8), as: UTF8.self)
        #expect(Set([ByteText(built), "long enough to be kept on the heap, é"]).count == 1)
        #expect(Set([ByteText(""), ""]).count == 1)
        #expect([ByteText("b"): 1, "a": 2][text: "a"] == 2)
    }

    @Test("An object with random equivalent keys is what a list of byte keys is", arguments: [1, 2, 3, 4] as [UInt64])
    func objectsAgreeWithAModel(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        for _ in 0..<60 {
            let alphabet = (0..<(1 + random.below(30))).flatMap { _ -> [String] in
                let pair = EquivalentTexts.pair(&random)
                return [pair.0, pair.1]
            }
            var object = JSONObject()
            var model: [(key: [UInt8], value: Int64)] = []
            for step in 0..<Int64(1 + random.below(200)) {
                let key = alphabet[random.below(alphabet.count)]
                let place = model.firstIndex { $0.key == Array(key.utf8) }
                #expect(object[key]?.integerValue == place.map { model[$0].value })
                #expect(object.keys.contains(key) == (place != nil))
                switch random.below(8) {
                case 0...2:
                    #expect(object.removeValue(forKey: key)?.integerValue == place.map { model[$0].value })
                    if let place { model.remove(at: place) }
                case 3 where !object.isEmpty:
                    object.removeFirst()
                    model.removeFirst()
                default:
                    object[key] = .integer(step)
                    if let place { model[place].value = step } else { model.append((Array(key.utf8), step)) }
                }
                #expect(object.map { Array($0.key.utf8) } == model.map(\.key) && object.count == model.count)
            }
            let kept = object.filter { $0.value.integerValue.map { $0 % 2 == 0 } ?? false }
            #expect(kept.map { Array($0.key.utf8) } == model.filter { $0.value % 2 == 0 }.map(\.key))
            let read = try JSONParser.parse(JSONWriter.bytes(.object(object)))
            #expect(read == .object(object) && read.objectValue?.map(\.key.utf8.count) == model.map(\.key.count))
            #expect(try JSONParser.parse(JSONWriter.bytes(.object(object), canonical: true)) == .object(object))
        }
    }

    @Test("An object of thousands of members finds, replaces and removes each of them")
    func largeObjects() {
        var object = JSONObject()
        for i in 0..<5000 { object["key \(i)"] = .integer(Int64(i)) }
        for i in stride(from: 0, to: 5000, by: 3) { object["key \(i)"] = nil }
        for i in stride(from: 0, to: 5000, by: 6) { object["key \(i)"] = "again" }
        for i in 0..<5000 {
            let expected: JSONValue? = i % 6 == 0 ? "again" : i % 3 == 0 ? nil : .integer(Int64(i))
            #expect(object["key \(i)"] == expected)
        }
        #expect(object.count == 5000 - 1667 + 834)
    }

    @Test("Two objects are equal when their members are, in whatever order; a composed key is another member")
    func equality() throws {
        let object = try JSONParser.parse(#"{"caf\u00e9":1,"cafe\u0301":2}"#)
        #expect(object.objectValue?.count == 2)
        #expect(object["caf\u{E9}"] == 1 && object["cafe\u{301}"] == 2)
        #expect(object == ["cafe\u{301}": 2, "caf\u{E9}": 1])
        #expect(object != ["cafe\u{301}": 1, "caf\u{E9}": 2])
        #expect(JSONWriter.text(object, canonical: true) == "{\"cafe\u{301}\":2,\"caf\u{E9}\":1}")
    }

    @Test("Of a key written twice the last value counts, at the first one's place")
    func repeatedKeys() throws {
        let object = try JSONParser.parse(#"{"a":1,"b":2,"a":3}"#).objectValue
        #expect(object?.map(\.key) == ["a", "b"] && object?["a"] == 3)
        var merged: JSONObject = ["x": 1]
        merged.merge(["x": 2, "y": 3]) { old, _ in old }
        #expect(merged == ["x": 1, "y": 3] && merged.merging(["y": 4]) { _, new in new }["y"] == 4)
        #expect(merged.mapValues { _ in .null }.values == [.null, .null])
    }
}
