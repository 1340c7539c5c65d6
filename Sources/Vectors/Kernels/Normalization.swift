/// Scales `vector` to length 1 in place, for the cosine metric.
///
/// - Returns: false, with the vector untouched, when its length is zero or not finite: it has no direction.
@discardableResult
package func normalize(_ vector: UnsafeMutableBufferPointer<Float>) -> Bool {
    // In Double, so that neither 1e-30 nor 1e30 leaves the range when squared.
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

/// Where the first component stands that is infinite or not a number; nil when all are finite.
package func firstNonFinite(_ vector: UnsafeBufferPointer<Float>) -> Int? {
    // All exponent bits set says infinite or NaN; one pass without branches, and a second one only on bad news.
    let exponent: UInt32 = 0x7f80_0000
    var bad = false
    for x in vector { bad = bad || x.bitPattern & exponent == exponent }
    return bad ? vector.firstIndex { !$0.isFinite } : nil
}
