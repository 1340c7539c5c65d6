/// Scales `vector` to length 1 in place, for the cosine metric.
///
/// - Returns: false, with the vector unchanged, if its length is zero or not finite: it has no direction.
@discardableResult
package func normalize(_ vector: UnsafeMutableBufferPointer<Float>) -> Bool {
    // In Double, so that the squares of 1e-30 and 1e30 stay in range.
    var squares = 0.0
    for x in vector { squares += Double(x) * Double(x) }
    guard squares > 0, squares.isFinite else { return false }
    let scale = 1 / squares.squareRoot()
    for i in vector.indices { vector[i] = Float(Double(vector[i]) * scale) }
    return true
}

/// The vector scaled to length 1, or nil when its length is zero or not finite.
package func normalized(_ vector: [Float]) -> [Float]? {
    var copy = vector
    return copy.withUnsafeMutableBufferPointer { normalize($0) } ? copy : nil
}

/// The position of the first component that is infinite or NaN; nil if all are finite.
package func firstNonFinite(_ vector: UnsafeBufferPointer<Float>) -> Int? {
    // Infinity and NaN have all exponent bits set. One pass without branches looks for them; a second pass finds the
    // position.
    let exponent: UInt32 = 0x7f80_0000
    var bad = false
    for x in vector { bad = bad || x.bitPattern & exponent == exponent }
    return bad ? vector.firstIndex { !$0.isFinite } : nil
}
