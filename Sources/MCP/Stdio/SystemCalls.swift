#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What a system call for standard streams can say.
package struct StreamError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Which call failed, for which purpose.
    package let operation: String
    /// The `errno` it left.
    package let code: Int32

    package var description: String { "\(operation) failed: \(unsafe String(cString: strerror(code)))" }

    /// Passes a call's result on, or throws what it left in `errno`.
    static func check(_ operation: String, _ result: Int32) throws(StreamError) -> Int32 {
        guard result >= 0 else { throw StreamError(operation: operation, code: errno) }
        return result
    }
}

/// A pipe that wakes a thread out of `poll`; closed with its last owner.
final class WakePipe: Sendable {
    let readEnd: Int32
    private let writeEnd: Int32

    init() throws(StreamError) {
        var ends: [Int32] = [-1, -1]
        _ = unsafe try StreamError.check("making a pipe", pipe(&ends))
        readEnd = ends[0]
        writeEnd = ends[1]
        for end in ends {
            _ = try StreamError.check("marking a pipe", fcntl(end, F_SETFD, FD_CLOEXEC))
            _ = try StreamError.check("marking a pipe", fcntl(end, F_SETFL, O_NONBLOCK))
        }
    }

    /// May be called from a signal handler, and with the pipe full: one byte that waits is enough.
    func wake() { FileDescriptor.poke(writeEnd) }

    /// The descriptor to write to, for a signal handler that can hold no object.
    var signalEnd: Int32 { writeEnd }

    deinit {
        close(readEnd)
        close(writeEnd)
    }
}

/// Reads and writes on bare descriptors, with their interruptions dealt with.
enum FileDescriptor {
    enum ReadOutcome {
        case bytes(Int)
        case end
        case woken
    }

    /// Writes one byte and does not care whether it fit. Async-signal-safe.
    static func poke(_ descriptor: Int32) {
        var byte: UInt8 = 1
        _ = unsafe write(descriptor, &byte, 1)
    }

    /// Waits for bytes, or for `waker`, and reads the bytes that have arrived.
    ///
    /// An error of the descriptor counts as its end: a peer that cannot be read has left.
    static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, waker: Int32) -> ReadOutcome {
        while true {
            var waits = [
                pollfd(fd: waker, events: Int16(POLLIN), revents: 0),
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            ]
            guard unsafe poll(&waits, 2, -1) >= 0 else {
                if errno == EINTR || errno == EAGAIN { continue }
                return .end
            }
            if waits[0].revents != 0 { return .woken }
            guard waits[1].revents != 0 else { continue }
            #if canImport(Darwin)
                let count = Darwin.read(descriptor, buffer.baseAddress, buffer.count)
            #elseif canImport(Musl)
                let count = Musl.read(descriptor, buffer.baseAddress, buffer.count)
            #else
                let count = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            #endif
            if count > 0 { return .bytes(count) }
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            return .end
        }
    }

    /// Writes all of `bytes`, waiting as long as the peer takes.
    ///
    /// - Returns: false when they cannot arrive any more.
    static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        unsafe bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = unsafe write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
                if count >= 0 {
                    written += count
                } else if errno == EAGAIN {
                    var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = unsafe poll(&wait, 1, -1)
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
    }
}
