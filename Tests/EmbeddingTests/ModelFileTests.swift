import CModel
import CTransformer
import Embedding
import Testing

struct ModelFileTests {
    @Test("The checksum is zlib's CRC-32")
    func checksumOfZlib() {
        let bytes = Array("123456789".utf8)
        #expect(ctransformer_crc32(bytes, 9) == 0xCBF4_3926)
        #expect(ctransformer_crc32(bytes, 0) == 0)
        #expect(ctransformer_crc32(Array(0...255), 256) == 0x2905_8C73)
    }

    @Test("The checksum is that of the definition, for every length and alignment")
    func checksumOfTheDefinition() {
        let bytes = (0..<700).map { UInt8(truncatingIfNeeded: $0 &* 151 ^ $0 >> 3) }
        for start in 0..<8 {
            var register = UInt32.max  // one bit at a time, as the polynomial is defined
            for size in 0..<bytes.count - start {
                bytes.withUnsafeBufferPointer { bytes in
                    let base = bytes.baseAddress.map { $0 + start }
                    #expect(ctransformer_crc32(base, size) == ~register, "\(size) bytes from \(start)")
                }
                register ^= UInt32(bytes[start + size])
                for _ in 0..<8 { register = register >> 1 ^ (register & 1 == 1 ? 0xEDB8_8320 : 0) }
            }
        }
    }

    @Test(
        "A model with one changed byte is refused",
        .enabled(if: MiniLM.isPresent, "run scripts/fetch-model.sh"))
    func changedByte() throws {
        let size = cmodel_size()
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
        defer { copy.deallocate() }
        copy.copyMemory(from: UnsafeRawBufferPointer(start: cmodel_bytes(), count: size))
        _ = try ModelFile(UnsafeRawBufferPointer(copy))
        for offset in [0, 8, 16, 64 + 24, 64 + 33, 64 + 41, 8_000, size / 2, size - 64] {
            copy[offset] ^= 0x10
            #expect(throws: EmbeddingError.self, "byte \(offset)") { try ModelFile(UnsafeRawBufferPointer(copy)) }
            copy[offset] ^= 0x10
        }
        for size in [0, 63, 64, 1_000, size - 1] {
            #expect(throws: EmbeddingError.self, "cut to \(size)") {
                try ModelFile(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(copy)[..<size]))
            }
        }
    }
}
