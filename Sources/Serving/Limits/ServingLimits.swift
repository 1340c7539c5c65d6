/// Limits of the HTTP door, in one place.
package enum ServingLimits {
    /// Largest request body, in bytes.
    package static let bodyBytes = 32 << 20
    /// Largest snapshot that may be uploaded, in bytes.
    package static let uploadBytes = 1 << 30
    /// Largest body of a request that is answered on an event loop, in bytes.
    package static let promptBodyBytes = 64 << 10
    /// Bytes set aside for a body on the word of its header.
    package static let reservedBodyBytes = 4 << 20
    /// Connections that wait to be taken.
    package static let waitingConnections: Int32 = 256
}
