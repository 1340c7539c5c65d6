import ArgumentParser
import Files
import Foundation
import JSON
import Operations

extension MCPClient: ExpressibleByArgument {}

/// `cortex connect`: writes the server into the configuration of an MCP client.
struct ConnectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connect", abstract: "Connect an MCP client: write cortex into its configuration.",
        discussion: """
            Shows the change, keeps a copy of the file beside it, and leaves everything else in the file as it is. A \
            second run changes nothing. Without a client it lists the clients and their files. On a terminal it asks \
            before it writes. Exit code 1 when the file cannot be changed.
            """)

    @ArgumentParser.Argument(help: "claude-code, claude-desktop, cursor, vscode, codex, gemini or zed.")
    var client: MCPClient?

    @Flag(name: .customLong("print"), help: "Print what the file would become, and write nothing.")
    var isPrintOnly = false

    @Flag(help: "Write into the project you are in, instead of the settings of your user.")
    var here = false

    @Flag(name: [.customShort("y"), .customLong("yes")], help: "Write without asking.")
    var isConfirmed = false

    @Option(help: ArgumentHelp("The data directory that the server is started with.", valueName: "dir"))
    var data: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        guard let client else { return try list() }
        let path = try file(of: client)
        // A file that cannot be read is refused by the change itself.
        let remark = { (text: String) in (try? client.isSwitchedOff(text)) == true ? Self.switchedOff : nil }
        try await SettingsChange(
            path: path, isPrintOnly: isPrintOnly, isConfirmed: isConfirmed, json: json,
            next: client.nextStep, remark: remark
        ) { text throws(SettingsError) in
            try client.settings(text, command: RunningProgram.path, arguments: arguments)
        }.run()
    }

    private static let switchedOff =
        "the entry is switched off in this file (disabled or enabled); the client starts cortex when that is changed"

    private var arguments: [String] {
        ["mcp"] + (data.map { ["--data", Environment.current.absolute($0)] } ?? [])
    }

    private func file(of client: MCPClient) throws -> String {
        guard here else { return client.file(.current) }
        let folder = FileManager.default.currentDirectoryPath
        let top = GitFolders(containing: folder)?.top ?? folder
        guard let path = client.projectFile(in: top) else {
            throw ValidationError("\(client.title) has no settings of a project; leave --here out")
        }
        return path
    }

    private func list() throws {
        let rows = MCPClient.allCases.map { client -> (MCPClient, String, String) in
            let path = client.file(.current)
            return (client, path, Self.state(of: client, at: path, arguments))
        }
        guard !json else {
            let clients = rows.map { client, path, state -> JSONValue in
                ["client": .string(client.rawValue), "file": .string(path), "state": .string(state)]
            }
            return print(JSONWriter.text(["clients": .array(clients)]))
        }
        for (client, path, state) in rows {
            print(
                client.rawValue.padding(toLength: 16, withPad: " ", startingAt: 0)
                    + state
                    .padding(toLength: 16, withPad: " ", startingAt: 0) + path)
        }
        print("To connect one: cortex connect NAME")
    }

    private static func state(of client: MCPClient, at path: String, _ arguments: [String]) -> String {
        do {
            let file = try SettingsFile(path)
            guard file.exists else { return "no file yet" }
            let new = try client.settings(file.text, command: RunningProgram.path, arguments: arguments)
            guard new == file.text else { return "not connected" }
            return try client.isSwitchedOff(file.text) ? "switched off" : "connected"
        } catch {
            return "cannot be read"
        }
    }
}

/// A change to a settings file of another program, shown and written.
struct SettingsChange {
    let path: String
    let isPrintOnly: Bool
    let isConfirmed: Bool
    let json: Bool
    /// What the person does afterwards.
    let next: String
    /// What the person should know about the new text; nil where there is nothing.
    var remark: (String) -> String? = { _ in nil }
    let change: (String) throws(SettingsError) -> String

    func run() async throws {
        let file: SettingsFile
        let new: String
        do throws(SettingsError) {
            file = try SettingsFile(path)
            new = try change(file.text)
        } catch {
            throw refused(error)
        }
        if isPrintOnly { return print(new, terminator: new.hasSuffix("\n") ? "" : "\n") }
        let remark = remark(new)
        let warning = remark.map { "\nNote: \($0)" } ?? ""
        var facts: JSONObject = ["file": .string(file.path), "changed": .bool(new != file.text)]
        facts["note"] = remark.map { .string($0) }
        guard new != file.text else {
            return say(facts, "\(file.path) has it already; nothing was changed\(warning)")
        }
        if !json {
            print(Terminal.bold(file.exists ? file.path : "\(file.path) (new)"))
            for line in SettingsFile.difference(file.text, new) { print(line) }
        }
        // In a pipe there is nobody to ask, and the command itself was the agreement.
        guard isConfirmed || json || Terminal.confirms("Write it?", unlessSaid: true) ?? true else {
            return print("nothing was changed")
        }
        let copy: String?
        do {
            copy = try file.replace(with: new)
        } catch {
            throw CommandFailure(code: "settings", message: "\(error). Nothing was changed")
        }
        facts["copy"] = copy.map { .string($0) }
        let kept = copy.map { "; the file as it was: \($0)" } ?? ""
        say(facts, "written\(kept)\(warning)\nNext: \(next)")
    }

    /// The refusal, with what an empty file would become on standard output, for the person to paste.
    private func refused(_ error: SettingsError) -> CommandFailure {
        let reason = "\(path): \(error.message). Nothing was changed"
        // An empty text is changed unless this program's own path cannot be written down; then the reason is enough.
        guard let entry = try? change("") else { return CommandFailure(code: "settings", message: reason) }
        guard !json else {
            return CommandFailure(code: "settings", message: "\(reason); to add it yourself, paste:\n\(entry)")
        }
        print(entry, terminator: entry.hasSuffix("\n") ? "" : "\n")
        return CommandFailure(code: "settings", message: "\(reason); to add it yourself, paste what is printed above")
    }

    private func say(_ facts: JSONObject, _ text: String) { print(json ? JSONWriter.text(.object(facts)) : text) }
}
