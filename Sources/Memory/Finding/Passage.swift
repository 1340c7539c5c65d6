import Foundation

/// The chunk of a long memory that answers a query best.
///
/// Meaning chooses the nearest chunk, but a vector blurs numbers and names. So the words are counted too: a term weighs
/// by how few of the memory's chunks hold it, ln(1 + (n − df + ½) / (df + ½)), which is BM25's IDF over these chunks.
/// The chunk that holds most by this weight is taken where the nearest lacks half of it or more.
struct Passage {
    private let terms: Set<String>
    private let analyse: (String) -> [String]
    /// The first bytes of the terms. Stemming keeps a word's first letter, so other words need no analysis.
    private let beginnings: Set<UInt8>

    /// - Parameter terms: The query's, as `analyse` gives them.
    init(_ terms: Set<String>, _ analyse: @escaping (String) -> [String]) {
        self.terms = terms
        self.analyse = analyse
        beginnings = Set(terms.compactMap(\.utf8.first))
    }

    /// The index of the chunk; nil where none holds a term and none is nearest by meaning.
    ///
    /// Cost is linear in the text.
    func best(of chunks: [Range<Int>], in text: String, nearest: Int?) -> Int? {
        guard !terms.isEmpty else { return nearest }
        let bytes = Array(text.utf8)
        if let nearest, held(in: bytes[chunks[nearest]]).count == terms.count { return nearest }
        let held = chunks.map { self.held(in: bytes[$0]) }
        var frequencies: [String: Int] = [:]
        for counts in held { for term in counts.keys { frequencies[term, default: 0] += 1 } }
        let weights = frequencies.mapValues { frequency in
            log(1 + (Double(chunks.count - frequency) + 0.5) / (Double(frequency) + 0.5))
        }
        // Summed in one order, so that equal chunks have equal sums.
        let inOrder = weights.sorted { $0.key < $1.key }
        func weight(_ i: Int) -> Double { inOrder.reduce(0) { held[i][$1.key] == nil ? $0 : $0 + $1.value } }
        func occurrences(_ i: Int) -> Int { held[i].values.reduce(0, +) }
        var most: (index: Int, weight: Double, occurrences: Int)?
        for i in chunks.indices where !held[i].isEmpty {
            let (weight, occurrences) = (weight(i), occurrences(i))
            if let most, (most.weight, most.occurrences) >= (weight, occurrences) { continue }
            most = (i, weight, occurrences)
        }
        guard let best = most, let nearest else { return most?.index ?? nearest }
        return best.weight - weight(nearest) >= best.weight / 2 ? best.index : nearest
    }

    /// The terms in a chunk, and how often each occurs.
    private func held(in bytes: ArraySlice<UInt8>) -> [String: Int] {
        var counts: [String: Int] = [:]
        var at = bytes.startIndex
        while at < bytes.endIndex {
            let start = at
            // An apostrophe before a word is a quotation mark.
            if bytes[at] == UInt8(ascii: "'") { at += 1; continue }
            while at < bytes.endIndex, Self.isOfWord(bytes[at]) { at += 1 }
            guard at > start else {
                at += 1
                continue
            }
            let first = bytes[start]
            guard first >= 0x80 || beginnings.contains(first | (first >= 0x41 && first <= 0x5A ? 0x20 : 0)) else {
                continue
            }
            for term in analyse(String(decoding: bytes[start..<at], as: UTF8.self)) where terms.contains(term) {
                counts[term, default: 0] += 1
            }
        }
        return counts
    }

    /// Letters and digits of ASCII, apostrophes, and everything beyond ASCII.
    private static func isOfWord(_ byte: UInt8) -> Bool {
        byte >= 0x80 || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: "'")
    }
}
