import Logging

/// What tasks in the background could not do: the calls that go on without it do not report it.
extension Logger {
    /// Where the engine writes its log lines, unless the settings say otherwise.
    static let engine = Logger(label: "cortex.engine")

    /// Logs a failure with its consequence.
    ///
    /// - Parameter consequence: what happens now instead; it holds no stored text.
    func warn(_ consequence: String, because error: any Error, file path: String) {
        let error = EngineError(wrapping: error, path: path)
        warning(
            "\(consequence)",
            metadata: ["file": "\(path)", "code": "\(error.code.rawValue)", "error": "\(error.message)"])
    }
}
