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

    /// Files that a failed opening may have closed again by now: as many as a collection has open.
    private static let closedMeanwhile = 16

    /// Whether the process, or the system, had no room for one more file a moment ago. SQLite and Foundation do not
    /// say so themselves when it is why they could not open one.
    ///
    /// It is asked after a failure that may have closed a few files, so that there is room again.
    package static var isReached: Bool {
        let file = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return errno == EMFILE || errno == ENFILE }
        close(file)
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { return false }
        do {
            let count = try FileManager.default.contentsOfDirectory(atPath: "/dev/fd").count
            return count >= Int(clamping: limit.rlim_cur) - closedMeanwhile
        } catch {
            // A system that does not list them; there is room for one file at least.
            return false
        }
    }
}
