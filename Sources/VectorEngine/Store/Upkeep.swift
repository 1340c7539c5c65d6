import Dispatch
import Foundation
import Synchronization

/// What a store's upkeep did last.
package struct UpkeepStatus: Sendable, Equatable {
    /// When the log was last found or brought up to date, in microseconds since 1970; nil while nothing is shipped.
    package var shippedAt: Int64?
    /// Why the last attempt to ship failed; nil when it did not.
    package var shippingFailure: String?
    /// Why the last look at the rows failed; nil when it did not.
    package var scrubFailure: String?
    /// When this process last made a full backup by schedule, in microseconds since 1970.
    package var backedUpAt: Int64?
    /// Why the last scheduled backup, or the drill after it, failed; nil when it did not.
    package var backupFailure: String?
    var isBackingUp = false
}

/// Runs a store's upkeep every few seconds for as long as it lives: ships the change log, scrubs a slice.
final class UpkeepTimer: Sendable {
    /// Between two runs; a change is in the shipped log at most twice this after its commit.
    static let intervalSeconds = 5

    private let queue = DispatchQueue(label: "cortex.upkeep", qos: .utility)
    private let isCancelled = Mutex(false)
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
        schedule()
    }

    private func schedule() {
        queue.asyncAfter(deadline: .now() + .seconds(Self.intervalSeconds)) { [weak self] in
            guard let self, !isCancelled.withLock({ $0 }) else { return }
            body()
            schedule()
        }
    }

    func cancel() { isCancelled.withLock { $0 = true } }
}
