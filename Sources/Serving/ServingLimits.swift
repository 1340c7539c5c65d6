import Hummingbird

/// Limits of the HTTP door, in one place.
package enum ServingLimits {
    /// Largest request body, in bytes.
    package static let bodyBytes = 32 << 20
}
