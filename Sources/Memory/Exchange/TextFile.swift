import Files
import Foundation
import JSON

/// Reads a file as UTF-8 text, and says of every other file what it is and what to do with it.
package enum TextFile {
    /// Largest file that is read; a memory is no archive.
    static let maximumBytes = 256 << 20

    /// What is at a path.
    package enum Sort: Equatable, Sendable {
        case file, folder
        /// Nothing, or a link to nothing.
        case missing(String)
        /// A pipe, a device or a socket.
        case unreadable(String)
    }

    package static func sort(_ path: String, named name: String) -> Sort {
        do throws(FileFacts.Absence) {
            switch try FileFacts(path).kind {
            case .file: return .file
            case .folder: return .folder
            case .pipe:
                return .unreadable(
                    "\(name) is a named pipe (FIFO), not a file; to store what it gives: cat \(name) | cortex store")
            case .socket: return .unreadable("\(name) is a socket, not a file")
            case .device: return .unreadable("\(name) is a device, not a file")
            }
        } catch {
            switch error {
            case .missing: return .missing("there is no file or folder \(name)")
            case .refused: return .unreadable("cannot read \(name); check the owner and mode of its folder")
            case .loop: return .missing("\(name) is a link that leads to itself")
            case .danglingLink:
                // Only the sentence needs the target.
                let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) ?? "?"
                return .missing("\(name) is a link to \(target), which does not exist")
            }
        }
    }

    /// The text of a file, with line feeds alone between its lines and without a byte order mark.
    ///
    /// - Throws: `invalidArgument` with a sentence that names the file.
    package static func text(at path: String, named name: String) throws(MemoryError) -> String {
        try text(of: bytes(at: path, named: name), named: name)
    }

    /// The text of a file of JSON lines; a line that is not UTF-8 is blank in it and becomes a fault.
    ///
    /// - Throws: `invalidArgument` for a file that cannot be read, or whose first line is no JSON and a later one not
    ///   UTF-8.
    static func jsonLines(
        at path: String, named name: String, faults: inout [TextSource.Fault]
    ) throws(MemoryError) -> String {
        try jsonLines(of: bytes(at: path, named: name), named: name, faults: &faults)
    }

    /// The same of bytes that were read elsewhere.
    static func jsonLines(
        of bytes: [UInt8], named name: String, faults: inout [TextSource.Fault]
    ) throws(MemoryError) -> String {
        guard utf16(bytes) == nil, !bytes.contains(0), String(validating: bytes, as: UTF8.self) == nil else {
            return try text(of: bytes, named: name)
        }
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) }
        var found: [TextSource.Fault] = []
        for i in lines.indices where String(validating: lines[i], as: UTF8.self) == nil {
            lines[i] = []
            found.append(
                TextSource.Fault(
                    file: name, line: i + 1,
                    reason: "is not UTF-8 text; it looks like Latin-1, which iconv -f LATIN1 -t UTF-8 converts"))
        }
        // A JSON value over several lines cannot lose one of them.
        let first = lines.first { line in !line.allSatisfy { $0 == 0x20 || $0 == 0x0D || $0 == 0x09 } }
        guard let first, (try? JSONParser.parse(first)) != nil else {  // only whether it is JSON matters
            return try text(of: bytes, named: name)
        }
        faults += found
        return try text(of: Array(lines.joined(separator: [0x0A])), named: name)
    }

    private static func bytes(at path: String, named name: String) throws(MemoryError) -> [UInt8] {
        switch sort(path, named: name) {
        case .missing(let sentence), .unreadable(let sentence): throw MemoryError(.invalidArgument, sentence)
        case .folder: throw MemoryError(.invalidArgument, "\(name) is a folder; a file was expected")
        case .file: break
        }
        // What cannot be asked cannot be read either, which is told below.
        if let size = try? FileFacts(path).sizeBytes, size > maximumBytes {
            throw MemoryError(.invalidArgument, "\(name) has \(size) bytes; files up to \(maximumBytes) are read")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw MemoryError(.invalidArgument, "cannot read \(name); check its owner and mode")
        }
        return Array(data)
    }

    /// The text of bytes that were read elsewhere.
    package static func text(of bytes: [UInt8], named name: String) throws(MemoryError) -> String {
        if let encoding = utf16(bytes) {
            throw MemoryError(
                .invalidArgument,
                "\(name) is UTF-16 text; UTF-8 is read. Convert it: iconv -f \(encoding) -t UTF-8 '\(name)'")
        }
        // What is behind a zero byte is not for people.
        if bytes.contains(0) { throw MemoryError(.invalidArgument, "\(name) is a binary file, not text") }
        let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
        guard let text = String(validating: body, as: UTF8.self) else {
            throw MemoryError(.invalidArgument, notUTF8(body, named: name))
        }
        // A carriage return with its line feed is one Character, which no search for a line feed finds.
        return text.contains("\r\n") ? text.replacing("\r\n", with: "\n") : text
    }

    /// The name that iconv has for the bytes; nil when they are not UTF-16.
    private static func utf16(_ bytes: [UInt8]) -> String? {
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) { return "UTF-16" }
        // Without a mark: Latin text has a zero in every second byte.
        let head = bytes.prefix(512)
        guard head.count >= 8, head.count.isMultiple(of: 2) else { return nil }
        let zeros = head.enumerated().filter { $0.element == 0 }
        let odd = zeros.count { !$0.offset.isMultiple(of: 2) }
        let half = head.count / 2
        if odd * 10 >= half * 9, zeros.count == odd { return "UTF-16LE" }
        if (zeros.count - odd) * 10 >= half * 9, odd == 0 { return "UTF-16BE" }
        return nil
    }

    private static func notUTF8(_ bytes: [UInt8], named name: String) -> String {
        var line = 1
        for text in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            if String(validating: text, as: UTF8.self) == nil { break }
            line += 1
        }
        return
            "\(name) is not UTF-8 text: line \(line) looks like Latin-1. Convert it: iconv -f LATIN1 -t UTF-8 '\(name)'"
    }
}
