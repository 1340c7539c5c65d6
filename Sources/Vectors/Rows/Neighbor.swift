/// A row and its distance to the query; ordered nearest first, equal distances by row.
public struct Neighbor: Sendable, Equatable, Comparable {
    public var distance: Float
    public var row: UInt32

    public init(distance: Float, row: UInt32) {
        self.distance = distance
        self.row = row
    }

    @inlinable public static func < (a: Neighbor, b: Neighbor) -> Bool {
        a.distance < b.distance || (a.distance == b.distance && a.row < b.row)
    }
}
