import CKernels
import TestSupport
import Testing
import Vectors

/// Every kernel of every instruction set of this machine, compared with arithmetic in Double.
@Suite struct KernelTests {
    static let dimensions = Array(1...130) + [384, 768, 1536]

    /// The error of float32 over n terms of size t: a few units in the last place of Σ|t| (Higham, Accuracy and
    /// Stability of Numerical Algorithms, 2nd ed., (3.5): n · u; vector kernels sum in 32 or more parts, so n / 8 is
    /// generous).
    static func tolerance(sumOfMagnitudes: Double, dimension: Int) -> Double {
        sumOfMagnitudes * Double(Float.ulpOfOne) * (4 + Double(dimension) / 8)
    }

    struct Exact {
        var dot = 0.0, squared = 0.0, manhattan = 0.0, magnitudes = 0.0

        init(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) {
            for (x, y) in zip(a, b) {
                let x = Double(x), y = Double(y)
                dot += x * y
                squared += (x - y) * (x - y)
                manhattan += abs(x - y)
                magnitudes += abs(x * y)
            }
        }
    }

    @Test("Every instruction set agrees with Double arithmetic for pairs of every dimension")
    func pairsAgree() {
        var generator = SplitMix(seed: 1)
        for dimension in Self.dimensions {
            // One float before them, so that they are not aligned by chance.
            let a = generator.floats(dimension + 1), b = generator.floats(dimension + 1)
            let exact = Exact(a[1...], b[1...])
            for kernels in DistanceKernels.available {
                let found = a.withUnsafeBufferPointer { a in
                    b.withUnsafeBufferPointer { b -> [Double] in
                        guard let a = a.baseAddress, let b = b.baseAddress else { return [] }
                        let table = kernels.table.pointee
                        return [
                            Double(table.dot(a + 1, b + 1, dimension)),
                            Double(table.l2_squared(a + 1, b + 1, dimension)),
                            Double(table.manhattan(a + 1, b + 1, dimension)),
                        ]
                    }
                }
                let wanted = [exact.dot, exact.squared, exact.manhattan]
                let sizes = [exact.magnitudes, exact.squared, exact.manhattan]
                for i in 0..<3 {
                    let allowed = Self.tolerance(sumOfMagnitudes: sizes[i], dimension: dimension)
                    #expect(abs(found[i] - wanted[i]) <= allowed, "\(kernels.name) kernel \(i) dimension \(dimension)")
                }
            }
        }
    }

