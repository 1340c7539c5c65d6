// What a store reports of its own upkeep.

/// What the scrub has done for one collection since this process opened it.
package struct ScrubStatus: Sendable, Equatable {
    package var rowsChecked = 0
    /// Times that every row was looked at.
    package var passes = 0
    /// Rows that were not what was written, in all passes.
    package var damagedRows = 0
    /// Whether the last whole pass added up to what was written.
    package var addsUp = true
    /// When the last pass ended, in microseconds since 1970; nil before the first.
    package var lastPassAt: Int64?
    /// The first sequence of the next slice.
    package var next: Int64 = 0

    package init() {}
}

/// What a store's upkeep did last.
package struct UpkeepStatus: Sendable, Equatable {
    /// When the log was last found or brought up to date, in microseconds since 1970; nil while nothing is shipped.
    package var shippedAt: Int64?
    /// Why the last attempt to ship a collection failed, by collection; "" where it failed for all of them.
    package var shippingFailures: [String: String] = [:]
    /// The same in one text; nil when nothing failed.
    package var shippingFailure: String? {
        shippingFailures.isEmpty
            ? nil : shippingFailures.sorted { $0.key < $1.key }.map(\.value).joined(separator: "; ")
    }
    /// Why the last look at the rows failed; nil when it did not.
    package var scrubFailure: String?
    /// When this process last made a full backup by schedule, in microseconds since 1970.
    package var backedUpAt: Int64?
    /// Why the last scheduled backup, or the drill after it, failed; nil when it did not.
    package var backupFailure: String?
    package var isBackingUp = false

    package init() {}
}
