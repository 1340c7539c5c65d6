/// The levels of rows.
enum GraphLevels {
    /// The highest level that is drawn; 16 levels of 2 connections hold 65 536 rows, of 16 connections any number.
    static let maximum: UInt8 = 15

    /// The level of `row`: ⌊−ln u / ln M⌋ of a number u in (0, 1] that depends only on the seed and the row.
    static func level(row: Int, parameters: HNSWParameters) -> UInt8 {
        // splitmix64 (Steele, Lea and Flood, doi:10.1145/2660193.2660195).
        var z = parameters.seed &+ UInt64(row + 1) &* 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        z ^= z >> 31
        // Each level keeps one row in M: comparing instead of taking logarithms gives the same levels on every
        // platform.
        var level: UInt8 = 0
        var bound = UInt64.max / UInt64(parameters.connections)
        while z < bound && level < maximum {
            level += 1
            bound /= UInt64(parameters.connections)
        }
        return level
    }
}
