import Foundation

/// Work that gives way: a thread of its own whose share of a busy processor is small.
///
/// What it runs must hold no lock that others wait for; they would wait for a thread that is seldom on.
enum YieldingThread {
    /// As in nice(1): a tenth of the processor time of what has none, where both want it.
    private static let niceness: Int32 = 10

    /// Runs `body` and waits for it. Threads that `body` starts give way as well.
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
        guard let value = outcome.value else { preconditionFailure("signalled behind the outcome") }
        return try value.get()
    }

    /// Lets whoever waits for this processor go first; to be called every few hundred microseconds.
    ///
    /// Being nice is not enough: a kernel that preempts at its ticks makes a thread that has just been woken wait up to
    /// four milliseconds for the next one, and an answer is made of several such threads.
    static func pause() { sched_yield() }

    /// Like a process's first thread.
    private static let stackBytes = 8 << 20

    /// Written by the thread, read behind the semaphore.
    private final class Outcome<Value>: @unchecked Sendable {
        var value: Swift.Result<Value, any Error>?
    }

    private static func giveWay() {
        #if os(Linux)
            // Of the calling thread alone; where it is refused, the thread is one like the others.
            _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness)
        #else
            Thread.current.qualityOfService = .background
        #endif
    }
}
