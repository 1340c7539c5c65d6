/// BERT's tokeniser for the uncased vocabulary: fold (`BertFolding`), split at spaces, punctuation and Chinese
/// characters, then take the longest piece of the vocabulary repeatedly ("##" before all but the first).
///
/// Source: Devlin et al., BERT (2018), and the tokenizer.json published with the model. As there, the names of special
/// tokens inside a text ("[SEP]") become those tokens, and a word of more than 100 scalars is unknown.
package struct WordPiece: Sendable {
    package static let unknown: Int32 = 100
    package static let start: Int32 = 101
    package static let end: Int32 = 102
    static let longestWordScalars = 100
    private static let special: [(name: [UInt8], id: Int32)] = [
        (Array("[PAD]".utf8), 0), (Array("[UNK]".utf8), 100), (Array("[CLS]".utf8), 101), (Array("[SEP]".utf8), 102),
        (Array("[MASK]".utf8), 103),
    ]

    private let folding = BertFolding()
    private let vocabulary: Vocabulary

    /// - Parameter vocabulary: the pieces in UTF-8, one on each line, in the order of their ids.
    package init(vocabulary: [UInt8]) {
        self.vocabulary = Vocabulary(lines: vocabulary)
    }

    package var vocabularyCount: Int { vocabulary.count }

    /// The ids of a text between [CLS] and [SEP], cut to `limit` in all. Reads no more of the text than it needs.
    package func encode(_ text: String, limit: Int) -> [Int32] {
        precondition(limit >= 2, "a window holds at least [CLS] and [SEP]")
        var reader = Reader(bytes: Array(text.utf8))
        var ids = [Self.start]
        var word = Word()
        while ids.count < limit - 1, let scalar = reader.next() {
            if scalar == 0x5B, let special = Self.special.first(where: { reader.consume($0.name) }) {
                flush(&word, into: &ids)
                ids.append(special.id)
            } else if scalar < 0x80 {
                takeASCII(UInt8(scalar), word: &word, ids: &ids)
            } else {
                take(scalar, word: &word, ids: &ids)
            }
        }
        if ids.count < limit - 1 { flush(&word, into: &ids) }
        if ids.count > limit - 1 { ids.removeLast(ids.count - (limit - 1)) }
        ids.append(Self.end)
        return ids
    }

    /// Words and pieces of as much of the text as `limit` tokens hold.
    package func count(_ text: String, limit: Int) -> WordPieceCount {
        // The text is cut where the window would be, give or take a word.
        let read = text.prefix(limit * Self.longestWordScalars)
        let words = read.split { !$0.isLetter && !$0.isNumber }
        var kept = 0
        var pieces = 0
        for word in words where pieces < limit {
            kept += 1
            pieces += encode(String(word), limit: limit).count - 2
        }
        return WordPieceCount(words: kept, pieces: pieces)
    }

    /// The word that is being read, folded.
    private struct Word {
        var bytes: [UInt8] = []
        var scalars = 0
    }

    private func takeASCII(_ byte: UInt8, word: inout Word, ids: inout [Int32]) {
        switch byte {
        case 0x61...0x7A, 0x30...0x39:
            word.bytes.append(byte)
            word.scalars += 1
        case 0x41...0x5A:
            word.bytes.append(byte | 0x20)
            word.scalars += 1
        case 0x20, 0x09, 0x0A, 0x0D:
            flush(&word, into: &ids)
        case 0x21...0x7E:
            flush(&word, into: &ids)
            word = Word(bytes: [byte], scalars: 1)
            flush(&word, into: &ids)
        default:
            break  // a control character
        }
    }

    private func take(_ scalar: UInt32, word: inout Word, ids: inout [Int32]) {
        switch folding.kind(of: scalar) {
        case .dropped:
            break
        case .space:
            flush(&word, into: &ids)
        case .isolated:
            flush(&word, into: &ids)
            word.scalars = folding.appendFolded(scalar, to: &word.bytes)
            flush(&word, into: &ids)
        case nil:
            word.scalars += folding.appendFolded(scalar, to: &word.bytes)
        }
    }

    /// Splits the word into pieces, or into [UNK] if it cannot be split.
    private func flush(_ word: inout Word, into ids: inout [Int32]) {
        guard word.scalars > 0 else { return }
        defer {
            word.bytes.removeAll(keepingCapacity: true)
            word.scalars = 0
        }
        guard word.scalars <= Self.longestWordScalars else {
            ids.append(Self.unknown)
            return
        }
        let before = ids.count
        var position = 0
        while position < word.bytes.count {
            guard let piece = vocabulary.longestPiece(of: word.bytes, from: position) else {
                ids.removeLast(ids.count - before)
                ids.append(Self.unknown)
                return
            }
            ids.append(piece.id)
            position = piece.end
        }
    }

    /// Iterates over the scalars of valid UTF-8.
    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        mutating func next() -> UInt32? {
            guard position < bytes.count else { return nil }
            let first = bytes[position]
            let (length, bits): (Int, UInt32) =
                first < 0x80
                ? (1, UInt32(first))
                : first < 0xE0
                    ? (2, UInt32(first & 0x1F)) : first < 0xF0 ? (3, UInt32(first & 0x0F)) : (4, UInt32(first & 7))
            var scalar = bits
            for offset in 1..<max(length, 1) { scalar = scalar << 6 | UInt32(bytes[position + offset] & 0x3F) }
            position += length
            return scalar
        }

        /// Whether `name`, whose first byte was just read, is here; if so, moves beyond it.
        mutating func consume(_ name: [UInt8]) -> Bool {
            let start = position - 1
            guard start + name.count <= bytes.count, bytes[start..<start + name.count].elementsEqual(name) else {
                return false
            }
            position = start + name.count
            return true
        }
    }
}

