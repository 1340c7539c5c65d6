import ArgumentParser
import Foundation
import JSON
import Memory
import Operations

/// `cortex edit`: changes a memory; the former version is kept.
struct EditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit", abstract: "Change a memory; the former version is kept.",
        discussion: """
            Without a text and without a flag it opens $VISUAL or $EDITOR on the text. --restore N brings version N \
            back (see: cortex versions ID), also of a section that has left its file, to which the memory does not \
            belong any more then. Exit code 0 also when nothing was changed, which is said.
            """)

    @OptionGroup var house: HouseOptions

    @ArgumentParser.Argument(help: "The id of the memory.")
    var id: String

    @ArgumentParser.Argument(help: "The new text; - reads it from stdin.")
    var text: [String] = []

    @Option(name: [.customLong("kind"), .customLong("type")], help: "Its new kind.", completion: .list(Shown.kinds))
    var kind: String?

    @Option(name: .customLong("tag"), help: ArgumentHelp("Its new tags; may be given several times.", valueName: "tag"))
    var tags: [String] = []

    @Option(help: "Its new expiry: permanent, short, default or long.", completion: .list(Shown.policies))
    var ttl: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "A field of its kind; may be given several times. An empty value removes it.", valueName: "field=value"))
    var fields: [String] = []

    @Option(help: ArgumentHelp("Bring this version back.", valueName: "n"))
    var restore: Int?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if let field = fields.first(where: { !$0.contains("=") }) {
            throw ValidationError("--set is field=value, not \(field)")
        }
    }

    func run() async throws {
        try await House.visit(house) { house in
            try await house.needMemories()
            let id = try MemoryID.read(id)
            var arguments = try flagged()
            if changesText {
                guard let item = try await house.memory.get([id]).first else {
                    throw CommandFailure(
                        code: "E2000", message: "there is no memory \(id); cortex list shows those there are")
                }
                try addText(&arguments, .object(item))
                // The text is as it was, and there is no flag.
                if arguments.isEmpty { return say(["item": .object(item)]) }
            }
            arguments["id"] = .string(id.description)
            let context = CallContext(clientName: "cortex edit", defaultScope: house.scope)
            say(try await house.memory.callUpdate(arguments: arguments, context: context))
        }
    }

    /// What the flags change, as arguments of `memory_update`.
    private func flagged() throws -> JSONObject {
        var arguments = JSONObject()
        arguments["kind"] = kind.map { .string($0) }
        if !tags.isEmpty { arguments["tags"] = .array(tags.map { .string($0) }) }
        if let ttl {
            guard Shown.policies.contains(ttl) else {
                throw ValidationError("--ttl is one of \(Shown.policies.joined(separator: ", "))")
            }
            arguments["ttl_config"] = ["policy": .string(ttl)]
        }
        arguments["restore"] = restore.map { .integer(Int64($0)) }
        if !fields.isEmpty {
            var data = JSONObject()
            for field in fields {
                let value = field.drop { $0 != "=" }.dropFirst()
                data[String(field.prefix { $0 != "=" })] = value.isEmpty ? .null : .string(String(value))
            }
            arguments["data"] = .object(data)
        }
        return arguments
    }

    private func say(_ answer: JSONValue) {
        let isChanged = answer["former_version"] != nil
        if json {
            var members = answer["item"]?.objectValue ?? [:]
            members["changed"] = .bool(isChanged)
            print(JSONWriter.text(.object(members)))
        } else {
            let version = answer["version"]?.integerValue ?? 0
            print(isChanged ? "changed; this is version \(version)" : "nothing was changed")
        }
        for note in answer["notes"]?.arrayValue ?? [] { Terminal.note(Terminal.safe(note.stringValue ?? "")) }
        if let reason = answer["degraded_reason"]?.stringValue { Terminal.note("degraded: \(reason)") }
    }

    /// Whether there is a text to take, and not flags alone.
    private var changesText: Bool {
        !text.isEmpty || (kind == nil && tags.isEmpty && ttl == nil && restore == nil && fields.isEmpty)
    }

    /// Puts the new text where the memory has its text: into the content, or into the field of its data that is shown.
    private func addText(_ arguments: inout JSONObject, _ item: JSONValue) throws {
        let field = EditedText(of: item)
        let new: String
        if text == ["-"] {
            new = try TextFile.text(of: Array(FileHandle.standardInput.readDataToEndOfFile()), named: "stdin")
        } else {
            new = text.isEmpty ? try Editor.edited(field.text) : text.joined(separator: " ")
        }
        let trimmed = new.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !trimmed.isEmpty else {
            throw ValidationError("the new text is empty; to delete a memory: cortex delete \(id)")
        }
        guard trimmed != field.text else { return }
        let change = field.change(to: trimmed)
        arguments["content"] = change["content"]
        if let data = change["data"]?.objectValue {
            arguments["data"] = .object(data.merging(arguments["data"]?.objectValue ?? [:]) { $1 })
        }
    }
}

/// Opens the person's editor on a text.
private enum Editor {
    static func edited(_ text: String) throws -> String {
        guard let editor = Environment.current.editor else {
            throw ValidationError("neither VISUAL nor EDITOR is set; set one, or give the text: cortex edit ID TEXT")
        }
        let path = NSTemporaryDirectory() + "cortex-edit-\(UUID().uuidString).md"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        // A leftover in the temporary directory is the person's alone: the process's umask says so.
        defer { try? FileManager.default.removeItem(atPath: path) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // As git does: the editor's name may have arguments.
        process.arguments = ["-c", editor + " \"$@\"", editor, path]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw CommandFailure(
                code: "editor", message: "\(editor) ended with \(process.terminationStatus); nothing was changed")
        }
        return try TextFile.text(at: path, named: "the edited text")
    }
}
