/// What BERT's uncased normaliser makes of one Unicode scalar: nothing, a space, or its lower-case form without
/// accents, and whether that stands as a word by itself (punctuation, Chinese characters).
///
/// The reference cleans, isolates Chinese characters, decomposes (NFD), drops nonspacing marks and lower-cases, one
/// scalar at a time; so the whole normaliser is a table from scalar to scalars. It was read off the reference
/// (scripts/make-bert-folding.py). Hangul syllables are decomposed by arithmetic (Unicode, chapter 3.12).
struct BertFolding: Sendable {
    enum Kind: UInt8 {
        case dropped, space, isolated
    }

    /// A sorted run of scalars that share a kind.
    private struct Span {
        let first, last: UInt32
        let kind: Kind
    }

    /// `first`, `first + step`, … `last` become `targets`, shifted along when the run is longer than one.
    private struct Mapping {
        let first, last, step: UInt32
        let targets: [UInt32]
    }

    private let spans: [Span]
    private let mappings: [Mapping]

    init() {
        var spans: [Span] = []
        for (text, kind) in [(Self.dropped, Kind.dropped), (Self.spaces, .space), (Self.isolated, .isolated)] {
            for entry in text.split(separator: " ") {
                let (first, last, _) = Self.span(entry)
                spans.append(Span(first: first, last: last, kind: kind))
            }
        }
        self.spans = spans.sorted { $0.first < $1.first }
        mappings = Self.mappings.split(separator: " ").map { entry in
            let sides = entry.split(separator: ">")
            let (first, last, step) = Self.span(sides[0])
            return Mapping(first: first, last: last, step: step, targets: sides[1].split(separator: ".").map(Self.hex))
        }
    }

    /// The kind of a scalar as it stands in the text; `nil` for a part of a word.
    func kind(of scalar: UInt32) -> Kind? {
        let index = Self.lastIndex(in: spans) { $0.first <= scalar }
        guard let index, spans[index].last >= scalar else { return nil }
        return spans[index].kind
    }

    /// Appends the folded form of a scalar that is neither dropped nor a space, as UTF-8; answers how many scalars.
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

    private static func span(_ entry: Substring) -> (first: UInt32, last: UInt32, step: UInt32) {
        let parts = entry.split(separator: "/")
        let ends = parts[0].split(separator: "-").map(hex)
        return (ends[0], ends[ends.count - 1], parts.count == 2 ? 2 : 1)
    }

    private static func hex(_ digits: Substring) -> UInt32 {
        guard let value = UInt32(digits, radix: 16) else { preconditionFailure("the table holds a bad number") }
        return value
    }

    /// Binary search: the last element for which `precedes` holds; the array must be partitioned by it.
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
