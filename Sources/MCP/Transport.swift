/// An event from a peer.
package enum TransportEvent: Sendable {
    /// One message's text.
    case message([UInt8])
    /// A message longer than the limit went by and was thrown away.
    case oversized
    /// Nothing more will come: the peer closed its side, or the transport was told to stop.
    case endOfInput
    /// So many bytes of what was sent have left.
    case written(byteCount: Int)
    /// What is sent no longer arrives anywhere.
    case outputClosed
}

/// A way for messages to reach one peer and to come from it. Two exist: standard input and output, and the
/// in-memory one of the tests.
package protocol Transport: AnyObject, Sendable {
    /// Begins to deliver. Messages come one at a time and in order, on a thread of the transport's own, which `receive`
    /// may hold up for as long as it does not want more. `written` and `outputClosed` come on another thread.
    func start(_ receive: @escaping @Sendable (TransportEvent) -> Void)

    /// Queues one message, which leaves whole and in its turn. Never waits, and never calls `receive` from inside.
    func send(_ message: [UInt8])

    /// Reads nothing more; `endOfInput` follows, if it did not come yet.
    func stopReceiving()
}

/// Does something later. Handed in, so that tests own the clock.
package typealias Scheduler = @Sendable (_ delay: Duration, _ action: @escaping @Sendable () -> Void) -> Void
