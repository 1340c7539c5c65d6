/// Cuts long text into overlapping chunks at paragraph, sentence or word borders.
///
/// Invariants: the first chunk begins at 0 and the last ends at the text's end; every chunk begins at or before the
/// end of the one before it and ends after it; no cut goes through a character. So the bytes up to each chunk's end,
/// taken in turn, are the text again. The cost is linear in the text.
package struct Chunker: Sendable, Equatable {
    /// Characters of a chunk at most.
    package var size = 1_200
    /// Characters that a chunk repeats of the one before it, at most half of `size`.
    package var overlap = 200

    package init() {}

    /// The chunks as ranges of UTF-8 offsets into `text`, in order; one for the whole of a text that needs no cut.
    ///
    /// Needs memory for the characters of one chunk.
    package func ranges(of text: String) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var rest = text[...]
        var start = 0
        while true {
            let characters = Array(rest.prefix(size + 1))
            guard characters.count > size else {
                ranges.append(start..<text.utf8.count)
                return ranges
            }
            let end = border(in: characters, after: size / 2, upTo: size)
            let next = overlapStart(in: characters, before: end)
            ranges.append(start..<start + Self.byteCount(characters[..<end]))
            start += Self.byteCount(characters[..<next])
            rest = rest.dropFirst(next)
        }
    }

    private static func byteCount(_ characters: ArraySlice<Character>) -> Int {
        characters.reduce(0) { $0 + $1.utf8.count }
    }

    /// The last paragraph border in (`low`, `high`], or else the last sentence's, or else the last word's, or else
    /// `high`.
    private func border(in characters: [Character], after low: Int, upTo high: Int) -> Int {
        var sentence: Int?
        var word: Int?
        for end in stride(from: high, to: low, by: -1) {
            let last = characters[end - 1]
            guard last.isWhitespace else { continue }
            let before = characters[end - 2]
            if last.isNewline, before.isNewline { return end }
            if sentence == nil, last.isNewline || ".!?。！？".contains(before) { sentence = end }
            if word == nil { word = end }
        }
        return sentence ?? word ?? high
    }

    /// The first word within the overlap before `end`.
    private func overlapStart(in characters: [Character], before end: Int) -> Int {
        let first = end - overlap
        guard let space = (first..<end).first(where: { characters[$0].isWhitespace }), space + 1 < end else {
            return first
        }
        return space + 1
    }
}

extension String {
    /// The text at these UTF-8 offsets, as ``Chunker/ranges(of:)`` gave them.
    package func atUTF8(_ range: Range<Int>) -> String {
        String(decoding: Array(utf8.dropFirst(range.lowerBound).prefix(range.count)), as: UTF8.self)
    }
}
