/// A flag or a variable that cannot be used.
package struct SettingsError: Error, Sendable, CustomStringConvertible {
    /// Which one, and what it should be. Never the value of a key.
    package let message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
