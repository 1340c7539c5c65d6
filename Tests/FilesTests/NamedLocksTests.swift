import Files
import Testing

@Suite("Locks by name")
struct NamedLocksTests {
    @Test("A name that is held keeps no other name waiting, and nothing is left of a name that nobody uses")
    func names() throws {
        let locks = NamedLocks()
        let value = locks.withLock("a") { locks.withLock("b") { locks.count } }
        #expect(value == 2)
        #expect(locks.count == 0)
        #expect(throws: CancellationError.self) { try locks.withLock("a") { throw CancellationError() } }
        #expect(locks.count == 0)
    }

    @Test("One caller at a time works under a name")
    func oneAtATime() async {
        let locks = NamedLocks()
        let visits = Visits()
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    locks.withLock("a") {
                        let count = visits.enter()
                        visits.leave(count)
                        return count
                    }
                }
            }
            for await count in group { #expect(count == 1) }
        }
        #expect(locks.count == 0)
    }
}
