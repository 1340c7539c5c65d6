import Synchronization
import Vectors

/// A segment's indexes behind the lock that lets a growing one be read while rows arrive.
///
/// The lock is held for one row's insertion or one filter's evaluation, never across I/O; a sealed segment's lock is
/// never contended.
final class SharedSegmentIndexes: Sendable {
    private let indexes: Mutex<SegmentIndexes>
    private let answers = Mutex(Answers())

    private struct Answers {
        var list: [FilterAnswer] = []
        /// Counts how often an index came or went: what was matched before that is not remembered.
        var epoch = 0
    }

    /// Rows that matched a filter when the segment had `rowCount` rows and so many of them were deleted. A row never
    /// changes, so the answer holds as long as none is added and none deleted.
    private struct FilterAnswer {
        let filter: Filter
        let rowCount: Int
        let deletedCount: Int
        let rows: RowSet
    }

    /// Filters whose rows are remembered, the last asked for first.
    private static let rememberedFilters = 16

    init(_ indexes: SegmentIndexes) { self.indexes = Mutex(indexes) }

    func read<Result>(_ body: (borrowing SegmentIndexes) throws -> sending Result) rethrows -> Result {
        try indexes.withLock { try body($0) }
    }

    /// The live rows of `view`, a view of this segment, that match `filter`: those of an answer to as many rows,
    /// without what was deleted since, or what `match` finds.
    func rows(_ filter: Filter, _ view: SegmentView, _ match: () throws -> RowSet) rethrows -> RowSet {
        let (answer, epoch) = answers.withLock { answers -> (FilterAnswer?, Int) in
            // A view that is older than the answer lacks rows in it that were deleted later.
            guard
                let at = answers.list.firstIndex(where: {
                    $0.rowCount == view.rowCount && $0.deletedCount <= view.deletedCount && $0.filter == filter
                })
            else { return (nil, answers.epoch) }
            if at > 0 { answers.list.swapAt(0, at) }
            return (answers.list[0], answers.epoch)
        }
        guard var rows = answer?.rows else { return remember(filter, view, rows: try match(), epoch) }
        if answer?.deletedCount == view.deletedCount { return rows }
        rows.subtract(view.deleted)
        return remember(filter, view, rows: rows, epoch)
    }

    /// Keeps the live rows of `view` that match `filter`, and hands them back counted.
    private func remember(_ filter: Filter, _ view: SegmentView, rows: RowSet, _ epoch: Int) -> RowSet {
        var rows = rows
        rows.listMembers()
        answers.withLock { answers in
            guard answers.epoch == epoch else { return }
            answers.list.removeAll { $0.filter == filter }
            if answers.list.count == Self.rememberedFilters { answers.list.removeLast() }
            answers.list.insert(
                FilterAnswer(filter: filter, rowCount: view.rowCount, deletedCount: view.deletedCount, rows: rows),
                at: 0)
        }
        return rows
    }

    /// Makes the index of one payload member, over the rows of `contents`, while rows go on arriving; readers scan the
    /// payloads until it is there.
    func build(_ path: PayloadPath, _ definition: PayloadIndexDefinition, from contents: RowContents) {
        var index = PayloadIndex(path: path, definition: definition)
        var row = 0
        func append(upTo count: Int) {
            while row < count {
                contents.withPayload(row) { index.append($0, row: UInt32(row)) }
                row += 1
            }
        }
        // Most rows without the lock, the last ones under it.
        append(upTo: indexes.withLock { $0.rowCount })
        if contents.isSealed { index = index.sealed(rowCount: row) }
        indexes.withLock { indexes in
            append(upTo: indexes.rowCount)
            indexes.install(index)
        }
        forgetAnswers()
    }

    func drop(_ path: PayloadPath) {
        indexes.withLock { $0.drop(path) }
        forgetAnswers()
    }

    /// An index of texts decides what a word is: what was answered without it, or with it, may be wrong now.
    private func forgetAnswers() {
        answers.withLock { answers in
            answers.list = []
            answers.epoch += 1
        }
    }

    func append(_ point: Point, row: UInt32, layout: RowLayout) {
        indexes.withLock { $0.append(point, row: row, layout: layout) }
    }

    /// A copy for merging; the segment must no longer grow.
    var snapshot: SegmentIndexes { indexes.withLock { $0 } }
}
