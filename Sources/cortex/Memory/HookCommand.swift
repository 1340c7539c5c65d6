import ArgumentParser
import Files
import Foundation
import JSON
import Memory
import Operations

/// `cortex hook`: what coding agents run by themselves.
struct HookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hook", abstract: "Tell a coding agent what it should know when it starts.",
        subcommands: [SessionStartCommand.self, HookInstallCommand.self])
}

/// `cortex hook session-start`
struct SessionStartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "session-start",
        abstract: "Print the recent decisions, open todos and lessons of this project.",
        discussion: """
            At most 2 000 tokens, counted as four bytes each. Nothing is printed where there is nothing to tell, so \
            that a session is never disturbed.
            """)

    @OptionGroup var house: HouseOptions

    @Flag(help: "Print one JSON object, as Claude Code reads it.")
    var json = false

    func run() async throws {
        try await House.visit(house) { house in
            guard try await house.hasMemories, let text = try await house.memory.briefing(house.scope) else { return }
            guard json else { return print(text, terminator: "") }
            print(
                JSONWriter.text([
                    "hookSpecificOutput": [
                        "hookEventName": "SessionStart", "additionalContext": .string(text),
                    ]
                ]))
        }
    }
}

/// A program that runs commands when its sessions start.
enum HookClient: String, CaseIterable, ExpressibleByArgument {
    case claudeCode = "claude-code"
}

/// `cortex hook install`
struct HookInstallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Have a coding agent run `cortex hook session-start` when a session starts.",
        discussion: """
            Writes the hook into the agent's settings as `cortex connect` does: it shows the change, keeps a copy, and \
            changes nothing the second time.
            """)

    @ArgumentParser.Argument(help: "The agent: claude-code.")
    var client: HookClient

    @Flag(name: .customLong("print"), help: "Print what the file would become, and write nothing.")
    var isPrintOnly = false

    @Flag(name: [.customShort("y"), .customLong("yes")], help: "Write without asking.")
    var isConfirmed = false

    @Option(help: ArgumentHelp("The data directory that is read.", valueName: "dir"))
    var data: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let arguments = data.map { ["--data", Environment.current.absolute($0)] } ?? []
        try await SettingsChange(
            path: ClaudeHook.file(.current), isPrintOnly: isPrintOnly, isConfirmed: isConfirmed, json: json,
            next: "start claude again; a session begins with what cortex knows"
        ) { text throws(SettingsError) in
            try ClaudeHook.settings(text, program: RunningProgram.path, arguments: arguments)
        }.run()
    }
}
