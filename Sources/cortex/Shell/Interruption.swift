import Foundation
import MCP

/// What a long command says when it is interrupted: how far it has come, and that this much is kept.
final class Interruption: Sendable {
    private let counts: Shared<(done: Int, total: Int)>

    /// Listens for SIGINT and SIGTERM; to be called once in a process. The command ends with exit code 130.
    ///
    /// - Parameter verb: what was done with those that are kept, such as `stored`.
    init(total: Int, verb: String) throws {
        let counts = Shared((done: 0, total: total))
        self.counts = counts
        try ShutdownSignals.listen {
            let (done, total) = counts.withLock { $0 }
            Terminal.note(
                "\ninterrupted: \(done) of \(total) were \(verb) and are kept; the same command takes the rest")
            Foundation.exit(130)
        }
    }

    func advance(to done: Int, of total: Int? = nil) {
        counts.withLock { counts in
            counts.done = done
            if let total { counts.total = total }
        }
    }
}
