import CTransformer
import Foundation
import Testing

/// Every table of kernels against Double arithmetic, at sizes around the tiles' edges.
struct KernelTests {
    static var tables: [ct_kernels] {
        (0..<ctransformer_table_count()).compactMap { ctransformer_table($0)?.pointee }
    }

    private func numbers(_ count: Int, seed: UInt64, scale: Float = 1) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (Float(state >> 40) / Float(1 << 23) - 1) * scale
        }
    }

    private func withScratch(_ body: (UnsafeMutablePointer<ct_scratch>) -> Void) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<ct_scratch>.size, alignment: 64)
        defer { memory.deallocate() }
        body(memory.bindMemory(to: ct_scratch.self, capacity: 1))
    }

    /// Weights in panels of 16 columns, pairs of inputs beside each other (ctransformer.h).
    private func packed(_ weights: [Int16], inputs: Int, outputs: Int) -> [Int16] {
        var result = [Int16](repeating: 0, count: weights.count)
        for input in 0..<inputs {
            for output in 0..<outputs {
                let panel = output / 16 * 16 * inputs
                result[panel + input / 2 * 32 + output % 16 * 2 + input % 2] = weights[output * inputs + input]
            }
        }
        return result
    }

    @Test(arguments: [1, 2, 5, 11, 12, 13, 95, 96, 97])
    func productsAreExactAndTheSameOnEveryInstructionSet(rows: Int) {
        let (inputs, outputs) = (64, 96)
        let weights = numbers(inputs * outputs, seed: 1, scale: 2047).map { Int16($0) }
        let x = numbers(rows * inputs, seed: 2, scale: 3)
        let (scales, bias) = (numbers(outputs, seed: 3, scale: 1e-4), numbers(outputs, seed: 4))
        let panels = packed(weights, inputs: inputs, outputs: outputs)
        var first: [Float]?
        for table in Self.tables {
            var out = [Float](repeating: .nan, count: rows * outputs)
            withScratch { scratch in
                panels.withUnsafeBufferPointer { panels in
                    scales.withUnsafeBufferPointer { scales in
                        bias.withUnsafeBufferPointer { bias in
                            var layer = ct_linear(
                                weights: panels.baseAddress, scales: scales.baseAddress, bias: bias.baseAddress,
                                inputs: Int32(inputs), outputs: Int32(outputs), limit: 8191)
                            table.linear(&layer, x, Int32(rows), 0, &out, scratch)
                        }
                    }
                }
            }
            for row in 0..<rows {
                for output in 0..<outputs {
                    var exact = 0.0
                    for input in 0..<inputs {
                        exact += Double(x[row * inputs + input]) * Double(weights[output * inputs + input])
                    }
                    exact = exact * Double(scales[output]) + Double(bias[output])
                    #expect(abs(Double(out[row * outputs + output]) - exact) < 2e-3)
                }
            }
            #expect(out == first ?? out)
            first = first ?? out
        }
    }

    @Test func geluIsWithinAMillionthOfItsDefinition() {
        // A row of zeros leaves the bias alone, so the bias is what GELU sees.
        let bias = numbers(32 * 64 - 5, seed: 9, scale: 9) + [0, -0.0, 1e-6, -40, 40]
        let weights = [Int16](repeating: 0, count: 16 * bias.count)
        let scales = [Float](repeating: 1, count: bias.count)
        for table in Self.tables {
            var out = [Float](repeating: .nan, count: bias.count)
            withScratch { scratch in
                weights.withUnsafeBufferPointer { weights in
                    scales.withUnsafeBufferPointer { scales in
                        bias.withUnsafeBufferPointer { bias in
                            var layer = ct_linear(
                                weights: weights.baseAddress, scales: scales.baseAddress, bias: bias.baseAddress,
                                inputs: 16, outputs: Int32(bias.count), limit: 16383)
                            table.linear(&layer, [Float](repeating: 0, count: 16), 1, 1, &out, scratch)
                        }
                    }
                }
            }
            for (found, x) in zip(out, bias) {
                let exact = Double(x) * 0.5 * erfc(-Double(x) / 2.0.squareRoot())
                #expect(abs(Double(found) - exact) < 1e-6 * max(1, abs(Double(x))))
            }
        }
    }

    @Test(arguments: [1, 3, 4, 7, 8, 9, 16, 17, 33, 255, 256])
    func attentionIsThatOfDoubleArithmetic(tokens: Int) {
        let heads = 2
        let width = heads * 32
        let qkv = numbers(tokens * 3 * width, seed: 11, scale: 1.5)
        for table in Self.tables {
            var out = [Float](repeating: .nan, count: tokens * width)
            withScratch { table.attention(qkv, Int32(tokens), Int32(heads), &out, $0) }
            for token in Set([0, tokens / 2, tokens - 1]) {
                for head in 0..<heads {
                    let expected = attention(qkv, tokens: tokens, width: width, head: head, token: token)
                    for d in 0..<32 { #expect(abs(Double(out[token * width + head * 32 + d]) - expected[d]) < 1e-5) }
                }
            }
        }
    }

    private func attention(_ qkv: [Float], tokens: Int, width: Int, head: Int, token: Int) -> [Double] {
        func at(_ row: Int, _ part: Int, _ d: Int) -> Double {
            Double(qkv[row * 3 * width + part * width + head * 32 + d])
        }
        let scores = (0..<tokens).map { row in (0..<32).reduce(0.0) { $0 + at(token, 0, $1) * at(row, 1, $1) } }
        let largest = scores.max() ?? 0
        let weights = scores.map { exp($0 - largest) }
        let total = weights.reduce(0, +)
        return (0..<32).map { d in (0..<tokens).reduce(0.0) { $0 + weights[$1] / total * at($1, 2, d) } }
    }

    @Test func normAndPoolAreThoseOfDoubleArithmetic() {
        let (rows, width) = (5, 384)
        let (x, y) = (numbers(rows * width, seed: 21, scale: 4), numbers(rows * width, seed: 22))
        let (gain, bias) = (numbers(width, seed: 23), numbers(width, seed: 24))
        for table in Self.tables {
            var out = [Float](repeating: .nan, count: rows * width)
            table.add_norm(x, y, gain, bias, Int32(rows), Int32(width), &out)
            for row in 0..<rows {
                let v = (0..<width).map { Double(x[row * width + $0]) + Double(y[row * width + $0]) }
                let mean = v.reduce(0, +) / Double(width)
                let variance = v.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
                for i in 0..<width {
                    let exact = (v[i] - mean) / (variance + 1e-12).squareRoot() * Double(gain[i]) + Double(bias[i])
                    #expect(abs(Double(out[row * width + i]) - exact) < 1e-5)
                }
            }
            var pooled = [Float](repeating: .nan, count: width)
            table.pool(x, Int32(rows), Int32(width), &pooled)
            let means = (0..<width).map { i in (0..<rows).reduce(0.0) { $0 + Double(x[$1 * width + i]) } }
            let length = means.reduce(0) { $0 + $1 * $1 }.squareRoot()
            for i in 0..<width { #expect(abs(Double(pooled[i]) - means[i] / length) < 1e-6) }
        }
    }
}
