/// Limits of the HTTP door, in one place.
package enum ServingLimits {
    /// Largest request body, in bytes.
    package static let bodyBytes = 32 << 20
    /// Largest snapshot that may be uploaded, in bytes.
    package static let uploadBytes = 1 << 30
}
