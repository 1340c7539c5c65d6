import Foundation

/// What the process was told by its surroundings: the only file that reads the environment.
///
/// MCP clients start their servers with little more than HOME and PATH, so everything here has a flag as well, and the
/// flag wins.
package struct Environment: Sendable {
    /// What `~` means.
    package let home: String
    /// Absolute path of the data directory, unless a flag names another.
    package let dataDirectory: String
    /// Where programs keep their settings: `$XDG_CONFIG_HOME`, else `~/.config`.
    package let configFolder: String
    /// Where Claude Code and Codex keep theirs, if they were told so.
    package let claudeFolder: String?
    package let codexFolder: String?
    /// The editor that `cortex edit` opens.
    package let editor: String?
    package let scope: [String: String]
    package let openAIKey: String?
    package let openAIBaseURL: String?
    package let embeddingModel: String?
    /// What callers of `cortex serve` must know, and what is enough to read.
    package let apiKey: String?
    package let readOnlyAPIKey: String?
    /// What another Qdrant wants to be told.
    package let qdrantAPIKey: String?
    /// Where backups are kept; `backups` in the data directory unless told otherwise.
    package let backupLocation: String?
    /// Days that full backups are kept.
    package let backupRetentionDays: String?
    /// When full backups are made by a process that stays up, as in crontab, or `off`; nightly unless told otherwise.
    package let backupSchedule: String?
    /// 64 hexadecimal digits; what is stored is sealed with it.
    package let encryptionKey: String?
    /// The key that `cortex key rotate` changes to.
    package let newEncryptionKey: String?
    /// Rows that are sealed at once, so that a test meets sealing early; not for use.
    package let sealRows: Int?
    /// The least important log lines that are written, by swift-log's names; nil where nothing is said.
    package let logLevel: String?
    /// Days that memories of a kind live, by the kind's name in `TTL_<KIND>_DAYS`, in lower case.
    package let kindLifeDays: [String: String]
    /// Whether colours are unwelcome (https://no-color.org) or cannot be shown.
    package let isPlain: Bool

    package static let current = Environment(ProcessInfo.processInfo.environment)

    package init(_ variables: [String: String]) {
        func value(_ name: String) -> String? {
            variables[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        let home = value("HOME") ?? NSHomeDirectory()
        self.home = home
        // A relative path there is ignored (XDG Base Directory Specification 0.8).
        let shared = value("XDG_DATA_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil } ?? home + "/.local/share"
        dataDirectory = Self.absolute(value("CORTEX_DATA") ?? shared + "/cortex", home: home)
        let settings = value("XDG_CONFIG_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil } ?? home + "/.config"
        configFolder = Self.absolute(settings, home: home)
        claudeFolder = value("CLAUDE_CONFIG_DIR").map { Self.absolute($0, home: home) }
        codexFolder = value("CODEX_HOME").map { Self.absolute($0, home: home) }
        editor = value("VISUAL") ?? value("EDITOR")
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
        backupLocation = value("BACKUP_LOCATION").map { Self.absolute($0, home: home) }
        backupRetentionDays = value("BACKUP_RETENTION_DAYS")
        backupSchedule = value("BACKUP_SCHEDULE")
        encryptionKey = value("ENCRYPTION_KEY")
        newEncryptionKey = value("ENCRYPTION_KEY_NEW")
        sealRows = value("CORTEX_TEST_SEAL_ROWS").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        logLevel = value("LOG_LEVEL")
        let (prefix, suffix) = ("TTL_", "_DAYS")
        kindLifeDays = variables.reduce(into: [:]) { days, variable in
            let (name, text) = variable
            guard name.hasPrefix(prefix), name.hasSuffix(suffix),
                name.utf8.count > prefix.utf8.count + suffix.utf8.count,
                !text.isEmpty
            else { return }
            days[name.dropFirst(prefix.count).dropLast(suffix.count).lowercased()] = text
        }
        isPlain = value("NO_COLOR") != nil || value("TERM") == "dumb"
    }

    /// The absolute path that `path` means: `~` and what begins with `~/` are in the home directory, and a relative
    /// path begins at the current one.
    package func absolute(_ path: String) -> String { Self.absolute(path, home: home) }

    /// Absolute path of the data directory: what a flag says, or else the variables.
    package func directory(_ given: String?) -> String { given.map(absolute) ?? dataDirectory }

    private static func absolute(_ path: String, home: String) -> String {
        let isAtHome = path == "~" || path.hasPrefix("~/")
        return URL(fileURLWithPath: isAtHome ? home + path.dropFirst() : path).standardizedFileURL.path
    }
}
