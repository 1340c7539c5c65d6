import JSON
import Synchronization

/// How often each route was called, and how it ended.
final class CallStatistics: Sendable {
    struct Entry: Sendable {
        var count = 0
        var seconds = 0.0
        var minimum = Double.infinity
        var maximum = 0.0

        mutating func note(_ seconds: Double) {
            count += 1
            self.seconds += seconds
            minimum = min(minimum, seconds)
            maximum = max(maximum, seconds)
        }
    }

    /// Entries by route and status.
    typealias Routes = [String: [Int: Entry]]

    private struct State {
        var all: Routes = [:]
        var byCollection: [ByteText: Routes] = [:]
    }

    private let state = Mutex(State())

    /// Collections that are counted by themselves; calls of further ones count in the whole alone.
    private static let maximumCollections = 1_000

    /// `collection` is one that exists, or nil.
    func note(_ route: String, collection: String?, status: Int, seconds: Double) {
        state.withLock { state in
            state.all[route, default: [:]][status, default: Entry()].note(seconds)
            guard let collection,
                state.byCollection[text: collection] != nil || state.byCollection.count < Self.maximumCollections
            else { return }
            state.byCollection[text: collection, default: [:]][route, default: [:]][status, default: Entry()].note(
                seconds)
        }
    }

    var all: Routes { state.withLock { $0.all } }
    var byCollection: [ByteText: Routes] { state.withLock { $0.byCollection } }
}
