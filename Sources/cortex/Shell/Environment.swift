import Foundation

/// What the process was told by its surroundings: the only file that reads the environment.
///
/// MCP clients start their servers with little more than HOME and PATH, so everything here has a flag as well, and the
/// flag wins.
struct Environment: Sendable {
    let dataDirectory: String
    let scope: [String: String]
    let openAIKey: String?
    let openAIBaseURL: String?
    let embeddingModel: String?
    /// What callers of `cortex serve` must know, and what is enough to read.
    let apiKey: String?
    let readOnlyAPIKey: String?
    /// What another Qdrant wants to be told.
    let qdrantAPIKey: String?
    /// Where backups are kept; `backups` in the data directory unless told otherwise.
    let backupLocation: String?
    /// Days that full backups are kept.
    let backupRetentionDays: String?
    /// When full backups are made by a process that stays up, as in crontab, or `off`; nightly unless told otherwise.
    let backupSchedule: String?
    /// 64 hexadecimal digits; what is stored is sealed with it.
    let encryptionKey: String?
    /// The key that `cortex key rotate` changes to.
    let newEncryptionKey: String?
    /// Rows that are sealed at once, so that a test meets sealing early; not for use.
    let sealRows: Int?
    /// Whether colours are unwelcome (https://no-color.org) or cannot be shown.
    let isPlain: Bool

    static let current = Environment(ProcessInfo.processInfo.environment)

    init(_ variables: [String: String]) {
        func value(_ name: String) -> String? {
            variables[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        let home = value("HOME") ?? NSHomeDirectory()
        let shared = value("XDG_DATA_HOME") ?? home + "/.local/share"
        dataDirectory = value("CORTEX_DATA") ?? shared + "/cortex"
        var scope: [String: String] = [:]
        scope["org"] = value("CORTEX_ORG")
        scope["project"] = value("CORTEX_PROJECT")
        scope["branch"] = value("CORTEX_BRANCH")
        self.scope = scope
        openAIKey = value("OPENAI_API_KEY")
        openAIBaseURL = value("OPENAI_BASE_URL")
        embeddingModel = value("EMBEDDING_MODEL")
        apiKey = value("CORTEX_API_KEY")
        qdrantAPIKey = value("QDRANT_API_KEY")
        readOnlyAPIKey = value("CORTEX_READ_ONLY_API_KEY")
        backupLocation = value("BACKUP_LOCATION")
        backupRetentionDays = value("BACKUP_RETENTION_DAYS")
        backupSchedule = value("BACKUP_SCHEDULE")
        encryptionKey = value("ENCRYPTION_KEY")
        newEncryptionKey = value("ENCRYPTION_KEY_NEW")
        sealRows = value("CORTEX_TEST_SEAL_ROWS").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        isPlain = value("NO_COLOR") != nil || value("TERM") == "dumb"
    }
}