    @Test("Scoring rows writes each row's distance, for every count up to nine, and nothing beyond the last")
    func rowsAgree() {
        var generator = SplitMix(seed: 2)
        for dimension in Self.dimensions {
            let rows = 12
            let base = generator.floats(rows * dimension), query = generator.floats(dimension)
            for kernels in DistanceKernels.available {
                for metric in Metric.allCases {
                    let count = Int(generator.next() % 10)
                    let ids = (0..<count).map { _ in UInt32(generator.next() % UInt64(rows)) }
                    var out = [Float](repeating: -77, count: count + 4)
                    kernels.rows(metric)(query, base, dimension, ids.isEmpty ? [0] : ids, count, &out)
                    #expect(out[count...].allSatisfy { $0 == -77 }, "\(kernels.name) \(metric) wrote beyond \(count)")
                    for (i, id) in ids.enumerated() {
                        let exact = Exact(query[...], base[(Int(id) * dimension)..<((Int(id) + 1) * dimension)])
                        let (wanted, size): (Double, Double) =
                            switch metric {
                            case .cosine, .dot: (-exact.dot, exact.magnitudes)
                            case .euclidean: (exact.squared, exact.squared)
                            case .manhattan: (exact.manhattan, exact.manhattan)
                            }
                        let allowed = Self.tolerance(sumOfMagnitudes: size, dimension: dimension)
                        #expect(
                            abs(Double(out[i]) - wanted) <= allowed, "\(kernels.name) \(metric) dimension \(dimension)")
                    }
                }
            }
        }
    }

    @Test("On every instruction set the pool holds the same keys as sorting, with ties and NaN")
    func poolsAgreeWithSorting() {
        var generator = SplitMix(seed: 4)
        for capacity in [1, 2, 7, 8, 9, 16, 17, 40, 73, 128, 200, 256, 300, 700, 1000] {
            // Few different values, so that most are ties; some are NaN or infinite.
            let distances: [Float] = (0..<900).map { _ in
                switch generator.next() % 40 {
                case 0: .nan
                case 1: .infinity
                case 2: -.infinity
                case 3: -0.5
                default: Float(generator.next() % 50)
                }
            }
            let all = distances.enumerated().filter { !$0.element.isNaN }
                .map { Neighbor(distance: $0.element, row: UInt32($0.offset)) }.sorted()
            for kernels in DistanceKernels.available {
                var top = TopK(capacity, kernels: kernels)
                for first in stride(from: 0, to: 900, by: 23) {
                    let last = min(first + 23, 900)
                    top.offer(
                        Array(distances[first..<last]), rows: (first..<last).map { UInt32($0) }, count: last - first)
                }
                #expect(top.neighbors() == Array(all.prefix(capacity)), "\(kernels.name), capacity \(capacity)")
            }
        }
    }

    @Test("Every instruction set sorts keys, with ties, and leaves NaN out")
    func keysAreSorted() {
        var generator = SplitMix(seed: 8)
        for count in Array(0...20) + [63, 64, 65, 120, 255, 256, 257, 400] {
            var rows = (0..<UInt32(1000)).map { $0 }
            rows.shuffle(using: &generator)
            let distances: [Float] = (0..<count).map { _ in
                switch generator.next() % 20 {
                case 0: .nan
                case 1: .infinity
                case 2: -.infinity
                default: Float(generator.next() % 30) - 5
                }
            }
            let wanted = zip(distances, rows).filter { !$0.0.isNaN }.map { ck_key($0.0, $0.1) }.sorted()
            for kernels in DistanceKernels.available {
                var keys = [Int64](repeating: 0, count: count + 8)
                let known = kernels.table.pointee.sort_keys(distances, rows, count, &keys)
                #expect(Array(keys[..<known]) == wanted, "\(kernels.name), \(count) keys")
            }
        }
    }

    @Test("Every instruction set gathers the unvisited rows, and lists and counts the bits that are set")
    func setsOfRowsAgree() {
        var generator = SplitMix(seed: 6)
        for count in Array(0...50) + [96, 255] {
            let rows = 300
            let visited = (0..<rows + 4).map { _ in UInt8(generator.next() % 3) }
            var links = (0..<UInt32(rows)).map { $0 }
            links.shuffle(using: &generator)
            let wanted = links.prefix(count).filter { visited[Int($0)] != 2 }
            // Words with no bits, few bits and many bits.
            let words = (0..<count).map { _ in
                let (a, b, c) = (generator.next(), generator.next(), generator.next())
                return [0, a & b & c & (a >> 7) & (b >> 9) & (c >> 5), a, ~0][Int(c % 4)]
            }
            let others = (0..<count).map { _ in generator.next() }
            let bits = (0..<64 * count).filter { words[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }.map { UInt32($0 + 128) }
            for kernels in DistanceKernels.available {
                let table = kernels.table.pointee
                var out = [UInt32](repeating: 0, count: 64 * count + 16)
                let gathered = table.gather_unvisited(links, count, visited, 2, &out)
                #expect(Array(out[..<gathered]) == wanted, "\(kernels.name), \(count) links")
                let listed = table.list_bits(words, count, 128, &out)
                #expect(Array(out[..<listed]) == bits, "\(kernels.name), \(count) words")
                #expect(table.count_bits(words, nil, count) == UInt64(bits.count))
                let left = zip(words, others).reduce(UInt64(0)) { $0 + UInt64(($1.0 & ~$1.1).nonzeroBitCount) }
                #expect(table.count_bits(words, others, count) == left)
            }
        }
    }

    @Test("Every instruction set unpacks numbers of any width, and gathers the unvisited ones")
    func packedNumbersAgree() {
        var generator = SplitMix(seed: 7)
        for bits in 1...31 {
            for count in [0, 1, 7, 8, 9, 16, 31, 48, 100] {
                let numbers = (0..<count).map { _ in UInt32(truncatingIfNeeded: generator.next()) & (1 << bits - 1) }
                // Zeros after them, because a kernel may read beyond the end.
                var packed = [UInt8](repeating: 0, count: (count * bits + 7) / 8 + 128)
                for (place, number) in numbers.enumerated() {
                    for bit in 0..<bits where number >> bit & 1 == 1 {
                        packed[(place * bits + bit) / 8] |= 1 << ((place * bits + bit) % 8)
                    }
                }
                // Gathered numbers are positions in `visited`: a repeated number is gathered each time.
                let rows = min(1 << bits, 4096)
                let visited = (0..<rows + 4).map { _ in UInt8(generator.next() % 3) }
                let wanted = numbers.filter { $0 < rows && visited[Int($0)] != 2 }
                for kernels in DistanceKernels.available {
                    let table = kernels.table.pointee
                    var out = [UInt32](repeating: .max, count: count + 16)
                    table.unpack(packed, bits, count, &out)
                    #expect(Array(out[..<count]) == numbers, "\(kernels.name), \(bits) bits, \(count) numbers")
                    guard numbers.allSatisfy({ $0 < rows }) else { continue }
                    let gathered = table.gather_packed(packed, bits, count, visited, 2, &out)
                    #expect(Array(out[..<gathered]) == wanted, "\(kernels.name), \(bits) bits, \(count) links")
                }
            }
        }
    }

    @Test("The checksum is Castagnoli's, with and without the instruction, whole or in parts")
    func checksum() {
        // RFC 3720, B.4, and the check value of the catalogue of CRC algorithms.
        #expect(ck_crc32c(0, Array("123456789".utf8), 9) == 0xe306_9283)
        #expect(ck_crc32c(0, [UInt8](repeating: 0, count: 32), 32) == 0x8a91_36aa)
        #expect(ck_crc32c(0, [UInt8](repeating: 0xff, count: 32), 32) == 0x62a8_ab43)
        var generator = SplitMix(seed: 5)
        for count in Array(0..<70) + [255, 256, 257, 383, 384, 385, 511, 512, 1543, 3071, 3072, 3841, 9000] {
            let bytes = (0..<max(count, 1)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            let whole = ck_crc32c(0, bytes, count)
            #expect(whole == ck_crc32c_portable(0, bytes, count))
            #expect(whole == ck_crc32c_unfolded(0, bytes, count))
            let part = count / 3
            #expect(ck_crc32c(ck_crc32c(0, bytes, part), Array(bytes[part...]), count - part) == whole)
        }
    }

    @Test("Pool keys have the order of their distances, and distance and row can be read from a key")
    func keysOrder() {
        let least = Float.leastNonzeroMagnitude
        let values: [Float] = [-.infinity, -3e38, -1, -least, 0, least, 0.5, 1, 3e38, .infinity]
        for (a, b) in zip(values, values.dropFirst()) { #expect(ck_key(a, 5) < ck_key(b, 5)) }
        for value in values {
            #expect(ck_key_distance(ck_key(value, 9)) == value)
            #expect(ck_key_row(ck_key(value, UInt32(Int32.max - 1))) == UInt32(Int32.max - 1))
        }
    }

    @Test("The best instruction set is one of those available")
    func bestIsAvailable() {
        #expect(DistanceKernels.available.map(\.name).contains(DistanceKernels.best.name))
        #expect(DistanceKernels.available.first?.name == "portable")
    }
}
