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
            back (see: cortex versions ID). Exit code 0 also when nothing was changed, which is said.
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
            guard let item = try await house.memory.get([id]).first else {
                throw CommandFailure(
                    code: "E2000", message: "there is no memory \(id); cortex list shows those there are")
            }
            var update = MemoryUpdate(id)
            try addText(&update, .object(item))
            if let kind {
                guard let known = MemoryKind(rawValue: kind) else {
                    throw ValidationError("there is no kind \(kind); there are: \(Shown.kinds.joined(separator: ", "))")
                }
                update.kind = known
            }
            if !tags.isEmpty { update.tags = .array(tags.map { .string($0) }) }
            if let ttl {
                guard Shown.policies.contains(ttl) else {
                    throw ValidationError("--ttl is one of \(Shown.policies.joined(separator: ", "))")
                }
                update.expiry = .policy(ttl)
            }
            if let restore { update.restore = Int64(restore) }
            for field in fields {
                let value = field.drop { $0 != "=" }.dropFirst()
                var data = update.data ?? [:]
                data[String(field.prefix { $0 != "=" })] = value.isEmpty ? .null : .string(String(value))
                update.data = data
            }
            say(try await house.memory.update(update))
        }
    }

    private func say(_ updated: UpdatedMemory) {
        if json {
            var members = updated.json()
            members["changed"] = .bool(updated.isChanged)
            return print(JSONWriter.text(.object(members)))
        }
        print(updated.isChanged ? "changed; this is version \(updated.version)" : "nothing was changed")
        if let reason = updated.degradedReason { Terminal.note("degraded: \(reason)") }
    }

    /// Puts the new text where the memory has its text: into the content, or into the field of its data that is shown.
    private func addText(_ update: inout MemoryUpdate, _ item: JSONValue) throws {
        let isOnlyFlags = kind != nil || !tags.isEmpty || ttl != nil || restore != nil || !fields.isEmpty
        if text.isEmpty, isOnlyFlags { return }
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
        update.content = change["content"]?.stringValue
        update.data = change["data"]?.objectValue
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
