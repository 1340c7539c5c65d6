import Foundation

/// Work that gives way to other threads: a thread of its own with a small share of a busy processor.
///
/// The work must not hold a lock for which others wait; they would wait for a thread that seldom runs.
enum YieldingThread {
    /// A nice(1) value: a tenth of the processor time of a thread without one, if both want the processor.
    private static let niceness: Int32 = 10

    /// Runs `body` and waits for it. Threads that `body` starts give way too.
    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
        let outcome = Outcome<Result>()
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            giveWay()
            outcome.value = Swift.Result(catching: body)
            done.signal()
        }
        thread.stackSize = stackBytes
        thread.start()
        done.wait()
        guard let value = outcome.value else {
            preconditionFailure("the semaphore was signalled before the result was set")
        }
        return try value.get()
    }

    /// Lets threads that wait for this processor run first; to be called every few hundred microseconds.
    ///
    /// A nice value is not enough: a kernel that preempts at its ticks makes a thread that was just woken wait up to
    /// four milliseconds for the next tick, and an answer needs several such threads.
    static func pause() { sched_yield() }

    /// The size of a process's first thread.
    private static let stackBytes = 8 << 20

    /// Written by the thread, and read after the semaphore.
    private final class Outcome<Value>: @unchecked Sendable {
        var value: Swift.Result<Value, any Error>?
    }

    private static func giveWay() {
        #if os(Linux)
            // Applies only to the calling thread; if it is refused, the thread is an ordinary one.
            _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness)
        #else
            Thread.current.qualityOfService = .background
        #endif
    }
}
