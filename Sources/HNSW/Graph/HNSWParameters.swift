import Vectors

/// Settings of a graph, with the paper's names (Malkov and Yashunin, doi:10.1109/TPAMI.2018.2889473).
public struct HNSWParameters: Sendable, Equatable, Codable {
    /// Links of a node on the upper levels (*M*).
    public var connections = 16
    /// Links of a node on level 0 (*Mmax0*); nil means `3 · connections`, half as many again as in the paper: with
    /// codes, computing a distance costs less than the step from node to node that it saves (`Bench index
    /// --base-connections`).
    public var baseConnections: Int?
    /// Candidates kept while a row is inserted (*efConstruction*).
    public var buildBreadth = 150
    /// Candidates kept while a query walks, unless the query sets its own number (*ef*).
    public var searchBreadth = 64
    /// A candidate is left out if it is this many times nearer to a kept neighbour than to the row itself (α of
    /// DiskANN, Subramanya et al., NeurIPS 2019). 1 is the paper's rule; more keeps longer links. Ignored for `dot`.
    public var spread: Float = 1.15
    /// The seed of the levels: the same seed and rows give the same levels.
    public var seed: UInt64 = 42

    public init() {}

    /// Links of a node on level 0, with the default filled in.
    package var baseWidth: Int { baseConnections ?? min(3 * connections, Self.baseConnectionsRange.upperBound) }

    package static let connectionsRange = 2...128
    package static let baseConnectionsRange = 4...256
    package static let breadthRange = 1...65_536
    package static let spreadRange: ClosedRange<Float> = 1...4

    /// Refuses settings outside the limits above, naming the setting and its range.
    package func check() throws(HNSWParameterError) {
        func refuse(_ name: String, _ value: String, _ range: String) -> HNSWParameterError {
            HNSWParameterError(message: "\(name) is \(value); it must lie in \(range)")
        }
        guard Self.connectionsRange.contains(connections) else {
            throw refuse("connections", "\(connections)", "\(Self.connectionsRange)")
        }
        guard Self.baseConnectionsRange.contains(baseWidth) else {
            throw refuse("baseConnections", "\(baseWidth)", "\(Self.baseConnectionsRange)")
        }
        guard Self.breadthRange.contains(buildBreadth) else {
            throw refuse("buildBreadth", "\(buildBreadth)", "\(Self.breadthRange)")
        }
        guard Self.breadthRange.contains(searchBreadth) else {
            throw refuse("searchBreadth", "\(searchBreadth)", "\(Self.breadthRange)")
        }
        guard Self.spreadRange.contains(spread) else {
            throw refuse("spread", "\(spread)", "\(Self.spreadRange)")
        }
    }
}

/// A setting of a graph is outside its limits, or does not fit the graph that is to be extended.
package struct HNSWParameterError: Error, Equatable, CustomStringConvertible {
    package let message: String
    package var description: String { message }
}
