import CTransformer
import Foundation
import Testing

/// Every table of kernels compared with arithmetic in Double, at sizes around the edges of the tiles.
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

    private func withScratch(_ body: (OpaquePointer) -> Void) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: ctransformer_scratch_size(), alignment: 64)
        defer { memory.deallocate() }
        body(OpaquePointer(memory))
    }

    /// Weights in panels of 16 columns, with pairs of inputs next to each other (ctransformer.h).
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

    /// Writes a layer to memory and passes it to `body`.
    private func withLayer(
        _ weights: [Int16], scales: [Float], bias: [Float], inputs: Int, limit: Float = 8191,
        _ body: (UnsafePointer<ct_linear>) -> Void
    ) {
        packed(weights, inputs: inputs, outputs: bias.count).withUnsafeBufferPointer { panels in
            scales.withUnsafeBufferPointer { scales in
                bias.withUnsafeBufferPointer { bias in
                    var layer = ct_linear(
                        weights: panels.baseAddress, scales: scales.baseAddress, bias: bias.baseAddress,
                        inputs: Int32(inputs), outputs: Int32(bias.count), limit: limit)
                    body(&layer)
                }
            }
        }
    }

    /// A row times a layer in Double, and the sum of the magnitudes of the products, which bounds the rounding error.
    private func exactProduct(
        _ x: ArraySlice<Double>, _ weights: [Int16], scales: [Float], bias: [Float], output: Int
    ) -> (value: Double, size: Double) {
        var (sum, size) = (0.0, 0.0)
        for (input, value) in x.enumerated() {
            let product = value * Double(weights[output * x.count + input]) * Double(scales[output])
            sum += product
            size += abs(product)
        }
        return (sum + Double(bias[output]), size)
    }

    /// The relative error of each of two factors that are rounded to 8 significant bits is at most 2^-9.
    private static let bfloat16Error = 1.0 / 255

    @Test(
        "Products agree with Double, and tables of whole numbers agree with each other to the bit",
        arguments: [1, 2, 5, 11, 12, 13, 16, 17, 32, 33, 95, 96, 97, 255, 256, 257])
    func products(rows: Int) {
        let (inputs, outputs) = (64, 96)
        let weights = numbers(inputs * outputs, seed: 1, scale: 2047).map { Int16($0) }
        let x = numbers(rows * inputs, seed: 2, scale: 3)
        let (scales, bias) = (numbers(outputs, seed: 3, scale: 1e-4), numbers(outputs, seed: 4))
        let exact = x.map(Double.init)
        var first: [Float]?
        for table in Self.tables {
            var out = [Float](repeating: .nan, count: rows * outputs)
            withScratch { scratch in
                withLayer(weights, scales: scales, bias: bias, inputs: inputs) { layer in
                    table.linear(layer, x, Int32(rows), 0, &out, scratch)
                }
            }
            let isWhole = String(cString: table.name) != "amxbf16"
            for row in 0..<rows {
                for output in 0..<outputs {
                    let expected = exactProduct(
                        exact[row * inputs..<(row + 1) * inputs], weights, scales: scales, bias: bias, output: output)
                    let allowed = isWhole ? 2e-3 : expected.size * Self.bfloat16Error + 1e-6
                    #expect(abs(Double(out[row * outputs + output]) - expected.value) < allowed)
                }
            }
            guard isWhole else { continue }
            #expect(out == first ?? out)
            first = first ?? out
        }
    }

    @Test(
        "The feed-forward step gives the result of two products with GELU between them",
        arguments: [1, 16, 17, 40, 96, 97, 257])
    func feedForward(rows: Int) {
        let (inputs, middle, outputs) = (32, 96, 64)
        let wide = numbers(inputs * middle, seed: 31, scale: 2047).map { Int16($0) }
        let narrow = numbers(middle * outputs, seed: 32, scale: 2047).map { Int16($0) }
        let (wideScales, wideBias) = (numbers(middle, seed: 33, scale: 2e-4), numbers(middle, seed: 34))
        let (narrowScales, narrowBias) = (numbers(outputs, seed: 35, scale: 1e-4), numbers(outputs, seed: 36))
        let x = numbers(rows * inputs, seed: 37, scale: 2)
        for table in Self.tables {
            var room = [Float](repeating: .nan, count: rows * middle)
            var out = [Float](repeating: .nan, count: rows * outputs)
            withScratch { scratch in
                withLayer(wide, scales: wideScales, bias: wideBias, inputs: inputs) { first in
                    withLayer(narrow, scales: narrowScales, bias: narrowBias, inputs: middle) { second in
                        table.feed_forward(first, second, x, Int32(rows), &room, &out, scratch)
                    }
                }
            }
            for row in Set([0, rows / 2, rows - 1]) {
                let from = x[row * inputs..<(row + 1) * inputs].map(Double.init)
                var (hidden, slack) = ([Double](), 0.0)
                for column in 0..<middle {
                    let sum = exactProduct(from[...], wide, scales: wideScales, bias: wideBias, output: column)
                    hidden.append(sum.value * 0.5 * erfc(-sum.value / 2.0.squareRoot()))
                    slack = max(slack, sum.size * Self.bfloat16Error * 1.13 + 1e-4)  // GELU's slope is below 1.13
                }
                for column in 0..<outputs {
                    let sum = exactProduct(hidden[...], narrow, scales: narrowScales, bias: narrowBias, output: column)
                    let isWhole = String(cString: table.name) != "amxbf16"
                    let reach = (0..<middle).reduce(0.0) { $0 + abs(Double(narrow[column * middle + $1])) }
                    let harm = sum.size * Self.bfloat16Error + slack * reach * abs(Double(narrowScales[column]))
                    #expect(abs(Double(out[row * outputs + column]) - sum.value) < (isWhole ? 2e-3 : harm + 1e-5))
                }
            }
        }
    }

    @Test("GELU differs from its definition by at most a millionth")
    func geluFollowsItsDefinition() {
        // For a row of zeros the sum is the bias, so the bias is GELU's argument.
        let bias = numbers(32 * 64 - 5, seed: 9, scale: 9) + [0, -0.0, 1e-6, -40, 40]
        let weights = [Int16](repeating: 0, count: 32 * bias.count)
        let scales = [Float](repeating: 1, count: bias.count)
        for table in Self.tables {
            var out = [Float](repeating: .nan, count: bias.count)
            withScratch { scratch in
                withLayer(weights, scales: scales, bias: bias, inputs: 32) { layer in
                    table.linear(layer, [Float](repeating: 0, count: 32), 1, 1, &out, scratch)
                }
            }
            for (found, x) in zip(out, bias) {
                #expect(abs(Double(found) - gelu(x)) < 1e-6 * max(1, abs(Double(x))))
            }
        }
    }

    @Test("GELU between two products is as accurate as their rounding")
    func geluBetweenProducts() {
        let bias = numbers(512 - 7, seed: 19, scale: 9) + [0, -0.0, 1e-6, 4, -4, -40, 40]
        let nothing = [Int16](repeating: 0, count: 32 * bias.count)
        // One factor on the diagonal and 1 / factor as the scale: the product is the identity.
        let unit = (0..<bias.count * bias.count).map { Int16($0 / bias.count == $0 % bias.count ? 1024 : 0) }
        let scales = [Float](repeating: 1 / 1024, count: bias.count)
        let zero = [Float](repeating: 0, count: bias.count)
        for table in Self.tables {
            var (room, out) = (zero, zero)
            withScratch { scratch in
                withLayer(nothing, scales: scales, bias: bias, inputs: 32) { first in
                    withLayer(unit, scales: scales, bias: zero, inputs: bias.count) { second in
                        table.feed_forward(first, second, zero, 1, &room, &out, scratch)
                    }
                }
            }
            let isWhole = String(cString: table.name) != "amxbf16"
            for (found, x) in zip(out, bias) {
                let allowed =
                    isWhole ? 40 / 8191.0 : abs(gelu(x)) / 256 + 1e-4 * max(1, abs(Double(x)))
                #expect(abs(Double(found) - gelu(x)) <= allowed, "\(x)")
            }
        }
    }

    private func gelu(_ x: Float) -> Double { Double(x) * 0.5 * erfc(-Double(x) / 2.0.squareRoot()) }

    @Test(
        "Attention gives the result of arithmetic in Double",
        arguments: [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 255, 256])
    func attention(tokens: Int) {
        let heads = 2
        let width = heads * 32
        // Numbers of 8 significant bits, so that in bfloat16 only the weights are rounded.
        let qkv = numbers(tokens * 3 * width, seed: 11, scale: 1.5).map {
            Float(bitPattern: $0.bitPattern & 0xFFFF_0000)
        }
        for table in Self.tables {
            let allowed = String(cString: table.name) == "amxbf16" ? 1.5 * Self.bfloat16Error : 1e-5
            var out = [Float](repeating: .nan, count: tokens * width)
            withScratch { scratch in
                // Contents that an earlier, longer text has left must not affect the result: here they are NaN.
                UnsafeMutableRawPointer(scratch).initializeMemory(
                    as: UInt8.self, repeating: 0xFF, count: ctransformer_scratch_size())
                table.attention(qkv, Int32(tokens), Int32(heads), &out, scratch)
            }
            for token in Set([0, tokens / 2, tokens - 1]) {
                for head in 0..<heads {
                    let expected = attention(qkv, tokens: tokens, width: width, head: head, token: token)
                    for d in 0..<32 {
                        #expect(abs(Double(out[token * width + head * 32 + d]) - expected[d]) < allowed)
                    }
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

    @Test("Layer norm and pooling give the results of arithmetic in Double")
    func normAndPool() {
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
