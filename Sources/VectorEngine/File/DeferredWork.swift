import Dispatch
import Synchronization

/// Work that the first answers of a collection do not need. It is done a moment after opening, or earlier by the first
/// caller that needs it.
final class DeferredWork: Sendable {
    private let body: Mutex<(@Sendable () -> Void)?>

    /// How long the first answer has the processor to itself.
    private static let grace = DispatchTimeInterval.milliseconds(25)

    /// - Parameter name: the name of the queue that does the work. The queue has a thread of its own, however many
    ///   callers wait.
    init(name: String, qos: DispatchQoS, _ body: @escaping @Sendable () -> Void) {
        self.body = Mutex(body)
        DispatchQueue(label: name, qos: qos).asyncAfter(deadline: .now() + Self.grace) { self.finish() }
    }

    /// Does the work unless it has been done; waits if another thread is doing it.
    func finish() {
        body.withLock { body in
            body?()
            body = nil
        }
    }

    /// Whether the work has not been done yet; does not wait for a thread that is doing it.
    var isWaiting: Bool { body.withLockIfAvailable { $0 != nil } ?? true }

    /// Cancels the work unless it has been done; waits if another thread is doing it.
    func drop() { body.withLock { $0 = nil } }
}
