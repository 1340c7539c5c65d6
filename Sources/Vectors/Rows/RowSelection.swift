import CKernels

/// The rows `0..<rowCount` that are allowed and not deleted.
package struct RowSelection {
    package let rowCount: Int
    package let allowed: RowSet?
    package let deleted: RowSet?

    /// - Parameters:
    ///   - allowed: nil allows all.
    ///   - deleted: nil means none.
    package init(rowCount: Int, allowed: RowSet?, deleted: RowSet?) {
        self.rowCount = rowCount
        self.allowed = allowed
        self.deleted = deleted
    }

    /// Whether every row is selected, known without reading the sets.
    package var isAll: Bool { allowed == nil && deleted == nil }

    /// The selected rows, if they have been listed.
    private var listed: [UInt32]? {
        guard deleted == nil, let list = allowed?.list, list.last.map({ $0 < rowCount }) ?? true else { return nil }
        return list
    }

    /// Whether `set` has a bit for each row and no bits for other rows, except in the last word.
    private func coversExactly(_ set: RowSet) -> Bool { set.words.count == (rowCount + 63) >> 6 }

    /// Passes the words of one set to `body` if that set alone describes the selection; otherwise returns nil.
    package func withBits<Result>(_ body: (RowBits) throws -> Result) rethrows -> Result? {
        guard let set = allowed ?? deleted, allowed == nil || deleted == nil, coversExactly(set) else { return nil }
        return try set.words.withUnsafeBufferPointer { words in
            guard let base = words.baseAddress else { return nil }
            return try body(RowBits(words: base, leavesOut: allowed == nil))
        }
    }

    @inlinable package func contains(_ row: Int) -> Bool {
        if let allowed, !allowed.contains(row) { return false }
        if let deleted, deleted.contains(row) { return false }
        return true
    }

    /// The number of selected rows; one pass over the words of the sets.
    package func count(_ kernels: DistanceKernels = .best) -> Int {
        if isAll { return rowCount }
        if let listed { return listed.count }
        if deleted == nil, let allowed, let known = allowed.knownCount, coversExactly(allowed) { return known }
        guard let allowed else { return rowCount - members(of: deleted?.words ?? [], kernels) }
        let keeps = members(of: allowed.words, kernels)
        guard let deleted else { return keeps }
        // The allowed rows that are also deleted are the allowed rows minus those that remain when `deleted` is
        // subtracted.
        let words = min(rowCount >> 6, allowed.words.count, deleted.words.count)
        let both = allowed.words.withUnsafeBufferPointer { a in
            deleted.words.withUnsafeBufferPointer { d -> Int in
                guard let a = a.baseAddress, let d = d.baseAddress, words > 0 else { return 0 }
                let all = kernels.table.pointee.count_bits(a, nil, words)
                return Int(all - kernels.table.pointee.count_bits(a, d, words))
            }
        }
        return keeps - both - (lastWord(allowed.words) & lastWord(deleted.words)).nonzeroBitCount
    }

    private func members(of words: [UInt64], _ kernels: DistanceKernels) -> Int {
        let whole = words.withUnsafeBufferPointer { words -> Int in
            guard let base = words.baseAddress else { return 0 }
            return Int(kernels.table.pointee.count_bits(base, nil, min(words.count, rowCount >> 6)))
        }
        return whole + lastWord(words).nonzeroBitCount
    }

    /// The bits of the last word that belong to rows, if only some of them do; otherwise 0.
    private func lastWord(_ words: [UInt64]) -> UInt64 {
        let word = rowCount >> 6
        guard rowCount & 63 != 0, word < words.count else { return 0 }
        return words[word] & ((1 << UInt64(rowCount & 63)) - 1)
    }

    /// Writes the selected rows as a bitmap of `wordCount` words, which must cover all rows.
    package func copyWords(to target: UnsafeMutablePointer<UInt64>, wordCount: Int) {
        precondition(wordCount >= (rowCount + 63) >> 6)
        if let allowed {
            let known = min(allowed.words.count, wordCount)
            allowed.words.withUnsafeBufferPointer { words in
                if let base = words.baseAddress { target.update(from: base, count: known) }
            }
            (target + known).update(repeating: 0, count: wordCount - known)
        } else {
            target.update(repeating: ~0, count: wordCount)
        }
        deleted?.words.withUnsafeBufferPointer { words in
            for i in 0..<min(words.count, wordCount) { target[i] &= ~words[i] }
        }
        let rest = rowCount >> 6
        guard rest < wordCount else { return }
        target[rest] &= (1 << UInt64(rowCount & 63)) - 1
        (target + rest + 1).update(repeating: 0, count: wordCount - rest - 1)
    }

    /// The selected rows from `row` on, as a selection.
    package func rows(from row: Int) -> RowSet {
        RowSet(rowCount: rowCount) { words in
            guard let base = words.baseAddress else { return }
            copyWords(to: base, wordCount: words.count)
            let first = min(max(row, 0), rowCount)
            words[..<(first >> 6)].update(repeating: 0)
            if first >> 6 < words.count { words[first >> 6] &= ~0 << UInt64(first & 63) }
        }
    }

    /// The selected rows, ascending.
    package var rows: [UInt32] {
        var rows: [UInt32] = []
        forEach { rows.append($0) }
        return rows
    }

    /// Calls `body` with every selected row, ascending.
    @inline(__always)
    func forEach(_ body: (UInt32) -> Void) {
        forEachBlock { rows, count in
            for i in 0..<count { body(rows[i]) }
        }
    }

    /// Calls `body` with the selected rows in ascending order, several at a time.
    func forEachBlock(_ body: (UnsafePointer<UInt32>, Int) -> Void) {
        let words = (rowCount + 63) >> 6, wordsAtATime = 32
        if let listed {
            return listed.withUnsafeBufferPointer { rows in
                guard let base = rows.baseAddress else { return }
                for first in stride(from: 0, to: rows.count, by: 64 * wordsAtATime) {
                    body(base + first, min(64 * wordsAtATime, rows.count - first))
                }
            }
        }
        let list = DistanceKernels.best.table.pointee.list_bits
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64 * wordsAtATime) { rows in
            withUnsafeTemporaryAllocation(of: UInt64.self, capacity: words) { selected in
                guard let rows = rows.baseAddress, let selected = selected.baseAddress else { return }
                copyWords(to: selected, wordCount: words)
                for first in stride(from: 0, to: words, by: wordsAtATime) {
                    let count = list(
                        selected + first, min(wordsAtATime, words - first), UInt32(first &<< 6), rows)
                    if count > 0 { body(rows, count) }
                }
            }
        }
    }
}

/// One bit for each row that says whether the row is selected.
package struct RowBits {
    package let words: UnsafePointer<UInt64>
    /// 0 if a bit of 1 selects its row, 1 if a bit of 0 does.
    package let flip: Int32

    /// - Parameter leavesOut: whether a bit of 0 selects its row.
    package init(words: UnsafePointer<UInt64>, leavesOut: Bool = false) {
        self.words = words
        flip = leavesOut ? 1 : 0
    }

    /// 1 if `row` is selected, otherwise 0.
    @inlinable @inline(__always) package func has(_ row: UInt32) -> Int { Int(ck_has_bit(words, row) ^ flip) }
}
