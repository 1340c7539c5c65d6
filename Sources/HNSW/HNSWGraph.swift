import Vectors

/// Settings of a graph, with the paper's names (Malkov and Yashunin, doi:10.1109/TPAMI.2018.2889473).
public struct HNSWParameters: Sendable, Equatable, Codable {
    /// Links of a node on the upper levels (*M*); level 0 keeps `2 · connections`.
    public var connections = 16
    /// Candidates kept while a row is inserted (*efConstruction*).
    public var buildBreadth = 200
    /// Candidates kept while a query walks, unless the query says otherwise (*ef*).
    public var searchBreadth = 64
    /// Where levels come from: the same seed and rows give the same levels.
    public var seed: UInt64 = 42

    public init() {}
}
