import Dispatch
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// SIGTERM and SIGINT as calls of a closure: the handler writes a byte into a pipe, a thread waits at its other end.
package enum ShutdownSignals {
    /// Where the handler writes; -1 before anyone listens. A handler can hold nothing but globals.
    private static let signalEnd = Atomic<Int32>(-1)

    /// Calls `action` at the first of the signals; the second one ends the process at once, as it would have by itself.
    ///
    /// Listens until the process ends. To be called once.
    package static func listen(_ action: @escaping @Sendable () -> Void) throws(StreamError) {
        let pipe = try WakePipe()
        signalEnd.store(pipe.signalEnd, ordering: .sequentiallyConsistent)
        DispatchQueue(label: "mcp.signals").async {
            var byte = [UInt8](repeating: 0, count: 1)
            let outcome = unsafe byte.withUnsafeMutableBytes { buffer in
                // Nothing but the handler wakes this thread: the pipe is its own input, and no descriptor its waker.
                unsafe FileDescriptor.read(pipe.readEnd, into: buffer, waker: -1)
            }
            for number in [SIGTERM, SIGINT] { _ = signal(number, SIG_DFL) }
            if case .bytes = outcome { action() }
            // Keeps the pipe open for a handler that is still running.
            _ = unsafe Unmanaged.passRetained(pipe)
        }
        for number in [SIGTERM, SIGINT] {
            _ = signal(number) { _ in
                let kept = errno
                FileDescriptor.poke(ShutdownSignals.signalEnd.load(ordering: .relaxed))
                errno = kept
            }
        }
    }
}