/// The pieces in an open-addressed table of FNV-1a hashes, so that all prefixes of a word are looked up in one pass.
private struct Vocabulary: Sendable {
    private let lines: [UInt8]
    private let starts: [Int32]
    private let slots: [Int32]
    private let longestBytes: Int
    var count: Int { starts.count - 1 }

    private static let seed: UInt32 = 2_166_136_261
    private static let continuation = hash(0x23, hash(0x23, seed))

    private static func hash(_ byte: UInt8, _ state: UInt32) -> UInt32 { (state ^ UInt32(byte)) &* 16_777_619 }

    /// A last mixing step, because the low bits of FNV collide often.
    private static func slot(_ state: UInt32, _ count: Int) -> Int {
        Int((state ^ state >> 15) &* 0x85EB_CA6B >> 7) & (count - 1)
    }

    init(lines: [UInt8]) {
        var starts: [Int32] = [0]
        var hashes: [UInt32] = []
        starts.reserveCapacity(lines.count / 7)
        hashes.reserveCapacity(lines.count / 7)
        var state = Self.seed
        var longest = 0
        func endLine(_ end: Int) {
            longest = max(longest, end - Int(starts[starts.count - 1]))
            starts.append(Int32(end + 1))
            hashes.append(state)
            state = Self.seed
        }
        for (index, byte) in lines.enumerated() {
            if byte == 0x0A { endLine(index) } else { state = Self.hash(byte, state) }
        }
        if lines.last != 0x0A { endLine(lines.count) }
        self.lines = lines
        self.starts = starts
        longestBytes = longest
        var size = 64
        while size < starts.count * 2 { size *= 2 }
        var slots = [Int32](repeating: -1, count: size)
        for (id, hash) in hashes.enumerated() {
            var slot = Self.slot(hash, size)
            while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = Int32(id)
        }
        self.slots = slots
    }

    /// The longest piece with which the word continues at `start`, and its end.
    func longestPiece(of word: [UInt8], from start: Int) -> (id: Int32, end: Int)? {
        let prefix = start == 0 ? 0 : 2
        var state = start == 0 ? Self.seed : Self.continuation
        var best: (id: Int32, end: Int)?
        var end = start
        while end < word.count, prefix + end - start < longestBytes {
            state = Self.hash(word[end], state)
            end += 1
            var slot = Self.slot(state, slots.count)
            while slots[slot] >= 0 {
                if isPiece(Int(slots[slot]), word, start, end, prefix) {
                    best = (slots[slot], end)
                    break
                }
                slot = (slot + 1) & (slots.count - 1)
            }
        }
        return best
    }

    private func isPiece(_ id: Int, _ word: [UInt8], _ start: Int, _ end: Int, _ prefix: Int) -> Bool {
        let first = Int(starts[id])
        guard Int(starts[id + 1]) - 1 - first == prefix + end - start else { return false }
        if prefix == 2, lines[first] != 0x23 || lines[first + 1] != 0x23 { return false }
        for index in start..<end where lines[first + prefix + index - start] != word[index] { return false }
        return true
    }
}
