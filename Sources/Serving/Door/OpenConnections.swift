import NIOCore
import Synchronization

/// The connections of a door: how many there may be, how long they wait, and how they end without cutting an answer
/// off.
final class OpenConnections: Sendable {
    /// Told to a connection's handlers: no further request will be taken.
    struct NoFurtherRequests: Sendable {}
    /// Told to a connection's handlers: time has passed.
    struct Tick: Sendable {}
    /// Why a connection is not taken.
    struct TooMany: Error {}

    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isFinishing = false
    }

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// To be called on the channel's loop, before it is read from.
    func add(_ channel: any Channel) throws(TooMany) {
        let isLate = state.withLock { state -> Bool? in
            guard state.channels.count < limit else { return nil }
            state.channels[ObjectIdentifier(channel)] = channel
            return state.isFinishing
        }
        guard let isLate else { throw TooMany() }
        channel.closeFuture.whenComplete { [self] _ in
            state.withLock { _ = $0.channels.removeValue(forKey: ObjectIdentifier(channel)) }
        }
        if isLate { channel.pipeline.fireUserInboundEventTriggered(NoFurtherRequests()) }
    }

    /// Tells every connection that time has passed.
    func tick() {
        let channels = state.withLock { Array($0.channels.values) }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(Tick()) }
    }

    /// Returns once every connection has closed: those that wait at once, the others behind their answer.
    func finish() async {
        let channels = state.withLock { state in
            state.isFinishing = true
            return Array(state.channels.values)
        }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(NoFurtherRequests()) }
        // How a connection ended does not matter here.
        for channel in channels { _ = try? await channel.closeFuture.get() }
    }
}
