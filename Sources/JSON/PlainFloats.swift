// Sequences of numbers as vectors are written: a digit, a point, up to nineteen more digits, a comma, perhaps a space.
//
// A double computed from the digits and a power of ten is at most four units in the last place from the number, and a
// Float32 has 29 bits less. Both round to the same Float32 unless the number is that close to the middle between two of
// them. Numbers that are, and all other shapes, are left to the general reader. Digits are read eight at a time, as in
// `plainNumber`.

extension JSONParser {
    /// Bytes that are read beyond the first byte of a number.
    private static let reach = 32
    /// With a zero before the point. After another digit it is one less, so that 64 bits hold the number.
    private static let mostFractionDigits = 19

    private static let powers: [UInt64] = (0...mostFractionDigits).map { n in
        (0..<n).reduce(1) { product, _ in product * 10 }
    }
    private static let inversePowers: [Double] = powers.map { 1 / Double($0) }

    /// Appends the next numbers as long as they are plain, and moves to the position after the last one.
    ///
    /// - Returns: whether there was one.
    mutating func plainFloats(into all: inout [Float]) -> Bool {
        guard let base = UnsafeRawPointer(bytes.baseAddress) else { return false }
        let (start, last) = (at, bytes.count - Self.reach)
        var next = at
        Self.powers.withUnsafeBufferPointer { powers in
            Self.inversePowers.withUnsafeBufferPointer { inverse in
                while next <= last, let (number, end) = Self.plainFloat(base, next, powers, inverse) {
                    all.append(number)
                    at = end
                    guard base.load(fromByteOffset: end, as: UInt8.self) == UInt8(ascii: ",") else { return }
                    next = end + (base.load(fromByteOffset: end + 1, as: UInt8.self) == 0x20 ? 2 : 1)
                }
            }
        }
        return at > start
    }

    /// The number at `start` and its end; nil if it is not plain.
    @inline(__always)
    private static func plainFloat(
        _ base: UnsafeRawPointer, _ start: Int, _ powers: UnsafeBufferPointer<UInt64>,
        _ inverse: UnsafeBufferPointer<Double>
    ) -> (Float, end: Int)? {
        var i = start
        let isNegative = base.load(fromByteOffset: i, as: UInt8.self) == UInt8(ascii: "-")
        if isNegative { i += 1 }
        let whole = base.load(fromByteOffset: i, as: UInt8.self) &- UInt8(ascii: "0")
        guard whole <= 9, base.load(fromByteOffset: i &+ 1, as: UInt8.self) == UInt8(ascii: ".") else { return nil }
        i &+= 2
        let point = i
        var digits = UInt64(whole)
        var text = eight(base, i)
        // Branches instead of sums: the processor predicts well that a part is full, and does not wait for its count.
        if digitCount(text) == 8 {
            digits = digits &* 100_000_000 &+ number(ofDigits: text)
            i &+= 8
            text = eight(base, i)
            if digitCount(text) == 8 {
                digits = digits &* 100_000_000 &+ number(ofDigits: text)
                i &+= 8
                text = eight(base, i)
            }
        }
        let count = digitCount(text)
        i &+= count
        // Zeros before the digits do not change their number; if the third part is full, the number is too long anyway.
        digits = digits &* powers[count] &+ number(ofDigits: text << UInt64(64 &- 8 &* count))
        guard i > point, i &- point < mostFractionDigits || whole == 0 && i &- point == mostFractionDigits,
            digits >> 63 == 0
        else { return nil }
        let double = Double(Int64(bitPattern: digits)) * inverse[i &- point]
        // The distance of the 29 bits that a Float32 lacks from the middle.
        guard double.bitPattern & 0x1FFF_FFFF &- 0x0FFF_FFF8 > 0x10 else { return nil }
        let end = base.load(fromByteOffset: i, as: UInt8.self)
        guard end == UInt8(ascii: ",") || end == UInt8(ascii: "]") || end <= 0x20 else { return nil }
        return (isNegative ? -Float(double) : Float(double), i)
    }

    @inline(__always)
    private static func eight(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The number of digits with which a text of eight bytes begins.
    @inline(__always)
    private static func digitCount(_ text: UInt64) -> Int {
        let values = text ^ 0x3030_3030_3030_3030
        let others = ((values &+ 0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080
        return others.trailingZeroBitCount >> 3
    }
}
