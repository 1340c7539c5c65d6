import ArgumentParser
import Foundation
import VectorEngine

/// Flags of commands that look after the files, whatever is in them.
struct StoreOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The data directory.", discussion: "Default: CORTEX_DATA, else the XDG data directory.", valueName: "dir"))
    var data: String?

    @Option(
        help: ArgumentHelp(
            "Where backups are kept.", discussion: "Default: BACKUP_LOCATION, else 'backups' in the data directory.",
            valueName: "dir"))
    var location: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if data?.isEmpty == true { throw ValidationError("--data needs a directory") }
        if location?.isEmpty == true { throw ValidationError("--location needs a directory") }
    }

    /// Absolute path of the data directory.
    var directory: String { Self.absolute(data ?? Environment.current.dataDirectory) }

    /// Where the store ships its log to.
    var standardLocation: String {
        Environment.current.backupLocation.map(Self.absolute) ?? BackupArchive.standardLocation(of: directory)
    }

    var archive: BackupArchive { BackupArchive(location: location.map(Self.absolute) ?? standardLocation) }

    /// When full backups are made by themselves; nil for never.
    static func backupSchedule() throws -> BackupSchedule? {
        let text = Environment.current.backupSchedule ?? BackupSchedule.nightly
        guard text != "off" else { return nil }
        do {
            return try BackupSchedule(text)
        } catch {
            throw EngineError(.invalidArgument, "BACKUP_SCHEDULE: \(error.message), or 'off'")
        }
    }

    /// Days that full backups are kept.
    static func backupRetentionDays() throws(EngineError) -> Int {
        guard let text = Environment.current.backupRetentionDays else { return 30 }
        guard let days = Int(text), (0...36_500).contains(days) else {
            throw EngineError(.invalidArgument, "BACKUP_RETENTION_DAYS is 0 to 36500")
        }
        return days
    }

    /// The user's key; nil when there is none.
    static func encryptionKey() throws -> EncryptionKey? {
        try Environment.current.encryptionKey.map { try EncryptionKey(hex: $0) }
    }

    /// Settings of a store that is used by others: with the user's key, and with its log shipped.
    static func engineSettings(backupLocation: String) throws -> EngineSettings {
        var settings = EngineSettings()
        settings.encryptionKey = try encryptionKey()
        settings.backupLocation = backupLocation
        settings.backupSchedule = try backupSchedule()
        settings.backupRetentionDays = try backupRetentionDays()
        settings.observeDamage = { Terminal.note("cortex: \($0): \($1)") }
        if let rows = Environment.current.sealRows {
            settings.sealThreshold = rows
            settings.sealShare = 0
        }
        return settings
    }

    /// The same for the store in `directory`, with backups where the environment says.
    static func engineSettings(directory: String) throws -> EngineSettings {
        try engineSettings(
            backupLocation: Environment.current.backupLocation.map(absolute)
                ?? BackupArchive.standardLocation(of: directory))
    }

    /// The store, with the user's key and no upkeep.
    func opened() throws -> EmbeddedStore {
        var settings = EngineSettings()
        settings.encryptionKey = try Self.encryptionKey()
        return try EmbeddedStore(directory: directory, settings: settings)
    }

    static func absolute(_ path: String) -> String {
        let expanded = path.hasPrefix("~/") ? NSHomeDirectory() + path.dropFirst() : path
        return URL(fileURLWithPath: expanded).standardizedFileURL.path
    }

    /// Runs `body`; errors of the engine end the command with their own code.
    static func reporting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as EngineError {
            throw CommandFailure(code: error.code.rawValue, message: error.message)
        }
    }
}
