import Dispatch
import Synchronization

/// Work that the first answers of a collection can do without: it is done a moment after opening, or by the first who
/// needs it done.
final class DeferredWork: Sendable {
    private let body: Mutex<(@Sendable () -> Void)?>

    /// So long the first answer has the processor to itself.
    private static let grace = DispatchTimeInterval.milliseconds(25)

    /// - Parameter name: of the queue that does the work. It has a thread of its own, however many wait.
    init(name: String, qos: DispatchQoS, _ body: @escaping @Sendable () -> Void) {
        self.body = Mutex(body)
        DispatchQueue(label: name, qos: qos).asyncAfter(deadline: .now() + Self.grace) { self.finish() }
    }

    /// Does the work unless it has been done; waits for whoever is doing it.
    func finish() {
        body.withLock { body in
            body?()
            body = nil
        }
    }

    /// Whether the work has not been done yet, found out without waiting for whoever is doing it.
    var isWaiting: Bool { body.withLockIfAvailable { $0 != nil } ?? true }

    /// Gives the work up unless it has been done; waits for whoever is doing it.
    func drop() { body.withLock { $0 = nil } }
}
