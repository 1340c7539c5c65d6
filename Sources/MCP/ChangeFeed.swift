import JSON
import Synchronization

/// What changed among the resources of this process, told to all who listen.
package final class ChangeFeed: Sendable {
    package enum Change: Sendable, Equatable {
        /// Resources came or went.
        case list
        /// The resource of this URI reads otherwise now.
        case updated(String)
    }

    /// Changes that wait for a slow listener; beyond them the oldest are dropped, since the newest says enough.
    private static let waiting = 256

    private struct State: Sendable {
        var next = 0
        var listeners: [Int: AsyncStream<Change>.Continuation] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package func publish(_ changes: [Change]) {
        state.withLock { state in
            for listener in state.listeners.values { for change in changes { listener.yield(change) } }
        }
    }

    /// Changes from now on, until the listener's task is cancelled.
    func listen() -> AsyncStream<Change> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Change.self, bufferingPolicy: .bufferingNewest(Self.waiting))
        let number = state.withLock { state in
            state.next += 1
            state.listeners[state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in self?.state.withLock { $0.listeners[number] = nil } }
        return stream
    }
}

extension RequestRouter {
    private static let subscriptionKey = "io.modelcontextprotocol/subscriptionId"

    /// `subscriptions/listen`: acknowledges what it will tell, tells it until it is cancelled or the peer leaves, and
    /// then ends with a result.
    func listen(_ params: JSONObject, _ feed: ChangeFeed, _ exchange: Exchange) throws(RPCError) -> Work {
        guard let wish = params["notifications"]?.objectValue else {
            throw RPCError(.invalidParams, "notifications must be an object")
        }
        let wantsList = wish["resourcesListChanged"]?.boolValue ?? false
        var uris: Set<ByteText> = []
        if let listed = wish["resourceSubscriptions"], !listed.isNull {
            guard let elements = listed.arrayValue, elements.allSatisfy({ $0.stringValue != nil }) else {
                throw RPCError(.invalidParams, "resourceSubscriptions must be a list of URIs")
            }
            guard elements.count <= limits.maximumSubscriptions else {
                throw RPCError(.invalidParams, "resourceSubscriptions has at most \(limits.maximumSubscriptions) URIs")
            }
            uris = Set(elements.compactMap(\.stringValue).map { ByteText($0) })
        }
        let wanted = uris
        let meta: JSONObject = [Self.subscriptionKey: exchange.id.json]
        return Work(progressToken: nil, isListening: true) { reporter in
            // Listening begins before it is acknowledged, so that nothing falls between.
            let changes = feed.listen()
            var granted = JSONObject()
            if wantsList { granted["resourcesListChanged"] = true }
            if !wanted.isEmpty { granted["resourceSubscriptions"] = .array(wanted.sorted().map { .string($0.text) }) }
            reporter.notify(
                "notifications/subscriptions/acknowledged",
                ["notifications": .object(granted), "_meta": .object(meta)])
            for await change in changes {
                switch change {
                case .list where wantsList:
                    reporter.notify("notifications/resources/list_changed", ["_meta": .object(meta)])
                case .updated(let uri) where wanted.contains(ByteText(uri)):
                    reporter.notify("notifications/resources/updated", ["uri": .string(uri), "_meta": .object(meta)])
                case .list, .updated: continue
                }
            }
            return exchange.success(EncodedMembers(), meta: meta)
        }
    }
}
