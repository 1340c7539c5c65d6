/// What this binary was built from.
enum BuildFacts {
    /// Semantic version; CHANGELOG.md says what each one brought.
    static let version = "0.1.0"

    static var operatingSystem: String {
        #if os(Linux)
            "linux"
        #elseif os(macOS)
            "macos"
        #else
            "unknown"
        #endif
    }

    static var architecture: String {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "arm64"
        #else
            "unknown"
        #endif
    }
}
