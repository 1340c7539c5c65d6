#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The two ends that belong to the protocol, moved where nothing else in the process can find them.
///
/// Whatever a library prints to standard output lands on standard error, and whatever reads standard input, a child
/// process for example, finds it empty.
package struct StandardStreams: Sendable {
    package let input: Int32
    package let output: Int32

    /// Takes descriptors 0 and 1 for the protocol, once, before anything is printed or any child is started.
    ///
    /// Also ignores SIGPIPE, so that a peer that left shows as a failed write, and lets writes to a full standard error
    /// fail instead of waiting.
    ///
    /// - Throws: when standard input or output is closed, or descriptors run out.
    package static func take() throws(StreamError) -> StandardStreams {
        _ = signal(SIGPIPE, SIG_IGN)
        let input = try StreamError.check("keeping standard input", fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3))
        let output = try StreamError.check("keeping standard output", fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3))
        let empty = unsafe try StreamError.check("opening /dev/null", open("/dev/null", O_RDWR | O_CLOEXEC))
        defer { close(empty) }
        _ = try StreamError.check("emptying standard input", dup2(empty, STDIN_FILENO))
        if fcntl(STDERR_FILENO, F_GETFD) < 0 {
            _ = try StreamError.check("giving standard error a place", dup2(empty, STDERR_FILENO))
        }
        keepStandardErrorFromBlocking()
        _ = try StreamError.check("redirecting standard output", dup2(STDERR_FILENO, STDOUT_FILENO))
        return StandardStreams(input: input, output: output)
    }

    /// Lets a full pipe drop what is written to it.
    ///
    /// The flag belongs to the open file, which other processes may share: a pipe is therefore opened again where the
    /// system can do that; a socket pair has no other owner. Terminals and files are left as they are.
    private static func keepStandardErrorFromBlocking() {
        var status = stat()
        guard unsafe fstat(STDERR_FILENO, &status) == 0 else { return }
        switch status.st_mode & S_IFMT {
        case S_IFIFO:
            let own = unsafe open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            if own >= 0 {
                dup2(own, STDERR_FILENO)
                close(own)
            } else {
                setNonBlocking(STDERR_FILENO)
            }
        case S_IFSOCK: setNonBlocking(STDERR_FILENO)
        default: break
        }
    }

    private static func setNonBlocking(_ descriptor: Int32) {
        let flags = fcntl(descriptor, F_GETFL)
        if flags >= 0 { _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) }
    }
}
