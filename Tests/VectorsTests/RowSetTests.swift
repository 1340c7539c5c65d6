import TestSupport
import Testing
import Vectors

/// Sets of rows, and selections made of them.
@Suite struct RowSetTests {
    @Test("The rows of a selection from a row on are the selected rows that are not before it")
    func rowsFromOneOn() {
        var generator = SplitMix(seed: 84)
        let rows = 333
        var allowed = RowSet(rowCount: rows), deleted = RowSet(rowCount: rows)
        for row in 0..<rows {
            if generator.next() % 2 == 0 { allowed.insert(row) }
            if generator.next() % 5 == 0 { deleted.insert(row) }
        }
        for selection in [
            RowSelection(rowCount: rows, allowed: nil, deleted: nil),
            RowSelection(rowCount: rows, allowed: allowed, deleted: deleted),
        ] {
            for first in [0, 1, 63, 64, 65, 320, 332, 333] {
                let found = selection.rows(from: first)
                #expect((0..<rows).allSatisfy { found.contains($0) == ($0 >= first && selection.contains($0)) })
            }
        }
    }

    @Test("Words that are passed on without a copy select the same rows as the selection")
    func wordsWithoutACopy() {
        var generator = SplitMix(seed: 85)
        let rows = 333
        var set = RowSet(rowCount: rows)
        for row in 0..<rows where generator.next() % 3 == 0 { set.insert(row) }
        for selection in [
            RowSelection(rowCount: rows, allowed: set, deleted: nil),
            RowSelection(rowCount: rows, allowed: nil, deleted: set),
        ] {
            let agree = selection.withBits { bits in
                (0..<rows).allSatisfy { (bits.has(UInt32($0)) == 1) == selection.contains($0) }
            }
            #expect(agree == true)
        }
        // The words of two sets, of no set, or of a set with too few words cannot be passed on.
        for selection in [
            RowSelection(rowCount: rows, allowed: set, deleted: set),
            RowSelection(rowCount: rows, allowed: nil, deleted: nil),
            RowSelection(rowCount: 2 * rows, allowed: nil, deleted: set),
        ] {
            #expect(selection.withBits { _ in true } == nil)
        }
    }

    @Test("The list of a set's members has the rows whose bits are set")
    func listOfMembers() {
        var generator = SplitMix(seed: 86)
        let rows = 1000
        for members in [0, 1, 20, 31, 400] {
            var set = RowSet(rowCount: rows), deleted = RowSet(rowCount: rows)
            for _ in 0..<members { set.insert(Int(generator.next() % UInt64(rows))) }
            for row in 0..<rows where generator.next() % 2 == 0 { deleted.insert(row) }
            func check(_ listed: RowSet) {
                let plain = RowSet(words: listed.words)
                #expect(listed == plain)
                for (rowCount, gone) in [(rows, nil), (rows, deleted), (300, nil)] as [(Int, RowSet?)] {
                    let a = RowSelection(rowCount: rowCount, allowed: listed, deleted: gone)
                    let b = RowSelection(rowCount: rowCount, allowed: plain, deleted: gone)
                    #expect(
                        a.rows == b.rows && a.count() == b.count()
                            && a.rows == (0..<UInt32(rowCount)).filter { b.contains(Int($0)) })
                }
            }
            set.listMembers()
            check(set)
            var less = set
            less.subtract(deleted)
            check(less)
            var more = less
            more.insert(500)
            check(more)
            more.listMembers()
            more.remove(500)
            check(more)
            set.formIntersection(deleted)
            check(set)
        }
    }
}
