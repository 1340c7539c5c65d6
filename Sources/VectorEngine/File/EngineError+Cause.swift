import Files
import Foundation
import GRDB

extension EngineError {
    /// The error of SQLite or the system about the file at `path`, as a code and a remedy.
    package init(wrapping error: any Error, path: String) {
        switch error {
        case let error as EngineError: self = error
        case let error as FileError: self.init(file: error, path: path)
        case let error as DatabaseError
        where Self.refusedOpenings.contains(error.resultCode.primaryResultCode) && OpenFileLimit.isReached:
            self.init(openFiles: path, cause: error)
        case let error as CocoaError where Self.refusals.contains(error.code) && OpenFileLimit.isReached:
            self.init(openFiles: path, cause: error)
        case let error as DatabaseError: self.init(database: error, path: path)
        case let error as POSIXError: self.init(system: error.code, cause: error, path: path)
        case let error as CocoaError where Self.refusals.contains(error.code):
            self.init(.notWritable, "cannot write \(path). \(Self.writableRemedy)", cause: error)
        case let error as CocoaError where error.code == .fileWriteOutOfSpace:
            self.init(
                .diskFull, "cannot write \(path): no space is left. Free some space and repeat the call", cause: error)
        case is CancellationError: self.init(.cancelled, "the call was cancelled", cause: error)
        case is BlobError: self.init(.damaged, "a part of \(path) is damaged", cause: error)
        default: self.init(.outcomeUnknown, "unexpected failure on \(path): \(type(of: error))", cause: error)
        }
    }

    /// Runs `body`, which reads or writes the file at `path`; what it throws becomes an error of the engine.
    package static func wrapping<Result>(_ path: String, _ body: () throws -> Result) throws(EngineError) -> Result {
        do {
            return try body()
        } catch {
            throw EngineError(wrapping: error, path: path)
        }
    }

    /// What SQLite says where it could not open a file; read-only, where that was possible after all at the second try.
    private static let refusedOpenings: [ResultCode] = [.SQLITE_CANTOPEN, .SQLITE_READONLY]

    private static let refusals: Set<CocoaError.Code> = [
        .fileWriteNoPermission, .fileReadNoPermission, .fileWriteVolumeReadOnly, .fileWriteFileExists, .fileNoSuchFile,
        .fileWriteInvalidFileName, .fileWriteUnknown, .fileReadUnknown,
    ]

    private static let writableRemedy =
        "Check the directory's owner and mode and the free space, or choose another with --data"

    private init(file error: FileError, path: String) {
        if error.saysTooManyFiles {
            self.init(openFiles: path, cause: error)
        } else if error.code == .notMade {
            let isFull = error.systemCode == .ENOSPC || error.systemCode == .EDQUOT
            self.init(isFull ? .diskFull : .notWritable, error.message, cause: error)
        } else if let systemCode = error.systemCode {
            self.init(system: systemCode, cause: error, path: path)
        } else {
            self.init(.diskFull, error.message, cause: error)
        }
    }

    init(openFiles path: String, cause error: any Error) {
        self.init(
            .notWritable,
            "cannot open \(path): too many open files; nothing of this call was kept. Raise the limit of the process "
                + "(ulimit -n), delete collections, or close connections, and repeat it", cause: error)
    }

    private init(system code: POSIXErrorCode, cause error: any Error, path: String) {
        let reason = String(cString: strerror(code.rawValue))
        switch code {
        case .ENOSPC, .EDQUOT:
            self.init(.diskFull, "cannot write \(path): \(reason). Free some space and repeat the call", cause: error)
        case .EMFILE, .ENFILE: self.init(openFiles: path, cause: error)
        case .EACCES, .EPERM, .EROFS:
            self.init(.notWritable, "cannot write \(path): \(reason). \(Self.writableRemedy)", cause: error)
        default:
            self.init(
                .outcomeUnknown, "I/O error on \(path): \(reason). Reopen the store to know what was kept",
                cause: error)
        }
    }

    private init(database error: DatabaseError, path: String) {
        let said = error.message ?? "no message"
        switch error.resultCode.primaryResultCode {
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            self.init(.notWritable, "cannot open \(path) for writing (\(said)). \(Self.writableRemedy)", cause: error)
        case .SQLITE_FULL:
            self.init(
                .diskFull,
                "the disk under \(path) is full; nothing of this call was kept. Free some space and repeat the call",
                cause: error)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT:
            self.init(
                .damaged, "\(path) is damaged (\(said)). Run: cortex verify --repair; or restore it from a backup",
                cause: error)
        case .SQLITE_ERROR where said.hasPrefix("no such") || said.contains("malformed"):
            // Our own statements are right for every format, so the file has lost a table or a column.
            self.init(
                .damaged, "\(path) has lost a part of its layout (\(said)). Run: cortex verify --repair", cause: error)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(
                .notWritable,
                "another process has held \(path) for more than \(Int(CollectionFile.busyTimeoutSeconds)) s; "
                    + "nothing of this call was kept. Repeat it",
                cause: error)
        case .SQLITE_TOOBIG:
            self.init(
                .invalidArgument, "a point is larger than the file format can keep; send a smaller one", cause: error)
        case .SQLITE_IOERR:
            self.init(
                .outcomeUnknown, "I/O error on \(path) (\(said)). Reopen the store to know what was kept", cause: error)
        default:
            self.init(.outcomeUnknown, "SQLite refused a statement on \(path) (\(said))", cause: error)
        }
    }
}

extension EngineError.Code {
    /// Whether a write that failed so leaves nothing to be said for the other writes of its transaction: the file or
    /// the volume failed, and not what one caller asked for.
    var endsTransaction: Bool {
        switch self {
        case .notWritable, .diskFull, .outcomeUnknown, .collectionNotFound, .keyRefused, .unsupportedFormat, .closed:
            true
        case .collectionExists, .invalidArgument, .wrongDimension, .notFinite, .unknownVector, .invalidPayload,
            .preconditionFailed, .overloaded, .overtaken, .damaged, .cancelled:
            false
        }
    }
}
