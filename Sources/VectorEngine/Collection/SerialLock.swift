import Synchronization

/// Lets one thread at a time do a piece of work that blocks.
final class SerialLock: Sendable {
    private let lock = Mutex(())

    func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
        try lock.withLock { _ in try Unsent(body()) }.value
    }

    /// Carries a result out of the lock, which it does not share.
    private struct Unsent<Value>: @unchecked Sendable {
        let value: Value
        init(_ value: Value) { self.value = value }
    }
}
