/// Limits of one point and one call, in one place.
public enum EngineLimits {
    public static let dimension = 65_536
    /// Non-zero entries of a sparse vector.
    public static let sparseEntries = 1 << 20
    /// Rows of a multivector.
    public static let multiVectorRows = 1 << 20
    public static let payloadBytes = 32 << 20
    public static let pointsPerCall = 100_000
    /// The most points that one query or page returns.
    public static let resultCount = 100_000
    public static let collectionNameBytes = 255
    /// Calls that wait to be written to one collection, and the bytes of their points. A single call may be larger.
    public static let queuedWrites = 4096
    public static let queuedBytes = 256 << 20
}
