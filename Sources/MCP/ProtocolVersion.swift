/// A released revision of the Model Context Protocol, oldest first.
///
/// Up to `november2025` a connection begins with the `initialize` handshake; from `july2026` on there is no handshake
/// and every request carries an envelope in `params._meta` instead.
package enum ProtocolVersion: String, Sendable, CaseIterable, Comparable {
    case november2024 = "2024-11-05"
    case march2025 = "2025-03-26"
    case june2025 = "2025-06-18"
    case november2025 = "2025-11-25"
    case july2026 = "2026-07-28"

    /// Whether requests of this revision carry the envelope.
    package var isModern: Bool { self >= .july2026 }

    /// The newest revision that `initialize` can agree on.
    package static let latestLegacy = ProtocolVersion.november2025

    package static let modern = allCases.filter(\.isModern)

    package static func < (left: ProtocolVersion, right: ProtocolVersion) -> Bool { left.rawValue < right.rawValue }
}
