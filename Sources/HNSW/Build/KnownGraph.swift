import Vectors

/// The graph with which a build begins, and the new number of each of its rows.
package struct KnownGraph: Sendable {
    let graph: HNSWGraph
    /// For each row of the graph its number in the new graph; `none` if the row is left out.
    private let newRows: [UInt32]
    /// The same, but also `none` if so few of a row's neighbours are kept that inserting the row again is better.
    private let adoptedRows: [UInt32]
    /// How many rows are kept.
    let keptCount: Int

    private static let none = UInt32.max

    /// All rows of `graph`, as they are.
    package init(_ graph: HNSWGraph) { self.init(graph, newRows: (0..<graph.rowCount).map { UInt32($0) }) }

    /// Some rows of `graph`.
    ///
    /// - Parameter newRows: for each row of the graph its new number, ascending from 0, or nil if the row is left out.
    package init(_ graph: HNSWGraph, newRows: [UInt32?]) { self.init(graph, newRows: newRows.map { $0 ?? Self.none }) }

    private init(_ graph: HNSWGraph, newRows: [UInt32]) {
        precondition(newRows.count == graph.rowCount)
        self.graph = graph
        self.newRows = newRows
        keptCount = newRows.reduce(0) { $0 + ($1 == Self.none ? 0 : 1) }
        var adopted = newRows
        if keptCount < graph.rowCount && graph.hasLinks {
            for row in adopted.indices where newRows[row] != Self.none {
                let links = graph.storage.base.links(of: row)
                let kept = links.reduce(0) { $0 + (newRows[Int($1)] == Self.none ? 0 : 1) }
                if kept < links.count && kept < graph.parameters.connections { adopted[row] = Self.none }
            }
        }
        adoptedRows = adopted
    }

    /// Whether any row is left out.
    var leavesOut: Bool { keptCount < graph.rowCount }

    /// The new number of `row`; nil if the row is left out.
    func newRow(_ row: UInt32) -> UInt32? { newRows[Int(row)] == Self.none ? nil : newRows[Int(row)] }

    /// The new number of `row` if its links are copied.
    @inline(__always)
    func adoptedRow(_ row: UInt32) -> UInt32? { adoptedRows[Int(row)] == Self.none ? nil : adoptedRows[Int(row)] }

    /// The rows of the new graph that must be inserted; `rowCount` is the number of all its rows.
    func unlinkedRows(rowCount: Int) -> [Int] {
        zip(newRows, adoptedRows).compactMap { $0 == $1 ? nil : Int($0) } + Array(keptCount..<rowCount)
    }

    /// The levels of the kept rows.
    var levels: [UInt8] {
        (0..<UInt32(graph.rowCount)).lazy.filter { newRow($0) != nil }.map { graph.storage.upper.levels[Int($0)] }
    }

    /// The codes by which its rows are walked over; nil if rows are floats.
    package var codes: CodeBlock? { if case .codes(let codes) = graph.rows { codes } else { nil } }

    /// Copies the codes of kept rows to the first rows of `block`; returns how many there are.
    package func copyCodes(to block: CodeBlock) -> Int {
        guard let codes else { return 0 }
        for row in 0..<UInt32(graph.rowCount) {
            if let new = newRow(row) { block.adopt(Int(row), of: codes, as: Int(new)) }
        }
        return keptCount
    }

    /// Refuses a graph whose rows cannot be the first of `rowCount` rows.
    func checkExtensible(
        rows: GraphRows, rowCount: Int, parameters: HNSWParameters
    ) throws(HNSWParameterError) {
        let own = graph.parameters
        let fits =
            graph.hasLinks && graph.metric == rows.metric && graph.rows.dimension == rows.dimension
            && keptCount <= rowCount && own.connections == parameters.connections
            && own.baseWidth == parameters.baseWidth
        guard fits else {
            throw HNSWParameterError(
                message: "\(keptCount) rows of a graph, \(graph.rows.dimension) dimensions, \(graph.metric), "
                    + "\(own.connections)/\(own.baseWidth) connections cannot become one of "
                    + "\(rowCount), \(rows.dimension), \(rows.metric), "
                    + "\(parameters.connections)/\(parameters.baseWidth); build it from scratch")
        }
    }
}
