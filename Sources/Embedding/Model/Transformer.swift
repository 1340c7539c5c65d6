import CTransformer

/// all-MiniLM-L6-v2 from tokens to a unit vector: 6 layers, 12 heads of 32, 384 wide, 1536 in the middle.
///
/// Texts are packed without padding: the tokens of a batch are the rows of one tall matrix, on which the linear layers
/// run at once; only attention looks at each text separately. Source: Devlin et al., BERT (2018), section 3 and the
/// published config.json (post-norm, GELU with erf, epsilon 1e-12); mean pooling, L2.
struct Transformer: @unchecked Sendable {
    static let width = 384
    static let middle = 1536
    static let heads = 12
    static let layers = 6
    static let window = Int(CT_MAX_TOKENS)
    static let wordGroup = 32

    private struct Layer {
        let qkv, project, widen, narrow: ct_linear
        let norm1, norm2: UnsafePointer<Float>
    }

    private let words: UnsafePointer<Int8>
    private let wordScales: UnsafePointer<Float>
    private let positions: UnsafePointer<Float>
    private let norm: UnsafePointer<Float>
    private let stack: [Layer]
    private let vocabularyCount: Int
    private let kernels: ct_kernels

    init(_ file: ModelFile, vocabularyCount: Int, instructionSet: Int32) throws(EmbeddingError) {
        guard let table = ctransformer_table(instructionSet) else {
            preconditionFailure("this processor has no such instruction set")
        }
        kernels = table.pointee
        let width = Self.width
        self.vocabularyCount = vocabularyCount
        words = try file.numbers("words", Int8.self, count: vocabularyCount * width)
        wordScales = try file.numbers("words.scales", Float.self, count: vocabularyCount * width / Self.wordGroup)
        positions = try file.numbers("positions", Float.self, count: Self.window * width)
        norm = try file.numbers("norm", Float.self, count: 2 * width)
        var stack: [Layer] = []
        for index in 0..<Self.layers {
            stack.append(
                Layer(
                    qkv: try Self.linear(file, "\(index).qkv", width, 3 * width),
                    project: try Self.linear(file, "\(index).project", width, width),
                    widen: try Self.linear(file, "\(index).widen", width, Self.middle),
                    narrow: try Self.linear(file, "\(index).narrow", Self.middle, width),
                    norm1: try file.numbers("\(index).norm1", Float.self, count: 2 * width),
                    norm2: try file.numbers("\(index).norm2", Float.self, count: 2 * width)))
        }
        self.stack = stack
    }

    private static func linear(
        _ file: ModelFile, _ name: String, _ inputs: Int, _ outputs: Int
    ) throws(EmbeddingError) -> ct_linear {
        ct_linear(
            weights: try file.numbers("\(name).weights", Int16.self, count: inputs * outputs),
            scales: try file.numbers("\(name).scales", Float.self, count: outputs),
            bias: try file.numbers("\(name).bias", Float.self, count: outputs),
            inputs: Int32(inputs), outputs: Int32(outputs),
            limit: try file.numbers("\(name).limit", Float.self, count: 1).pointee)
    }

    /// Embeds a pack of texts.
    ///
    /// - Parameters:
    ///   - texts: token ids, each text 1…256 of them; all together at most `room.rows`.
    ///   - write: is given the index of a text and its unit vector of 384 floats, which it must copy.
    func run(
        _ texts: ArraySlice<[Int32]>, room: TransformerRoom,
        write: (Int, UnsafeBufferPointer<Float>) -> Void
    ) {
        let rows = texts.reduce(0) { $0 + $1.count }
        precondition(rows <= room.rows, "a pack is larger than its memory")
        embedTokens(texts, into: room.x)
        for layer in stack { run(layer, texts: texts, rows: rows, room: room) }
        var row = 0
        for (index, text) in zip(texts.indices, texts) {
            kernels.pool(room.x + row * Self.width, Int32(text.count), Int32(Self.width), room.context)
            write(index, UnsafeBufferPointer(start: room.context, count: Self.width))
            row += text.count
        }
    }

    private func embedTokens(_ texts: ArraySlice<[Int32]>, into x: UnsafeMutablePointer<Float>) {
        let width = Self.width
        let groups = width / Self.wordGroup
        var row = 0
        for text in texts {
            precondition(!text.isEmpty && text.count <= Self.window, "a text holds 1 to 256 tokens")
            for (position, id) in text.enumerated() {
                precondition(id >= 0 && id < vocabularyCount, "a token is not in the vocabulary")
                kernels.embed(
                    words + Int(id) * width, wordScales + Int(id) * groups, positions + position * width,
                    Int32(width), Int32(Self.wordGroup), x + row * width)
                row += 1
            }
        }
        kernels.add_norm(x, nil, norm, norm + width, Int32(row), Int32(width), x)
    }

    private func run(
        _ layer: Layer, texts: ArraySlice<[Int32]>, rows: Int, room: TransformerRoom
    ) {
        let width = Self.width
        let count = Int32(rows)
        withUnsafePointer(to: layer.qkv) { kernels.linear($0, room.x, count, 0, room.wide, room.scratch) }
        var row = 0
        for text in texts {
            kernels.attention(
                room.wide + row * 3 * width, Int32(text.count), Int32(Self.heads), room.context + row * width,
                room.scratch)
            row += text.count
        }
        withUnsafePointer(to: layer.project) { kernels.linear($0, room.context, count, 0, room.wide, room.scratch) }
        kernels.add_norm(room.x, room.wide, layer.norm1, layer.norm1 + width, count, Int32(width), room.x)
        withUnsafePointer(to: layer.widen) { widen in
            withUnsafePointer(to: layer.narrow) { narrow in
                kernels.feed_forward(widen, narrow, room.x, count, room.wide, room.context, room.scratch)
            }
        }
        kernels.add_norm(room.x, room.context, layer.norm2, layer.norm2 + width, count, Int32(width), room.x)
    }
}

/// One thread's memory for intermediate values: `rows × 384` twice, `rows × 1536` once, and the kernels' scratch.
final class TransformerRoom: @unchecked Sendable {
    let rows: Int
    let x, context, wide: UnsafeMutablePointer<Float>
    let scratch: OpaquePointer
    private let memory: UnsafeMutableRawPointer

    init(rows: Int) {
        self.rows = rows
        let floats = rows * (2 * Transformer.width + Transformer.middle)
        let scratchOffset = (floats * 4 + 63) / 64 * 64
        memory = .allocate(byteCount: scratchOffset + ctransformer_scratch_size(), alignment: 64)
        x = memory.bindMemory(to: Float.self, capacity: floats)
        context = x + rows * Transformer.width
        wide = context + rows * Transformer.width
        scratch = OpaquePointer(memory + scratchOffset)
    }

    deinit { memory.deallocate() }
}
