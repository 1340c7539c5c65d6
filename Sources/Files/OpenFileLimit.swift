import Foundation

/// How many files and connections this process may have open at a time.
package enum OpenFileLimit {
    private static var resource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }

    /// Raises the limit as far as the system lets this process. A collection has about ten files open.
    ///
    /// - Returns: the limit that holds now.
    @discardableResult
    package static func raise() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { return unknownLimit }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        if unsafe setrlimit(resource, &limit) != 0 { limit.rlim_cur = before }
        return Int(clamping: limit.rlim_cur)
    }

    /// What POSIX promises at the least where the system does not say.
    private static let unknownLimit = 20

    /// Whether the process, or the system, has no room for one more file. SQLite and Foundation do not say so
    /// themselves when it is why they could not open one.
    package static var isReached: Bool {
        let file = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return errno == EMFILE || errno == ENFILE }
        close(file)
        return false
    }
}
