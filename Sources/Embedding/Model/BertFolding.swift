/// The result of BERT's uncased normaliser for one Unicode scalar: nothing, a space, or its lower-case form without
/// accents, and whether that form is a word of its own (punctuation, Chinese characters).
///
/// The reference cleans, separates Chinese characters, decomposes (NFD), removes nonspacing marks and lower-cases, one
/// scalar at a time. So the whole normaliser is a table from scalar to scalars, which was generated with the reference
/// (scripts/make-bert-folding.py). Hangul syllables are decomposed by arithmetic (Unicode, chapter 3.12).
struct BertFolding: Sendable {
    enum Kind: UInt8 {
        case dropped, space, isolated
    }

    /// A sorted range of scalars of one kind.
    private struct Span {
        let first, last: UInt32
        let kind: Kind
    }

    /// `first`, `first + step`, … `last` become `targets`; in a range of several scalars, the targets are shifted with
    /// the scalar.
    private struct Mapping {
        let first, last, step: UInt32
        let targets: [UInt32]
    }

    private let spans: [Span]
    private let mappings: [Mapping]

    init() {
        var spans: [Span] = []
        for (text, kind) in [(Self.dropped, Kind.dropped), (Self.spaces, .space), (Self.isolated, .isolated)] {
            var reader = TableReader(text)
            while reader.hasMore {
                let (first, last, _) = reader.run()
                spans.append(Span(first: first, last: last, kind: kind))
            }
        }
        self.spans = spans.sorted { $0.first < $1.first }
        var mappings: [Mapping] = []
        var reader = TableReader(Self.mappings)
        while reader.hasMore {
            let (first, last, step) = reader.run()
            mappings.append(Mapping(first: first, last: last, step: step, targets: reader.targets()))
        }
        self.mappings = mappings
    }

    /// The kind of a scalar in a text; `nil` for a part of a word.
    func kind(of scalar: UInt32) -> Kind? {
        let index = Self.lastIndex(in: spans) { $0.first <= scalar }
        guard let index, spans[index].last >= scalar else { return nil }
        return spans[index].kind
    }

    /// Appends the folded form of a scalar that is neither removed nor a space, as UTF-8; returns how many scalars it
    /// has.
    func appendFolded(_ scalar: UInt32, to bytes: inout [UInt8]) -> Int {
        if (0xAC00...0xD7A3).contains(scalar) { return Self.appendHangul(scalar - 0xAC00, to: &bytes) }
        let index = Self.lastIndex(in: mappings) { $0.first <= scalar }
        guard let index, mappings[index].last >= scalar,
            (scalar - mappings[index].first) % mappings[index].step == 0
        else {
            Self.append(scalar, to: &bytes)
            return 1
        }
        let mapping = mappings[index]
        for target in mapping.targets { Self.append(target + (scalar - mapping.first), to: &bytes) }
        return mapping.targets.count
    }

    private static func appendHangul(_ index: UInt32, to bytes: inout [UInt8]) -> Int {
        append(0x1100 + index / 588, to: &bytes)
        append(0x1161 + index % 588 / 28, to: &bytes)
        guard index % 28 != 0 else { return 2 }
        append(0x11A7 + index % 28, to: &bytes)
        return 3
    }

    private static func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
        guard let scalar = Unicode.Scalar(scalar) else { preconditionFailure("the table maps to a surrogate") }
        bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    /// Binary search: the last element for which `precedes` is true; the array must be partitioned by it.
    private static func lastIndex<Element>(in array: [Element], where precedes: (Element) -> Bool) -> Int? {
        var low = 0
        var high = array.count
        while low < high {
            let middle = (low + high) / 2
            if precedes(array[middle]) { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : low - 1
    }
}

/// Reads the text of the table, `first[-last][/2][>target.target…]` in hexadecimal, entries separated by spaces or line
/// ends. It reads byte by byte, because the first search of a process waits for it.
private struct TableReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
        skipBlanks()
    }

    var hasMore: Bool { position < bytes.count }

    mutating func run() -> (first: UInt32, last: UInt32, step: UInt32) {
        let first = number()
        let last = take(UInt8(ascii: "-")) ? number() : first
        let step = take(UInt8(ascii: "/")) ? number() : 1
        skipBlanks()
        return (first, last, step)
    }

    mutating func targets() -> [UInt32] {
        guard take(UInt8(ascii: ">")) else { preconditionFailure("the table holds a mapping to nothing") }
        var targets = [number()]
        while take(UInt8(ascii: ".")) { targets.append(number()) }
        skipBlanks()
        return targets
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipBlanks() {
        while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x0A { position += 1 }
    }

    private mutating func number() -> UInt32 {
        let start = position
        var value: UInt32 = 0
        scan: while position < bytes.count {
            switch bytes[position] {
            case 0x30...0x39: value = value << 4 | UInt32(bytes[position] - 0x30)
            case 0x61...0x66: value = value << 4 | UInt32(bytes[position] - 0x57)
            default: break scan
            }
            position += 1
        }
        guard (1...8).contains(position - start) else { preconditionFailure("the table holds a bad number") }
        return value
    }
}
