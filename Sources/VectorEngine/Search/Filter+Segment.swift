import Vectors

// A filter answered from a segment's indexes as far as they reach: a set of rows that holds every match, and whether
// it holds nothing else. Where it may hold more, the payloads decide (Filter+Payload.swift).

/// Rows that may match; exactly those that do when `isExact`.
struct RowBound {
    var rows: RowSet
    var isExact: Bool
}

/// What a filter is answered from.
struct FilterScope {
    let indexes: SegmentIndexes
    let segment: SegmentView
    let namedRows: [PointID: RowLocation]

    var all: RowSet { RowSet(allOf: segment.rowCount) }

    /// All rows but `rows`.
    func complement(of rows: RowSet) -> RowSet {
        var rest = all
        rest.subtract(rows)
        return rest
    }
}

extension Filter {
    func bound(_ scope: FilterScope) throws(EngineError) -> RowBound {
        var bound = RowBound(rows: scope.all, isExact: true)
        for condition in must {
            let part = try condition.bound(scope)
            bound.rows.formIntersection(part.rows)
            bound.isExact = bound.isExact && part.isExact
        }
        for condition in mustNot {
            let part = try condition.bound(scope)
            if part.isExact { bound.rows.subtract(part.rows) }
            bound.isExact = bound.isExact && part.isExact
        }
        if !should.isEmpty {
            var union = RowBound(rows: RowSet(rowCount: scope.segment.rowCount), isExact: true)
            for condition in should {
                let part = try condition.bound(scope)
                union.rows.formUnion(part.rows)
                union.isExact = union.isExact && part.isExact
            }
            bound.rows.formIntersection(union.rows)
            bound.isExact = bound.isExact && union.isExact
        }
        return bound
    }
}

extension Condition {
    func bound(_ scope: FilterScope) throws(EngineError) -> RowBound {
        let rowCount = scope.segment.rowCount
        switch self {
        case .match(let path, let anyOf):
            if let rows = scope.indexes.payload[path]?.rows(matching: anyOf, rowCount: rowCount) {
                return RowBound(rows: rows, isExact: true)
            }
            return try unindexed(path, scope)
        case .range(let path, let range):
            if let rows = scope.indexes.payload[path]?.rows(in: range, rowCount: rowCount) {
                return RowBound(rows: rows, isExact: true)
            }
            return try unindexed(path, scope)
        case .isEmpty(let path):
            if let rows = scope.indexes.payload[path]?.emptyRows {
                var bounded = scope.all
                bounded.formIntersection(rows)
                return RowBound(rows: bounded, isExact: true)
            }
            _ = try PayloadPath(path)
            return RowBound(rows: scope.all, isExact: false)
        case .matchExcept(let path, _):
            return try unindexed(path, scope)
        case .isNull(let path), .nested(let path, _):
            _ = try PayloadPath(path)
            return RowBound(rows: scope.all, isExact: false)
        case .hasID(let ids):
            var rows = RowSet(rowCount: rowCount)
            for id in ids {
                guard let location = scope.namedRows[id], location.segment == scope.segment.number else { continue }
                if location.row < rowCount { rows.insert(Int(location.row)) }
            }
            return RowBound(rows: rows, isExact: true)
        case .hasVector(let name):
            guard let missing = scope.indexes.missing[name] else {
                return RowBound(rows: RowSet(rowCount: rowCount), isExact: true)
            }
            return RowBound(rows: scope.complement(of: missing), isExact: true)
        case .filter(let filter):
            return try filter.bound(scope)
        }
    }

    /// A test of a value: rows that have none are out where an index knows them, the rest must be read.
    private func unindexed(_ path: String, _ scope: FilterScope) throws(EngineError) -> RowBound {
        _ = try PayloadPath(path)
        guard let index = scope.indexes.payload[path] else { return RowBound(rows: scope.all, isExact: false) }
        return RowBound(rows: scope.complement(of: index.emptyRows), isExact: false)
    }
}

extension Filter {
    /// Every id that the filter names, so that their rows can be found before it is answered.
    var namedIDs: Set<PointID> {
        var ids: Set<PointID> = []
        for condition in must + should + mustNot {
            switch condition {
            case .hasID(let named): ids = ids.isEmpty ? named : ids.union(named)
            case .filter(let filter): ids.formUnion(filter.namedIDs)
            default: continue
            }
        }
        return ids
    }

    /// Whether the filter names ids: what it finds is then a fact of the moment.
    var namesIDs: Bool {
        (must + should + mustNot).contains { condition in
            switch condition {
            case .hasID: true
            case .filter(let filter): filter.namesIDs
            default: false
            }
        }
    }
}
