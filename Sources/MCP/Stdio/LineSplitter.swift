/// Cuts a stream of bytes into lines, in memory that does not grow beyond the longest line allowed.
///
/// A line ends at `\n`; a `\r` before it belongs to the end. Lines of nothing but spaces and tabs are passed over. Of a
/// line that is too long nothing is kept: it is reported once, when it is known to be too long, and its rest
/// is dropped.
/// Cutting at the byte `\n` never cuts a character, since UTF-8 uses that byte for nothing else.
package struct LineSplitter {
    package enum Line: Equatable, Sendable {
        case text([UInt8])
        case tooLong
    }

    private let maximumBytes: Int
    private var partial: [UInt8] = []
    private var isDropping = false

    /// - Parameter maximumBytes: longest line, without its end.
    package init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    /// Bytes kept of a line that has not ended yet.
    package var pendingBytes: Int { partial.count }

    /// Takes the next bytes and hands over the lines that they end.
    package mutating func take(_ bytes: [UInt8], _ emit: (Line) -> Void) {
        unsafe bytes.withUnsafeBytes { unsafe take($0, emit) }
    }

    /// Takes the next bytes and hands over the lines that they end.
    package mutating func take(_ bytes: UnsafeRawBufferPointer, _ emit: (Line) -> Void) {
        var start = 0
        while start < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[start...])
            guard let length = unsafe rest.firstIndex(of: UInt8(ascii: "\n")) else {
                unsafe append(rest, emit)
                return
            }
            unsafe append(UnsafeRawBufferPointer(rebasing: rest[..<length]), emit)
            endLine(emit)
            start += length + 1
        }
    }

    /// Ends the stream: a last line without its end is a line.
    package mutating func finish(_ emit: (Line) -> Void) { endLine(emit) }

    private mutating func append(_ bytes: UnsafeRawBufferPointer, _ emit: (Line) -> Void) {
        guard !isDropping else { return }
        // One byte more than the limit is kept until it is known whether it is a carriage return.
        guard partial.count + bytes.count <= maximumBytes + 1 else {
            isDropping = true
            partial = []
            emit(.tooLong)
            return
        }
        unsafe partial.append(contentsOf: bytes)
    }

    private mutating func endLine(_ emit: (Line) -> Void) {
        defer {
            partial = []
            isDropping = false
        }
        guard !isDropping else { return }
        if partial.last == UInt8(ascii: "\r") { partial.removeLast() }
        guard partial.count <= maximumBytes else { return emit(.tooLong) }
        let isBlank = partial.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        if !isBlank { emit(.text(partial)) }
    }
}
