import TestSupport
import Testing
import Vectors

/// The best candidates scored again, by distances that stand for those of their floats.
@Suite struct RescoringTests {
    /// Distances of some rows by code and by floats, ordered by code.
    struct Case {
        let candidates: [Neighbor]
        let exact: [UInt32: Float]

        init(candidates: [Neighbor], exact: [UInt32: Float]) { (self.candidates, self.exact) = (candidates, exact) }

        /// - Parameter error: the largest error of a code; a tenth of it is always to the same side.
        init(count: Int, error: Float, seed: UInt64) {
            var generator = SplitMix(seed: seed)
            var candidates: [Neighbor] = [], exact: [UInt32: Float] = [:]
            for row in 0..<UInt32(count) {
                let distance = Float.random(in: 0..<1, using: &generator)
                let off = error * Float.random(in: -1...1, using: &generator) + 0.1
                exact[row] = distance
                candidates.append(Neighbor(distance: distance + off, row: row))
            }
            self.candidates = candidates.sorted()
            self.exact = exact
        }

        var nearest: [UInt32] { exact.sorted { $0.value < $1.value }.map(\.key) }

        /// The rows that are found, and the rows that were scored to find them.
        func run(
            k: Int, scoresAll: Bool = false, isFrugal: Bool = false, lost: Set<UInt32> = []
        ) -> (found: [Neighbor], scored: [UInt32]) {
            var scored: [UInt32] = []
            let found = Rescoring(candidates, k: k, scoresAll: scoresAll, isFrugal: isFrugal).run { rows, count, out in
                for i in 0..<count {
                    scored.append(rows[i])
                    out[i] = lost.contains(rows[i]) ? .nan : exact[rows[i]] ?? .nan
                }
            }
            return (found, scored)
        }
    }

    @Test(
        "Every candidate is scored at most once, nearest by code first, and the best scored ones are returned")
    func returnsTheBestOfWhatIsScored() {
        for (seed, isFrugal) in [(1, false), (2, true), (3, false), (4, true)] as [(UInt64, Bool)] {
            let made = Case(count: 60, error: 0.1, seed: seed)
            let (found, scored) = made.run(k: 10, isFrugal: isFrugal)
            #expect(scored == Array(made.candidates.map(\.row).prefix(scored.count)))
            #expect(scored.count >= 10 && scored.count < 60)
            let best = made.nearest.filter(Set(scored).contains).prefix(10)
            #expect(found.map(\.row) == Array(best))
            #expect(found.allSatisfy { made.exact[$0.row] == $0.distance })
        }
    }

    @Test("Exact codes need only the rows that are scored at first; on request all candidates are scored")
    func scoresWhatItMust() {
        let exact = Case(count: 60, error: 0, seed: 5)
        #expect(exact.run(k: 10).scored.count == 14)
        #expect(exact.run(k: 10, isFrugal: true).scored.count == 10)
        #expect(exact.run(k: 3, isFrugal: true).scored.count == 10)
        #expect(exact.run(k: 10, scoresAll: true).scored.count == 60)
        #expect(exact.run(k: 10).found.map(\.row) == Array(exact.nearest.prefix(10)))
        #expect(exact.run(k: 100).found.map(\.row) == exact.nearest)
        #expect(exact.run(k: 0).scored.isEmpty)
    }

    @Test(
        "Coarser codes and more candidates make more rows scored, and few neighbours are lost"
    )
    func scoresAsManyAsCodesErr() {
        var fine = 0, coarse = 0, narrow = 0, wide = 0, lost = 0
        for seed in 0..<UInt64(200) {
            fine += Case(count: 60, error: 0.01, seed: seed).run(k: 10, isFrugal: true).scored.count
            let made = Case(count: 60, error: 0.05, seed: seed)
            let (found, scored) = made.run(k: 10, isFrugal: true)
            coarse += scored.count
            lost += Set(made.nearest.prefix(10)).subtracting(found.map(\.row)).count
            // The same near candidates, once among as few as a narrow walk finds, and once among many far ones.
            let near = Case(candidates: Array(made.candidates.prefix(14)), exact: made.exact)
            let far = (60..<120 as Range<UInt32>).map { Neighbor(distance: 10, row: $0) }
            let among = Case(candidates: near.candidates + far, exact: made.exact)
            narrow += near.run(k: 10, isFrugal: true).scored.count
            wide += among.run(k: 10, isFrugal: true).scored.count
        }
        #expect(fine < coarse)
        #expect(narrow < wide)
        #expect(lost <= 200 * 10 / 100, "\(lost) of 2 000")
    }

    @Test("Rows that cannot be read are left out, and others are scored in their place", arguments: [false, true])
    func lostRows(isFrugal: Bool) {
        let made = Case(count: 40, error: 0, seed: 9)
        let lost = Set(made.nearest.prefix(15))
        let (found, scored) = made.run(k: 10, isFrugal: isFrugal, lost: lost)
        #expect(found.map(\.row) == Array(made.nearest[15..<25]))
        #expect(lost.isSubset(of: scored))
        #expect(made.run(k: 10, isFrugal: isFrugal, lost: Set(made.nearest)).found.isEmpty)
    }
}
