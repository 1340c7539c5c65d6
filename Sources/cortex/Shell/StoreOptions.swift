import ArgumentParser
import Operations
import VectorEngine

/// Flags of commands that look after the files, whatever is in them.
struct StoreOptions: ParsableArguments {
    @OptionGroup var place: DataOption

    @Option(
        help: ArgumentHelp(
            "Where backups are kept.", discussion: "Default: BACKUP_LOCATION, else 'backups' in the data directory.",
            valueName: "dir"))
    var location: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if location?.isEmpty == true { throw ValidationError("--location needs a directory") }
    }

    /// Absolute path of the data directory.
    var directory: String { place.directory }

    /// Where the store ships its log to.
    var standardLocation: String { Environment.current.backups(of: directory) }

    var archive: BackupArchive {
        BackupArchive(location: location.map(Environment.current.absolute) ?? standardLocation)
    }

    /// The store, opened for what the command does with it.
    func opened(for use: StoreUse) throws -> EmbeddedStore { try Environment.current.store(in: directory, for: use) }

    /// Runs `body`; errors of the engine end the command with their own code.
    static func reporting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as EngineError {
            throw CommandFailure(code: error.code.rawValue, message: error.message)
        }
    }
}
