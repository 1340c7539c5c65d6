import Vectors

// The inverted index of one segment's sparse vectors: for each term the rows that have it, ascending, with weights.
//
// While a segment grows its lists live in a dictionary; sealed, they lie one after another in a single array
// (terms sorted, `offsets[i]..<offsets[i + 1]` are the postings of `terms[i]`).

/// One row's weight for a term.
struct Posting: BitwiseCopyable, Sendable, Equatable {
    var row: UInt32
    var weight: Float
}

struct SparseIndex: Sendable {
    private enum Storage: Sendable {
        case growing([UInt32: [Posting]])
        case sealed(terms: [UInt32], offsets: [UInt32], postings: [Posting])
    }

    private var storage: Storage = .growing([:])

    init() {}

    /// Adds the vector of `row`; rows come in ascending order.
    mutating func append(_ vector: SparseVector, row: UInt32) {
        guard case .growing(var lists) = storage else { preconditionFailure("a sealed index does not grow") }
        storage = .growing([:])  // so that the dictionary is not copied
        for (term, weight) in zip(vector.indices, vector.values) {
            lists[term, default: []].append(Posting(row: row, weight: weight))
        }
        storage = .growing(lists)
    }

    func withPostings<Result>(of term: UInt32, _ body: (UnsafeBufferPointer<Posting>) -> Result) -> Result {
        switch storage {
        case .growing(let lists):
            return (lists[term] ?? []).withUnsafeBufferPointer(body)
        case .sealed(let terms, let offsets, let postings):
            let i = terms.partitioningIndex { $0 >= term }
            guard i < terms.count, terms[i] == term else { return body(UnsafeBufferPointer(start: nil, count: 0)) }
            return postings.withUnsafeBufferPointer {
                body(UnsafeBufferPointer(rebasing: $0[Int(offsets[i])..<Int(offsets[i + 1])]))
            }
        }
    }

    /// How many rows below `rowCount` have `term` and a bit in `words` that is `value`; bits beyond the words are 0.
    func count(of term: UInt32, below rowCount: Int, whoseBitsIn words: [UInt64], are value: Bool) -> Int {
        withPostings(of: term) { list in
            let list = list.prefix(below: rowCount)
            let marked = words.withUnsafeBufferPointer { words in
                var marked: UInt64 = 0
                for posting in list {
                    let word = Int(posting.row >> 6)
                    if word < words.count { marked &+= words[word] >> UInt64(posting.row & 63) & 1 }
                }
                return Int(marked)
            }
            return value ? marked : list.count - marked
        }
    }

    /// Every list, in no order.
    func forEachList(_ body: (UInt32, UnsafeBufferPointer<Posting>) -> Void) {
        switch storage {
        case .growing(let lists):
            for (term, list) in lists { list.withUnsafeBufferPointer { body(term, $0) } }
        case .sealed(let terms, let offsets, let postings):
            postings.withUnsafeBufferPointer { all in
                for i in terms.indices {
                    body(terms[i], UnsafeBufferPointer(rebasing: all[Int(offsets[i])..<Int(offsets[i + 1])]))
                }
            }
        }
    }

    /// One sealed index of several, rows renumbered by each part's `newRow` (nil: the row is gone).
    static func merging(_ parts: [(index: SparseIndex, newRow: [UInt32?])]) -> SparseIndex {
        var lists: [UInt32: [Posting]] = [:]
        for part in parts {
            part.index.forEachList { term, list in
                var kept = lists[term] ?? []
                lists[term] = nil
                for posting in list where Int(posting.row) < part.newRow.count {
                    if let row = part.newRow[Int(posting.row)] {
                        kept.append(Posting(row: row, weight: posting.weight))
                    }
                }
                if !kept.isEmpty { lists[term] = kept }
            }
        }
        let terms = lists.keys.sorted()
        var offsets: [UInt32] = [0]
        var postings: [Posting] = []
        offsets.reserveCapacity(terms.count + 1)
        postings.reserveCapacity(lists.values.reduce(0) { $0 + $1.count })
        for term in terms {
            let list = lists[term] ?? []
            postings.append(contentsOf: list.sorted { $0.row < $1.row })
            offsets.append(UInt32(postings.count))
        }
        var merged = SparseIndex()
        merged.storage = .sealed(terms: terms, offsets: offsets, postings: postings)
        return merged
    }

    // MARK: Bytes

    func write(to blob: inout BlobWriter) {
        guard case .sealed(let terms, let offsets, let postings) = storage else {
            preconditionFailure("only a sealed index is written")
        }
        blob.put(terms)
        blob.put(offsets)
        blob.put(postings)
    }

    init(from blob: inout BlobReader, rowCount: Int) throws(BlobError) {
        let terms = try blob.array(of: UInt32.self)
        let offsets = try blob.array(of: UInt32.self)
        let postings = try blob.array(of: Posting.self)
        guard offsets.count == terms.count + 1, offsets.first == 0, offsets.last.map(Int.init) == postings.count,
            zip(offsets, offsets.dropFirst()).allSatisfy({ $0 <= $1 }),
            postings.allSatisfy({ $0.row < rowCount })
        else { throw .truncated }
        storage = .sealed(terms: terms, offsets: offsets, postings: postings)
    }
}

extension UnsafeBufferPointer<Posting> {
    /// The postings of rows below `rowCount`.
    func prefix(below rowCount: Int) -> UnsafeBufferPointer {
        guard let last, last.row >= rowCount else { return self }
        return UnsafeBufferPointer(rebasing: self[..<partitioningIndex { $0.row >= rowCount }])
    }
}

extension RandomAccessCollection {
    /// The first position whose element fulfils `predicate`, all before it failing: a binary search.
    func partitioningIndex(where predicate: (Element) -> Bool) -> Index {
        var low = startIndex
        var rest = count
        while rest > 0 {
            let half = rest / 2
            let middle = index(low, offsetBy: half)
            if predicate(self[middle]) {
                rest = half
            } else {
                low = index(after: middle)
                rest -= half + 1
            }
        }
        return low
    }
}
