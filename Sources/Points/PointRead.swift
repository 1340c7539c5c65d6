/// One of several reads that are answered on one view, see ``PointStore/read(_:in:)``.
public enum PointRead: Sendable, Equatable {
    case query(PointQuery)
    /// What a sparse query counts at each of its indexes: its values, times IDF where the vector name counts it, over
    /// the points of `corpus` (nil: all).
    case weights(SparseVector, name: String, corpus: Filter?)
    case count(Filter?)
    /// Which of the ids pass each of the filters.
    case passing([Filter], among: [PointID])
    /// The points of these ids that exist and can be read, in the order asked.
    case points([PointID], PointParts)
}

/// The answer to one read.
public enum PointAnswer: Sendable, Equatable {
    /// Nearest (highest score) first.
    case found([ScoredPoint])
    /// One weight for each index of the query.
    case weights([Float])
    case count(Int)
    /// One set a filter.
    case passing([Set<PointID>])
    case points([Point])
}

extension [PointAnswer] {
    /// Takes the next answer, which must be one to a query.
    package mutating func nextFound() -> [ScoredPoint] {
        guard case .found(let found) = removeFirst() else { preconditionFailure("a query is answered with points") }
        return found
    }

    /// Takes the next answer, which must be weights.
    package mutating func nextWeights() -> [Float] {
        guard case .weights(let weights) = removeFirst() else {
            preconditionFailure("weights are answered with weights")
        }
        return weights
    }

    /// Takes the next answer, which must be one to a count.
    package mutating func nextCount() -> Int {
        guard case .count(let count) = removeFirst() else { preconditionFailure("a count is answered with a number") }
        return count
    }

    /// Takes the next answer, which must say which ids pass.
    package mutating func nextPassing() -> [Set<PointID>] {
        guard case .passing(let sets) = removeFirst() else { preconditionFailure("filters are answered with ids") }
        return sets
    }

    /// Takes the next answer, which must be points.
    package mutating func nextPoints() -> [Point] {
        guard case .points(let points) = removeFirst() else { preconditionFailure("ids are answered with points") }
        return points
    }
}
