import Embedding
import Testing

struct LexicalTests {
    let analyzer = LexicalAnalyzer()

    @Test("Every stem is the one that Snowball gives")
    func stems() throws {
        let lines = try Fixture.lines("stems.txt", widenedBy: "CORTEX_STEM_CASES")
        try #require(lines.count >= 4_000)
        var wrong = 0
        for line in lines {
            let pair = line.split(separator: " ")
            let found = String(decoding: Porter2.stem(Array(pair[0].utf8)), as: UTF8.self)
            if found != pair[1] {
                wrong += 1
                if wrong <= 20 { Issue.record("\(pair[0]) became \(found), not \(pair[1])") }
            }
        }
        #expect(wrong == 0, "\(wrong) of \(lines.count) words differ")
    }

    @Test(
        "An item has the terms of its words, stemmed, without stop words and accents",
        arguments: [
            ("", []), ("The cats' WHISKERS, running!", ["cat", "whisker", "run"]),
            ("what did Ana say in May", ["ana", "say", "may"]), ("I don’t know what she'll do", ["know"]),
            ("shell shed well", ["shell", "shed", "well"]), ("O'Brien's 3rd e-mail", ["obrien", "3rd", "e", "mail"]),
            ("Zürich Zu\u{308}rich ZURICH", ["zurich", "zurich", "zurich"]), ("ИЗБА Ёж", ["изба", "ёж"]),
            ("日本語", ["日本", "本語"]), ("猫 abc犬x", ["猫", "abc", "犬", "x"]), ("x2 2023-05-08", ["x2", "2023", "05", "08"]),
            ("ไทย", ["ไท", "ทย"]), ("हिन्दी", ["हिन्दी"]), ("👍 … ''", []),
        ] as [(String, [String])])
    func termsOfAnItem(text: String, terms: [String]) {
        #expect(analyzer.terms(ofItem: text) == terms)
    }

    @Test(
        "A stop word that is capitalised inside a query stays",
        arguments: [
            ("Did Most call", ["most", "call"]), ("Most people did", ["peopl"]), ("who? The dog", ["dog"]),
            ("WHAT DID HE SAY", ["say"]), ("what did I say", ["say"]), ("what is it", []),
        ] as [(String, [String])])
    func capitalisedStopWords(query: String, terms: [String]) {
        #expect(analyzer.terms(ofQuery: query) == terms)
    }

    @Test("A text of many or of very long words gives no more terms than the limits allow")
    func hostileText() {
        #expect(analyzer.terms(ofItem: String(repeating: "x ", count: 200_000)).count == LexicalAnalyzer.mostTerms)
        #expect(analyzer.terms(ofItem: String(repeating: "q", count: 100_000)).map(\.utf8.count) == [128])
        #expect(analyzer.terms(ofItem: "''''" + String(repeating: "'", count: 1_000)).isEmpty)
    }

    @Test("An item's weights are its terms' frequencies, weighted by field and saturated")
    func itemWeights() {
        let encoder = LexicalEncoder()
        var item = LexicalEncoder.Item(body: "cat cat dog")
        item.author = "Ana"
        item.previous = "dog bird"
        let vector = encoder.encode(item, averageLength: 3)
        func value(_ term: String) -> Float? {
            vector.indices.firstIndex(of: LexicalEncoder.index(of: term)).map { vector.values[$0] }
        }
        func saturated(_ tf: Float) -> Float { tf * 1.9 / (tf + 0.9) }
        for (term, tf) in [("cat", 2), ("dog", 1.5), ("ana", 2), ("bird", 0.5)] as [(String, Float)] {
            #expect(abs((value(term) ?? 0) - saturated(tf)) < 1e-6)
        }
        #expect(vector.indices.count == 4 && zip(vector.indices, vector.indices.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test("A term counts less in a long text than in a short one")
    func longText() {
        let encoder = LexicalEncoder()
        let short = encoder.encode(.init(body: "cat"), averageLength: 10)
        let long = encoder.encode(.init(body: "cat" + String(repeating: " dog", count: 99)), averageLength: 10)
        let cat = LexicalEncoder.index(of: "cat")
        let found = long.indices.firstIndex(of: cat).map { long.values[$0] }
        #expect(abs(short.values[0] - 1.9 / (1 + 0.9 * (0.6 + 0.4 * 0.1))) < 1e-6)
        #expect(abs((found ?? 0) - 1.9 / (1 + 0.9 * (0.6 + 0.4 * 10))) < 1e-6)
    }

    @Test("A query's weights are the counts of its terms")
    func queryWeights() {
        let vector = LexicalEncoder().encode(query: "cats and a cat or dogs")
        let expected = [("cat", Float(2)), ("dog", 1)].map { (LexicalEncoder.index(of: $0.0), $0.1) }
        #expect(
            Dictionary(uniqueKeysWithValues: zip(vector.indices, vector.values))
                == Dictionary(uniqueKeysWithValues: expected))
        #expect(LexicalEncoder().encode(query: "what is it").indices.isEmpty)
    }

    @Test("The index of a term is the one that it has had in every version")
    func termIndex() {
        #expect(LexicalEncoder.index(of: "memori") == 887585396)
        #expect(LexicalEncoder.index(of: "日本") == 4026831135)
    }

    @Test("The inverse document frequency falls when more items have the term")
    func inverseDocumentFrequency() {
        #expect(LexicalEncoder.inverseDocumentFrequency(matching: 0, of: 0) > 0)
        #expect(abs(LexicalEncoder.inverseDocumentFrequency(matching: 1, of: 10) - 1.9924302) < 1e-5)
        let spread = (0...10).map { LexicalEncoder.inverseDocumentFrequency(matching: $0, of: 10) }
        #expect(zip(spread, spread.dropFirst()).allSatisfy { $0 > $1 } && spread[10] > 0)
    }

    @Test("Dates are written in the words of a question")
    func dates() {
        #expect(LexicalEncoder.spelled(day: 8, month: 5, year: 2023) == "8 may 2023")
        #expect(LexicalEncoder.spelled(day: 8, month: 0, year: 2023) == nil)
        #expect(LexicalEncoder.spelled(day: 8, month: 13, year: 2023) == nil)
    }
}
