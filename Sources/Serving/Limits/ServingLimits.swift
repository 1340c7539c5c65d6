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
}
