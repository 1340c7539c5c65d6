import Foundation

/// Takes a form (RFC 7578) apart while it arrives, holding no more of it than a boundary or the head of a part.
///
///     preamble  --boundary CRLF  head CRLF CRLF  bytes  CRLF --boundary CRLF  …  CRLF --boundary--  epilogue
///
/// A boundary begins a line (RFC 2046, 5.1.1), so the form is read as if a line's end came before it.
package struct MultipartReader {
    package enum Event: Sendable, Equatable {
        /// A part begins; its name, where it has one.
        case begin(name: String?)
        case bytes(Data)
        /// The part is whole.
        case end
    }

    /// Why a form cannot be read.
    package struct Malformed: Error, Equatable {
        package let reason: String

        package init(reason: String) { self.reason = reason }
    }

    private enum State {
        case preamble, boundaryEnd, head, content, epilogue
    }

    private let delimiter: Data
    private var state = State.preamble
    private var pending = Data("\r\n".utf8)
    private static let lineEnd = Data("\r\n".utf8)
    private static let headEnd = Data("\r\n\r\n".utf8)

    /// - Parameter contentType: the header with the boundary.
    /// - Throws: `Malformed` when it is not that of a form.
    package init(contentType: String) throws(Malformed) {
        guard contentType.lowercased().hasPrefix("multipart/form-data"),
            let boundary = Self.parameter("boundary", of: contentType), (1...70).contains(boundary.utf8.count),
            boundary.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else { throw Malformed(reason: "content-type is not multipart/form-data with a boundary") }
        delimiter = Data("\r\n--\(boundary)".utf8)
    }

    /// Takes the next bytes and says what they hold, in order.
    package mutating func take(_ bytes: [UInt8], _ body: (Event) throws -> Void) throws {
        pending.append(contentsOf: bytes)
        while try step(body) {}
    }

    /// - Throws: `Malformed` when the form has not come whole.
    package func finish() throws(Malformed) {
        guard case .epilogue = state else { throw Malformed(reason: "the form ends before its last boundary") }
    }

    /// - Returns: whether there is more to do with what is pending.
    private mutating func step(_ body: (Event) throws -> Void) throws -> Bool {
        switch state {
        case .preamble:
            guard let found = pending.range(of: delimiter) else {
                keepTail()
                return false
            }
            drop(to: found.upperBound)
            state = .boundaryEnd
            return true
        case .boundaryEnd: return try stepBoundaryEnd()
        case .head:
            guard let (head, end) = wholeHead() else {
                guard pending.count <= ServingLimits.partHeadBytes else {
                    throw Malformed(reason: "the head of a part is too long")
                }
                return false
            }
            try body(.begin(name: Self.name(ofPart: head)))
            drop(to: end)
            state = .content
            return true
        case .content:
            guard let found = pending.range(of: delimiter) else {
                // The last bytes that have arrived may begin a boundary.
                let sure = pending.count - delimiter.count
                guard sure > 0 else { return false }
                try body(.bytes(pending.prefix(sure)))
                keepTail()
                return false
            }
            if found.lowerBound > pending.startIndex { try body(.bytes(pending[..<found.lowerBound])) }
            try body(.end)
            drop(to: found.upperBound)
            state = .boundaryEnd
            return true
        case .epilogue:
            pending = Data()
            return false
        }
    }

    /// Behind a boundary: two hyphens behind the last one, else spaces and the line's end.
    private mutating func stepBoundaryEnd() throws -> Bool {
        guard pending.count >= 2 else { return false }
        if pending.starts(with: "--".utf8) {
            state = .epilogue
            return true
        }
        guard let found = pending.range(of: Self.lineEnd) else {
            guard pending.count <= ServingLimits.partHeadBytes else {
                throw Malformed(reason: "a boundary has no end")
            }
            return false
        }
        guard pending[..<found.lowerBound].allSatisfy({ $0 == 0x20 || $0 == 0x09 }) else {
            throw Malformed(reason: "a boundary has no end")
        }
        drop(to: found.upperBound)
        state = .head
        return true
    }

    /// The head of a part, which may be empty, and where its content begins.
    private func wholeHead() -> (Data, Data.Index)? {
        if pending.starts(with: Self.lineEnd) { return (Data(), pending.startIndex + Self.lineEnd.count) }
        guard let found = pending.range(of: Self.headEnd) else { return nil }
        return (pending[..<found.lowerBound], found.upperBound)
    }

    private mutating func drop(to index: Data.Index) { pending = Data(pending[index...]) }

    /// Keeps what may be the beginning of a boundary.
    private mutating func keepTail() { pending = Data(pending.suffix(delimiter.count)) }

    // MARK: Heads

    private static func name(ofPart head: Data) -> String? {
        for line in String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n") {
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == "content-disposition" else {
                continue
            }
            return parameter("name", of: String(line[line.index(after: colon)...]))
        }
        return nil
    }

    /// The value of `name` among the parameters of a header (RFC 9110, 5.6.6); a quoted one without its quotes.
    private static func parameter(_ name: String, of header: String) -> String? {
        var rest = header.utf8.drop { $0 != UInt8(ascii: ";") }
        while rest.first == UInt8(ascii: ";") {
            rest = rest.dropFirst().drop { $0 == 0x20 || $0 == 0x09 }
            let key = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }
            rest = rest.dropFirst(key.count)
            guard rest.first == UInt8(ascii: "=") else { continue }
            rest = rest.dropFirst()
            var value: [UInt8] = []
            if rest.first == UInt8(ascii: "\"") {
                rest = rest.dropFirst()
                while let byte = rest.first, byte != UInt8(ascii: "\"") {
                    if byte == UInt8(ascii: "\\") { rest = rest.dropFirst() }
                    if let byte = rest.first { value.append(byte) }
                    rest = rest.dropFirst()
                }
                rest = rest.dropFirst()
            } else {
                value = Array(rest.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 && $0 != 0x09 })
            }
            rest = rest.drop { $0 != UInt8(ascii: ";") }
            if String(Substring(key)).lowercased() == name { return String(decoding: value, as: UTF8.self) }
        }
        return nil
    }
}
