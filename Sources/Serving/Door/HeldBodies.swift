import Synchronization

/// The bytes of bodies that a door's connections hold together, and their limit.
final class HeldBodies: Sendable {
    private let limitBytes: Int
    private let bytes = Atomic(0)

    init(limitBytes: Int) { self.limitBytes = limitBytes }

    /// - Returns: false where they would be too many; nothing is added then.
    func add(_ count: Int) -> Bool {
        let held = bytes.wrappingAdd(count, ordering: .relaxed).newValue
        if held <= limitBytes { return true }
        remove(count)
        return false
    }

    func remove(_ count: Int) { bytes.wrappingSubtract(count, ordering: .relaxed) }
}
