import JSON

/// The server's table in Codex's `config.toml`; everything else in the file keeps its bytes.
///
/// The text is cut where the old values lie, and read again: what comes out must define what was defined before, and
/// the entry. Where it does not, and where the server is written as an inline table, the change is refused.
enum CodexSettings {
    typealias Fault = SettingsText.Fault
    typealias Step = TOMLDocument.Step

    private static let servers: [Step] = [.name("mcp_servers")]
    private static let server = servers + [.name("cortex")]
    private static let command = server + [.name("command")]
    private static let arguments = server + [.name("args")]
    private static let enabled = server + [.name("enabled")]

    /// - Throws: for a text that is not TOML, and where the server is written in a form that is not changed.
    static func text(_ text: String, command: String, arguments: [String]) throws(Fault) -> String {
        let old = try TOMLDocument(Array(text.utf8))
        let oldArguments = old.value(at: Self.arguments).flatMap { old.scanner.texts(at: $0) }
        let arguments = ServerArguments.joined(wanted: arguments, present: oldArguments)
        let oldCommand = old.value(at: Self.command).flatMap { old.scanner.text(at: $0) }
        var wanted: [(path: [Step], name: String, value: String)] = []
        if oldCommand != command { wanted.append((Self.command, "command", JSONWriter.text(.string(command)))) }
        if oldArguments != arguments {
            let list = arguments.map { JSONWriter.text(.string($0)) }.joined(separator: ", ")
            wanted.append((Self.arguments, "args", "[\(list)]"))
        }
        guard !wanted.isEmpty else { return text }
        var edits: [(range: Range<Int>, text: String)] = []
        var missing: [(name: String, value: String)] = []
        for (path, name, value) in wanted {
            if let range = old.value(at: path) {
                edits.append((range, value))
            } else {
                missing.append((name, value))
            }
        }
        if !missing.isEmpty { edits.append(try addition(of: missing, to: old)) }
        var bytes = old.bytes
        for edit in edits.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
            bytes.replaceSubrange(edit.range, with: edit.text.utf8)
        }
        // A text that is no TOML any more is as wrong as one that says something else.
        guard let new = try? TOMLDocument(bytes), others(new) == others(old),
            new.value(at: Self.command).flatMap({ new.scanner.text(at: $0) }) == command,
            new.value(at: Self.arguments).flatMap({ new.scanner.texts(at: $0) }) == arguments
        else { throw Fault(message: "the server is written in a form that cannot be changed here") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether the entry says that the server is not to be started.
    static func isSwitchedOff(_ text: String) throws(Fault) -> Bool {
        let document = try TOMLDocument(Array(text.utf8))
        return document.value(at: enabled).map { Array("false".utf8) == Array(document.bytes[$0]) } ?? false
    }

    /// The lines that are missing, and where: behind the server's header, behind its last dotted key, or at the end.
    private static func addition(
        of missing: [(name: String, value: String)], to document: TOMLDocument
    ) throws(Fault) -> (range: Range<Int>, text: String) {
        let lineEnd = LineEnd(of: document.bytes).text
        let end = document.bytes.count
        func lines(_ prefix: String) -> String {
            missing.map { "\(prefix)\($0.name) = \($0.value)" + lineEnd }.joined()
        }
        /// A last line that does not end gets its end first.
        func opening(_ offset: Int) -> String {
            offset == 0 || document.bytes[offset - 1] == 0x0A ? "" : lineEnd
        }
        if let header = document.header(of: server) {
            return (header.end..<header.end, opening(header.end) + lines(""))
        }
        let inline = document.definitions.first {
            $0.statement.kind == .pair && ($0.path == servers || $0.path == server)
        }
        if let inline {
            throw Fault(
                message: "line \(document.scanner.line(of: inline.statement.key.range.lowerBound)): the server is "
                    + "written as an inline table, which is not changed here; write it as [mcp_servers.cortex]")
        }
        for definition in document.definitions.reversed()
        where definition.statement.kind == .pair && definition.path.starts(with: server) {
            let (key, end) = (definition.statement.key, definition.statement.end)
            // The names of the key that lead to the server; none where the pair is in a table below it.
            let names = key.names.count - (definition.path.count - server.count)
            guard names > 0 else { continue }
            let prefix = String(decoding: document.bytes[key.range.lowerBound..<key.starts[names]], as: UTF8.self)
            return (end..<end, opening(end) + lines(prefix))
        }
        let separator = end == 0 ? "" : opening(end) + lineEnd
        return (end..<end, separator + "[mcp_servers.cortex]" + lineEnd + lines(""))
    }

    /// What a text defines besides the server's command and arguments, in order.
    private static func others(_ document: TOMLDocument) -> [Other] {
        document.definitions.filter { ![server, command, arguments].contains($0.path) }
            .map { Other(path: $0.path, kind: $0.statement.kind, value: Array(document.bytes[$0.statement.value])) }
    }

    private struct Other: Equatable {
        let path: [Step]
        let kind: TOMLScanner.Statement.Kind
        let value: [UInt8]
    }
}
