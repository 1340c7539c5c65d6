import ArgumentParser
import JSON
import VectorEngine

/// `cortex version`: what this binary is, for people and (`--json`) for scripts.
struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Say which version this is and what it was built with.")

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let sqlite = try StorageLibrary.sqliteVersion()
        guard json else {
            let platform = "\(BuildFacts.operatingSystem) \(BuildFacts.architecture)"
            print("cortex \(BuildFacts.version) (\(platform), SQLite \(sqlite))")
            return
        }
        let facts: JSONValue = [
            "name": "cortex",
            "version": .string(BuildFacts.version),
            "os": .string(BuildFacts.operatingSystem),
            "architecture": .string(BuildFacts.architecture),
            "sqlite": .string(sqlite),
        ]
        print(JSONWriter.text(facts))
    }
}
