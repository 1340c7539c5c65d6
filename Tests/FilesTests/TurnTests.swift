import Files
import Synchronization
import Testing

@Suite("Taking turns")
struct TurnTests {
    @Test("A bucket gives as many tokens as it holds, then says how long the next one takes")
    func bucket() {
        var bucket = TokenBucket(most: 2, at: 0)
        let waits = [0, 0, 0, 500_000, 1_000_000].map { bucket.take(perMinute: 60, most: 2, at: $0) }
        #expect(waits == [nil, nil, 1, 0.5, nil])
    }

    @Test("A bucket never holds more than its most, and a clock that goes back or leaps gives nothing false")
    func extremes() {
        var bucket = TokenBucket(most: 3, at: 0)
        for now in [Int64.max, 0, .min, -1, .max] {
            bucket.fill(perMinute: 60, most: 3, at: now)
            #expect(bucket.tokens == 3)
        }
        let wait = bucket.take(perMinute: 60, most: 3, at: .min)
        #expect(wait == nil)
        #expect(bucket.tokens == 2)
        #expect(bucket.filledAt == .max)
    }

    @Test("One task is inside a gate at a time, and one that fails lets the next one in")
    func gate() async throws {
        let gate = SerialGate()
        let visits = Visits()
        await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    try await gate.pass {
                        let count = visits.enter()
                        #expect(count == 1)
                        await Task.yield()
                        visits.leave(number)
                        if number % 7 == 0 { throw CancellationError() }
                    }
                }
            }
            while let result = await group.nextResult() {
                if case .failure(let error) = result { #expect(error is CancellationError) }
            }
        }
        #expect(visits.left.sorted() == Array(0..<50))
    }

    @Test("The steady clock never goes back")
    func steady() {
        let times = (0..<1_000).map { _ in SteadyClock.microseconds() }
        #expect(times == times.sorted())
        #expect(SteadyClock.seconds() >= 0)
    }
}

/// Counts who is inside, and notes who has left.
final class Visits: Sendable {
    private let state = Mutex((inside: 0, left: [Int]()))

    /// How many are inside now.
    func enter() -> Int {
        state.withLock { state in
            state.inside += 1
            return state.inside
        }
    }

    func leave(_ number: Int) {
        state.withLock { state in
            state.inside -= 1
            state.left.append(number)
        }
    }

    var left: [Int] { state.withLock { $0.left } }
}
