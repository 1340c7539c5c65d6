import Dispatch
import Foundation
import Synchronization

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
