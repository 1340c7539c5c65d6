import Foundation

/// What the file system refused, or what would leave it without its reserve.
///
/// Messages name paths and sizes, never the content of a file.
package struct FileError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The volume would be left with less than its reserve; nothing was written.
        case reserveReached
        /// A file could not be made, or not be opened for writing; nothing was written.
        case notMade
        /// A system call failed; `systemCode` says why.
        case refused
    }

    package let code: Code
    /// What happened and what to do about it.
    package let message: String
    /// nil where no system call failed.
    package let systemCode: POSIXErrorCode?

    package init(_ code: Code, _ message: String, systemCode: POSIXErrorCode? = nil) {
        self.code = code
        self.message = message
        self.systemCode = systemCode
    }

    /// - Parameter number: what `errno` held directly after the call.
    package init(errno number: Int32, path: String) {
        let systemCode = POSIXErrorCode(rawValue: number) ?? .EIO
        self.init(
            .refused,
            "cannot write \(path): \(Self.reason(systemCode)). Check its owner and mode and "
                + "the free space",
            systemCode: systemCode)
    }

    /// Whether the process, or the system, has no room for one more open file.
    package var saysTooManyFiles: Bool { systemCode == .EMFILE || systemCode == .ENFILE }

    /// The system's own words for a code.
    static func reason(_ code: POSIXErrorCode) -> String { unsafe String(cString: strerror(code.rawValue)) }

    package var description: String { message }
}
