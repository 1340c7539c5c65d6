extension JSONParser {
    /// The next number, if a few multiplications give its double: digits, a fraction, a small exponent, and at most 19
    /// significant digits. Nil for every other number; then nothing has been read, and the general reader reads or
    /// refuses it.
    ///
    /// It reads the numbers of vectors, eight digits at a time (Lemire, "Number parsing at a gigabyte per second",
    /// section 5).
    @inline(__always)
    mutating func plainNumber() -> Double? {
        var i = at
        let isNegative = i < bytes.count && bytes[i] == UInt8(ascii: "-")
        if isNegative { i += 1 }
        let start = i
        var value: UInt64 = 0
        appendDigits(to: &value, &i)
        let whole = i - start
        guard whole > 0, whole == 1 || bytes[start] != UInt8(ascii: "0") else { return nil }
        var count = value == 0 ? 0 : whole
        var exponent = 0
        guard i < bytes.count, bytes[i] == UInt8(ascii: ".") else {
            // A whole number, a number with an exponent, or one that is too long: these are rare.
            guard count <= 18, i == bytes.count || bytes[i] | 0x20 != UInt8(ascii: "e") else { return nil }
            at = i
            return isNegative ? -Double(value) + 0 : Double(value)
        }
        i += 1
        let point = i
        appendDigits(to: &value, &i)
        count += i - point
        exponent = point - i
        guard exponent < 0, count <= 19 else { return nil }
        if i < bytes.count, bytes[i] | 0x20 == UInt8(ascii: "e") {
            guard let power = smallPower(&i) else { return nil }
            exponent += power
        }
        guard let number = DecimalNumber.value(value, exponent: exponent) else { return nil }
        at = i
        return isNegative ? -number : number
    }

    /// Reads digits from `i` on; a number of more than 64 bits wraps around.
    @inline(__always)
    private func appendDigits(to value: inout UInt64, _ i: inout Int) {
        while i + 8 <= bytes.count, let eight = eightDigits(at: i) {
            value = value &* 100_000_000 &+ eight
            i += 8
        }
        while i < bytes.count {
            let digit = bytes[i] &- UInt8(ascii: "0")
            guard digit <= 9 else { return }
            value = value &* 10 &+ UInt64(digit)
            i += 1
        }
    }

    /// Eight digits as a number; nil if one of the bytes is not a digit.
    @inline(__always)
    private func eightDigits(at i: Int) -> UInt64? {
        let eight = UInt64(
            littleEndian: UnsafeRawBufferPointer(bytes).loadUnaligned(fromByteOffset: i, as: UInt64.self))
        let upper: UInt64 = 0xF0F0_F0F0_F0F0_F0F0
        let isDigits =
            eight & upper == 0x3030_3030_3030_3030 && (eight &+ 0x0606_0606_0606_0606) & upper == 0x3030_3030_3030_3030
        return isDigits ? Self.number(ofDigits: eight) : nil
    }

    /// The number of eight digits, the first in the lowest byte; of a byte that is not a digit, the lower half counts.
    @inline(__always)
    static func number(ofDigits text: UInt64) -> UInt64 {
        var eight = text & 0x0F0F_0F0F_0F0F_0F0F
        eight = eight &* 10 &+ eight >> 8
        let pairs: UInt64 = 0x0000_00FF_0000_00FF
        let high = (eight & pairs) &* 0x000F_4240_0000_0064
        let low = (eight >> 16 & pairs) &* 0x0000_2710_0000_0001
        return (high &+ low) >> 32
    }

    /// `e`, a sign and one or two digits; nil for anything else.
    private func smallPower(_ i: inout Int) -> Int? {
        i += 1
        var sign = 1
        if i < bytes.count, bytes[i] == UInt8(ascii: "-") || bytes[i] == UInt8(ascii: "+") {
            sign = bytes[i] == UInt8(ascii: "-") ? -1 : 1
            i += 1
        }
        var power: UInt64 = 0
        let start = i
        appendDigits(to: &power, &i)
        guard (1...2).contains(i - start) else { return nil }
        return sign * Int(power)
    }
}
