// Decimal digits to the nearest double without a general library: the algorithm of Lemire, "Number parsing at a
// gigabyte per second" (Software: Practice and Experience 51, 2021, doi:10.1002/spe.2984), for the exponents of numbers
// in vectors and payloads. It takes one multiplication of 64 by 64 bits, seldom a second one; a number that it cannot
// decide is left to the caller.

enum DecimalNumber {
    /// Exponents of ten for which the product alone decides (Lemire, section 8).
    private static let exponents = -27...22

    private static let exactPowers: [Double] = (0...22).map { n in (0..<n).reduce(1.0) { product, _ in product * 10 } }

    /// The 128 leading bits of 5^q, for q = −27…22; of negative powers rounded up.
    private static let powers: [(high: UInt64, low: UInt64)] = exponents.map { q in
        var five: UInt128 = 1
        for _ in 0..<abs(q) { five *= 5 }
        let bits = q >= 0 ? five << UInt128(five.leadingZeroBitCount) : reciprocal(of: five)
        return (UInt64(truncatingIfNeeded: bits >> 64), UInt64(truncatingIfNeeded: bits))
    }

    /// 2^k / divisor rounded up, with k such that the result has 128 bits.
    private static func reciprocal(of divisor: UInt128) -> UInt128 {
        var quotient: UInt128 = 0
        var rest: UInt128 = 1
        while quotient.leadingZeroBitCount > 0 {
            rest <<= 1
            quotient <<= 1
            if rest >= divisor {
                rest -= divisor
                quotient |= 1
            }
        }
        return quotient + 1
    }

    /// `digits` · 10^`exponent`, correctly rounded; nil if this method cannot tell.
    static func value(_ digits: UInt64, exponent: Int) -> Double? {
        guard exponents.contains(exponent) else { return nil }
        if digits < 1 << 53 {
            let power = exactPowers[min(22, abs(exponent))]
            if exponent >= 0 { return Double(digits) * power }
            if exponent >= -22 { return Double(digits) / power }
        }
        return product(digits, exponent)
    }

    private static func product(_ digits: UInt64, _ exponent: Int) -> Double? {
        let power = powers[exponent - exponents.lowerBound]
        let shift = digits.leadingZeroBitCount
        let normal = digits << UInt64(shift)
        var (high, low) = normal.multipliedFullWidth(by: power.high)
        if high & 0x1FF == 0x1FF {
            let second = normal.multipliedFullWidth(by: power.low).high
            let (sum, carries) = low.addingReportingOverflow(second)
            low = sum
            if carries { high &+= 1 }
        }
        let upper = high >> 63
        let width = upper &+ 9
        var mantissa = high >> width
        // 217 706 / 2^16 is log2(10).
        var binary = ((217_706 * exponent) >> 16) + 63 + Int(upper) - shift + 1023
        guard binary > 0, binary < 0x7FE else { return nil }
        // Exactly between two doubles: the even one is taken.
        if low <= 1, (-4...23).contains(exponent), mantissa & 3 == 1, mantissa << width == high { mantissa &= ~1 }
        mantissa = (mantissa &+ (mantissa & 1)) >> 1
        if mantissa >= 1 << 53 {
            mantissa = 1 << 52
            binary += 1
        }
        return Double(bitPattern: mantissa & ((1 << 52) - 1) | UInt64(binary) << 52)
    }
}
