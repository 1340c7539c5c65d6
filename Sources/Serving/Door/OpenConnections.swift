import NIOCore
import Synchronization

/// The connections of a door, so that it can be closed without cutting an answer off.
final class OpenConnections: Sendable {
    /// Told to a connection's handlers: no further request will be taken.
    struct NoFurtherRequests: Sendable {}

    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isFinishing = false
    }

    private let state = Mutex(State())

    /// To be called on the channel's loop, before it is read from.
    func add(_ channel: any Channel) {
        let isLate = state.withLock { state in
            state.channels[ObjectIdentifier(channel)] = channel
            return state.isFinishing
        }
        channel.closeFuture.whenComplete { [self] _ in
            state.withLock { _ = $0.channels.removeValue(forKey: ObjectIdentifier(channel)) }
        }
        if isLate { channel.pipeline.fireUserInboundEventTriggered(NoFurtherRequests()) }
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
