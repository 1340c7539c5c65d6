import Embedding
import Testing

@Suite(.enabled(if: MiniLM.isPresent, "run scripts/fetch-model.sh"))
struct WordPieceTests {
    let model = MiniLM(threads: 1)

    @Test("Difficult texts give the same tokens as the reference")
    func tokensOfTheReference() throws {
        let cases = try Fixture.tokens()
        try #require(cases.count >= 300)
        var wrong = 0
        for (index, expected) in cases.enumerated() {
            let found = try model.tokens(of: expected.text)
            if found != expected.ids {
                wrong += 1
                if wrong <= 10 {
                    let scalars = expected.text.unicodeScalars.prefix(60).map { String($0.value, radix: 16) }
                    Issue.record("case \(index): \(found.prefix(40)) not \(expected.ids.prefix(40)) of \(scalars)")
                }
            }
        }
        #expect(wrong == 0, "\(wrong) of \(cases.count) texts differ")
    }

    @Test("A text is cut to the window of 256 tokens", arguments: [253, 254, 255, 1_000])
    func window(words: Int) throws {
        let ids = try model.tokens(of: Array(repeating: "word", count: words).joined(separator: " "))
        #expect(ids.count == min(words + 2, 256))
        #expect(ids.first == WordPiece.start && ids.last == WordPiece.end)
    }

    @Test("Plain English has about one piece a word; what the model cannot read has many")
    func readability() throws {
        func count(_ text: String) throws -> WordPieceCount { try #require(model.wordPieces(of: text)) }
        #expect(try count("When was the old house near the river sold?") == WordPieceCount(words: 9, pieces: 9))
        let unreadable = ["проверьте резервную копию базы", "重試現在是自動的嗎", "kubectl_rollout_xkjq9z"]
        for text in unreadable {
            let count = try count(text)
            #expect(Double(count.pieces) >= 2.4 * Double(count.words), "\(text): \(count)")
        }
        #expect(try count("?! … 🟢") == WordPieceCount(words: 0, pieces: 0))
        #expect(try count("") == WordPieceCount(words: 0, pieces: 0))
        // No more is read than the window holds.
        #expect(try count(String(repeating: "word ", count: 100_000)).words == 256)
    }

    @Test("A small window still has [CLS] and [SEP]")
    func smallWindow() {
        let pieces = WordPiece(vocabulary: Array("a\nb\n##b\n".utf8))
        #expect(pieces.encode("ab ab", limit: 2) == [WordPiece.start, WordPiece.end])
        #expect(pieces.encode("ab ab", limit: 3) == [WordPiece.start, 0, WordPiece.end])
        #expect(pieces.encode("ab ab", limit: 9) == [WordPiece.start, 0, 2, 0, 2, WordPiece.end])
        #expect(pieces.encode("c", limit: 9) == [WordPiece.start, WordPiece.unknown, WordPiece.end])
    }
}
