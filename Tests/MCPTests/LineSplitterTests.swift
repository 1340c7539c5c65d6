import MCP
import TestSupport
import Testing

@Suite struct LineSplitterTests {
    /// Cuts `text` into pieces of the given sizes, over and over, and collects what comes out.
    private func split(_ text: [UInt8], pieces: [Int], maximumBytes: Int = 1_000) -> [LineSplitter.Line] {
        var splitter = LineSplitter(maximumBytes: maximumBytes)
        var lines: [LineSplitter.Line] = []
        var rest = text[...]
        var turn = 0
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces[turn % pieces.count]))
            rest = rest.dropFirst(piece.count)
            turn += 1
            piece.withUnsafeBytes { splitter.take($0) { lines.append($0) } }
        }
        splitter.finish { lines.append($0) }
        return lines
    }

    private func text(_ string: String) -> LineSplitter.Line { .text(Array(string.utf8)) }

    @Test(arguments: 1...9)
    func linesComeOutWholeHoweverTheBytesArrive(piece: Int) {
        let input = "one\n\r\n \t\n  two é😀\r\n\n\"three\\r\"\r\r\nlast"
        let expected = ["one", "  two é😀", "\"three\\r\"\r", "last"].map(text)
        #expect(split(Array(input.utf8), pieces: [piece]) == expected)
    }

    @Test func aLineMayBeAsLongAsTheLimitAndNotOneByteLonger() {
        for (count, end) in [(9, "\n"), (10, "\n"), (10, "\r\n"), (10, "")] {
            let line = String(repeating: "x", count: count)
            #expect(split(Array((line + end).utf8), pieces: [4], maximumBytes: 10) == [text(line)])
        }
        for end in ["\n", "\r\n", ""] {
            let line = String(repeating: "x", count: 11)
            #expect(split(Array((line + end).utf8), pieces: [4], maximumBytes: 10) == [.tooLong])
        }
    }

    @Test func aLineThatIsTooLongIsReportedOnceAndTheNextOneIsWhole() {
        let input = String(repeating: "x", count: 5_000) + "\nnext\n" + String(repeating: "y", count: 5_000)
        for piece in [1, 7, 4_096, 100_000] {
            let lines = split(Array(input.utf8), pieces: [piece], maximumBytes: 10)
            #expect(lines == [.tooLong, text("next"), .tooLong])
        }
    }

    @Test func nothingIsKeptOfALineThatIsTooLong() {
        var splitter = LineSplitter(maximumBytes: 1_000)
        let piece = [UInt8](repeating: 0x78, count: 700)
        var peak = 0
        for _ in 0..<1_000 {
            piece.withUnsafeBytes { splitter.take($0) { _ in } }
            peak = max(peak, splitter.pendingBytes)
        }
        #expect(peak <= 1_001)
        #expect(splitter.pendingBytes == 0)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func itAgreesWithCuttingTheWholeTextAtOnce(seed: UInt64) {
        var generator = SplitMix(seed: seed)
        let alphabet = Array("ab \t\r\n\n".utf8)
        let input = (0..<300).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
        let pieces = (0..<20).map { _ in Int.random(in: 1...12, using: &generator) }
        let limit = Int.random(in: 1...8, using: &generator)
        let expected = input.split(separator: 0x0A, omittingEmptySubsequences: false)
            .compactMap { line -> LineSplitter.Line? in
                let bare = line.last == 0x0D ? line.dropLast() : line
                if bare.count > limit { return .tooLong }
                return bare.allSatisfy { $0 == 0x20 || $0 == 0x09 } ? nil : .text(Array(bare))
            }
        #expect(split(input, pieces: pieces, maximumBytes: limit) == expected, "seed \(seed)")
    }
}
