import JSON

/// The MCP clients whose configuration `cortex connect` writes: where each keeps its servers, and in which form.
package enum MCPClient: String, Sendable, CaseIterable {
    case claudeCode = "claude-code"
    case claudeDesktop = "claude-desktop"
    case cursor, vscode, codex, gemini, zed

    /// As its makers call it.
    package var title: String {
        switch self {
        case .claudeCode: "Claude Code"
        case .claudeDesktop: "Claude Desktop"
        case .cursor: "Cursor"
        case .vscode: "VS Code"
        case .codex: "Codex"
        case .gemini: "Gemini CLI"
        case .zed: "Zed"
        }
    }

    /// The file in which the client keeps the servers of its user.
    package func file(_ environment: Environment) -> String {
        switch self {
        case .claudeCode: environment.claudeFolder.map { $0 + "/.claude.json" } ?? environment.home + "/.claude.json"
        case .claudeDesktop: Self.applications(environment) + "/Claude/claude_desktop_config.json"
        case .cursor: environment.home + "/.cursor/mcp.json"
        case .vscode: Self.applications(environment) + "/Code/User/mcp.json"
        case .codex: (environment.codexFolder ?? environment.home + "/.codex") + "/config.toml"
        case .gemini: environment.home + "/.gemini/settings.json"
        case .zed: environment.configFolder + "/zed/settings.json"
        }
    }

    /// The file inside a project in which the client looks for the project's own servers; nil where it looks nowhere.
    package func projectFile(in folder: String) -> String? {
        switch self {
        case .claudeCode: folder + "/.mcp.json"
        case .claudeDesktop: nil
        case .cursor: folder + "/.cursor/mcp.json"
        case .vscode: folder + "/.vscode/mcp.json"
        case .codex: folder + "/.codex/config.toml"
        case .gemini: folder + "/.gemini/settings.json"
        case .zed: folder + "/.zed/settings.json"
        }
    }

    private static func applications(_ environment: Environment) -> String {
        #if os(macOS)
            environment.home + "/Library/Application Support"
        #else
            environment.configFolder
        #endif
    }

    /// The settings with the server in them.
    ///
    /// - Parameters:
    ///   - text: the file as it is; empty where there is none.
    ///   - command: absolute path of this program.
    /// - Throws: `SettingsError` for a file that cannot be read as what it should be.
    package func settings(_ text: String, command: String, arguments: [String]) throws(SettingsError) -> String {
        do throws(SettingsText.Fault) {
            if self == .codex { return try CodexSettings.text(text, command: command, arguments: arguments) }
            var settings = SettingsText(text)
            let path = [serversKey, "cortex"]
            let entry = entry(command: command, arguments: arguments)
            guard let present = try settings.value(at: path), !present.isNull else {
                try settings.set(path, to: .object(entry))
                return settings.text
            }
            guard let members = present.objectValue else {
                throw SettingsText.Fault(message: "\(path.joined(separator: ".")) is not an object")
            }
            // What the person has added to the entry, such as variables and arguments, stays.
            for (key, value) in entry where key != "args" { try settings.set(path + [key], to: value) }
            let joined = ServerArguments.joined(wanted: arguments, present: Self.texts(members["args"]))
            try settings.set(path + ["args"], to: .array(joined.map { .string($0) }))
            return settings.text
        } catch {
            throw SettingsError(error.message)
        }
    }

    /// The texts of a list; nil where there is anything else.
    private static func texts(_ value: JSONValue?) -> [String]? {
        guard let elements = value?.arrayValue else { return nil }
        let texts = elements.compactMap(\.stringValue)
        return texts.count == elements.count ? texts : nil
    }

    /// Whether the entry in these settings says that the server is not to be started.
    package func isSwitchedOff(_ text: String) throws(SettingsError) -> Bool {
        do throws(SettingsText.Fault) {
            if self == .codex { return try CodexSettings.isSwitchedOff(text) }
            let entry = try SettingsText(text).value(at: [serversKey, "cortex"])
            return entry?["disabled"]?.boolValue == true || entry?["enabled"]?.boolValue == false
        } catch {
            throw SettingsError(error.message)
        }
    }

    private var serversKey: String {
        switch self {
        case .vscode: "servers"
        case .zed: "context_servers"
        default: "mcpServers"
        }
    }

    private func entry(command: String, arguments: [String]) -> JSONObject {
        var entry = JSONObject()
        if self == .claudeCode || self == .vscode { entry["type"] = "stdio" }
        if self == .zed { entry["source"] = "custom" }
        entry["command"] = .string(command)
        entry["args"] = .array(arguments.map { .string($0) })
        return entry
    }

    /// What the person does after the file is written.
    package var nextStep: String {
        switch self {
        case .claudeCode: "start claude again, and look with /mcp"
        case .claudeDesktop: "quit Claude Desktop and start it again"
        case .cursor: "look in Cursor's settings under MCP"
        case .vscode: "open the file in VS Code and choose Start, or start VS Code again"
        case .codex: "start codex again, and look with: codex mcp list"
        case .gemini: "start gemini again, and look with /mcp"
        case .zed: "Zed starts the server by itself; look in the settings of its agent panel"
        }
    }
}
