import JSON

/// The hook of Claude Code that runs `cortex hook session-start` when a session starts.
package enum ClaudeHook {
    private static let path = ["hooks", "SessionStart"]
    private static let ending = " hook session-start"

    /// The file with the user's hooks.
    package static func file(_ environment: Environment) -> String {
        (environment.claudeFolder ?? environment.home + "/.claude") + "/settings.json"
    }

    /// The settings with the hook in them; a hook of another cortex, or of one at another place, is changed to this.
    ///
    /// - Throws: `SettingsError` for a file that cannot be read as settings.
    package static func settings(_ text: String, program: String, arguments: [String]) throws(SettingsError) -> String {
        do throws(SettingsText.Fault) {
            var settings = SettingsText(text)
            let command = ([program] + ["hook", "session-start"] + arguments).map(quoted).joined(separator: " ")
            let hook: JSONValue = ["type": "command", "command": .string(command)]
            guard let present = try settings.value(at: path), !present.isNull else {
                try settings.set(path, to: [["hooks": [hook]]])
                return settings.text
            }
            guard var groups = present.arrayValue else {
                throw SettingsText.Fault(message: "\(path.joined(separator: ".")) is not a list")
            }
            for (i, group) in groups.enumerated() {
                guard case .object(var members) = group, var hooks = members["hooks"]?.arrayValue,
                    let j = hooks.firstIndex(where: isOurs)
                else { continue }
                if hooks[j] == hook { return settings.text }
                hooks[j] = hook
                members["hooks"] = .array(hooks)
                groups[i] = .object(members)
                try settings.set(path, to: .array(groups))
                return settings.text
            }
            try settings.append(["hooks": [hook]], to: path)
            return settings.text
        } catch {
            throw SettingsError(error.message)
        }
    }

    private static func isOurs(_ hook: JSONValue) -> Bool {
        guard let command = hook["command"]?.stringValue, command.contains(ending) else { return false }
        return command.prefix { $0 != " " }.contains("cortex") || command.contains("cortex'" + ending)
    }

    /// A word for the shell that runs the hook.
    private static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "/._-+:@%".utf8.contains(byte)
        }
        return isPlain && !word.isEmpty ? word : "'" + word.replacing("'", with: #"'\''"#) + "'"
    }
}
