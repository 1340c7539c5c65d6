import Logging

/// Keeps the lines that are logged; `first` waits for one.
final class LogRecorder: LogHandler {
    private let lines: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    var metadata: Logger.Metadata {
        get { [:] }
        set { _ = newValue }
    }
    var logLevel: Logger.Level {
        get { .trace }
        set { _ = newValue }
    }

    init() { (lines, continuation) = AsyncStream.makeStream() }

    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set { _ = newValue }
    }

    func log(event: LogEvent) {
        let metadata = (event.metadata ?? [:]).map { "\($0)=\($1)" }.sorted().joined(separator: " ")
        continuation.yield("\(event.message) \(metadata)")
    }

    func first(containing part: String = "") async -> String {
        for await line in lines where part.isEmpty || line.contains(part) { return line }
        return ""
    }
}
