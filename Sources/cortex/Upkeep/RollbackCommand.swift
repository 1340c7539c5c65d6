import ArgumentParser
import Files
import JSON
import VectorEngine

/// `cortex rollback`: back to the copies that were made before an upgrade.
struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Go back to the copies made before an upgrade, to use an older cortex.",
        discussion: """
            A cortex that changes the format of a collection lays a copy beside it first. This puts the copies back \
            in place; the newer files stay beside them. End every other cortex process first. The next command of \
            this cortex would upgrade them again.
            """)

    @OptionGroup var store: StoreOptions

    func run() async throws {
        try await StoreOptions.reporting {
            let receipts = try Rollback(directory: store.directory, now: WallClock.microseconds()).run()
            guard !receipts.isEmpty else {
                throw EngineError(
                    .collectionNotFound, "\(store.directory) has no copy from before an upgrade; nothing was changed")
            }
            if store.json {
                print(JSONWriter.text(["collections": .array(receipts.map { .object($0.json) })]))
                return
            }
            for receipt in receipts {
                let kept = receipt.keptAt.map { "; the newer file is kept as \($0)" } ?? ""
                print(
                    "\(receipt.collection): format \(receipt.format), without the \(receipt.changesSince) changes "
                        + "since\(kept)")
            }
        }
    }
}

extension Rollback.Receipt {
    fileprivate var json: JSONObject {
        [
            "collection": .string(collection), "format": .integer(Int64(format)),
            "changes_since": .integer(changesSince), "kept_at": keptAt.map { .string($0) } ?? .null,
        ]
    }
}
