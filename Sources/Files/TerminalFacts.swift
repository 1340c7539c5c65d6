import Foundation

/// Standard output as a terminal.
package enum TerminalFacts {
    /// Columns; nil where standard output is no terminal.
    package static var columns: Int? {
        var size = winsize()
        guard isatty(STDOUT_FILENO) == 1, unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0
        else { return nil }
        return Int(size.ws_col)
    }

    /// Writes out what was printed and still waits: a pipe would get it only at the end.
    package static func flush() { fflush(nil) }
}
