/// Limits of the HTTP door, in one place.
package enum ServingLimits {
    /// Largest request body, in bytes.
    package static let bodyBytes = 32 << 20
    /// Bytes of a file that are read at once while it is sent; a client that reads slowly has so many waiting for it.
    package static let filePartBytes = 256 << 10
    /// Bytes of a streamed body that may wait to be taken; what is read at once may come on top.
    package static let heldUploadBytes = 1 << 20
    /// Largest head of a part of a form, in bytes.
    package static let partHeadBytes = 16 << 10
    /// Bytes that are read and thrown away behind a refusal, so that the client gets to read it.
    package static let discardedBytes = 32 << 20
    /// Largest body of a request that is answered on an event loop, in bytes.
    package static let promptBodyBytes = 64 << 10
    /// Bytes set aside for a body on the word of its header.
    package static let reservedBodyBytes = 4 << 20
    /// Connections that wait to be taken.
    package static let waitingConnections: Int32 = 256
    /// Connections of one door at a time; a further one is closed at once.
    package static let connections = 4096
    /// Connections of the health door at a time.
    package static let healthConnections = 64
    /// Bytes of bodies that one door holds at a time, of requests that arrive or are being answered.
    package static let heldBodyBytes = 512 << 20
    /// Seconds after which a client that was refused for `heldBodyBytes` may try again.
    package static let heldBodyRetrySeconds = 1

    // How long a door waits for its clients is counted in ticks, so that no request sets a timer.

    /// Time from one tick to the next.
    package static let tick = Duration.seconds(10)
    /// Ticks within which a request's head comes, and every `bodyProgressBytes` of its body.
    package static let arrivalTicks = 3
    /// Bytes of a body that count as progress.
    package static let bodyProgressBytes = 4 << 10
    /// Ticks that a connection may wait for its next request.
    package static let idleTicks = 18
    /// Ticks within which a client takes an answer, or the next part of a file.
    package static let answerTicks = 60
}
