import Vectors

// A filter answered from a segment's indexes as far as they reach: a set of rows that holds every match, and whether
// it holds nothing else. Where it may hold more, the payloads decide (Filter+Payload.swift).

/// What a filter is answered from.
struct FilterScope {
    let indexes: SegmentIndexes
    let segment: SegmentView

    var all: RowSet { RowSet(allOf: segment.rowCount) }

    /// Every row, none of them known to pass.
    var unknown: RowBound { RowBound(rows: all, isExact: false) }

    /// The rows in `rows`, or all others.
    func exactly(_ rows: RowSet, isMember: Bool) -> RowBound {
        var bounded = all
        if isMember { bounded.formIntersection(rows) } else { bounded.subtract(rows) }
        return RowBound(rows: bounded, isExact: true)
    }
}

extension Filter {
    func bound(_ scope: FilterScope) -> RowBound {
        var bound = RowBound(rows: scope.all, isExact: true)
        for condition in must {
            let part = condition.bound(scope)
            bound.rows.formIntersection(part.rows)
            bound.isExact = bound.isExact && part.isExact
        }
        for condition in mustNot {
            let part = condition.bound(scope)
            if part.isExact { bound.rows.subtract(part.rows) }
            bound.isExact = bound.isExact && part.isExact
        }
        if !should.isEmpty {
            var union = RowBound(rows: RowSet(rowCount: scope.segment.rowCount), isExact: true)
            for condition in should {
                let part = condition.bound(scope)
                union.rows.formUnion(part.rows)
                union.isExact = union.isExact && part.isExact
            }
            bound.rows.formIntersection(union.rows)
            bound.isExact = bound.isExact && union.isExact
        }
        if minimumCount > 0 { bound.isExact = false }
        return bound
    }

    /// Whether the filter names ids, and so depends on where a point is at the moment of the view.
    var namesIDs: Bool {
        leaves.contains { if case .hasID = $0 { true } else { false } }
    }
}

extension Condition {
    func bound(_ scope: FilterScope) -> RowBound {
        let rowCount = scope.segment.rowCount
        switch self {
        case .field(let path, let test):
            return scope.indexes.payload[path]?.bound(test, rowCount: rowCount) ?? scope.unknown
        case .isEmpty(let path, let expected):
            guard let index = scope.indexes.payload[path] else { return scope.unknown }
            return scope.exactly(index.emptyRows, isMember: expected)
        case .isNull(let path, let expected):
            guard let index = scope.indexes.payload[path], index.isComplete else { return scope.unknown }
            return scope.exactly(index.nullRows, isMember: expected)
        case .hasID(let ids):
            var rows = RowSet(rowCount: rowCount)
            for id in ids {
                if let row = scope.segment.liveRow(of: id) { rows.insert(Int(row)) }
            }
            return RowBound(rows: rows, isExact: true)
        case .hasVector(let name):
            guard let missing = scope.indexes.missing[name] else {
                return RowBound(rows: RowSet(rowCount: rowCount), isExact: true)
            }
            return scope.exactly(missing, isMember: false)
        case .filter(let filter): return filter.bound(scope)
        case .valuesCount, .nested, .slice: return scope.unknown
        }
    }
}
