import Serving
import Synchronization
import Testing

@Suite("A body that is handed on while it arrives")
struct HTTPBodyStreamTests {
    private struct Broken: Error {}

    @Test("From its limit on no more is to be offered, until enough has been taken")
    func bounds() async throws {
        let resumed = Mutex(0)
        let stream = HTTPBodyStream(limitBytes: 10) { resumed.withLock { $0 += 1 } }
        #expect(stream.offer([UInt8](repeating: 1, count: 9)))
        #expect(!stream.offer([2]))
        #expect(!stream.offer([3]))
        #expect(try await stream.next() == [UInt8](repeating: 1, count: 9) + [2, 3])
        #expect(resumed.withLock { $0 } == 1)
        #expect(stream.offer([4]))
        #expect(try await stream.next() == [4])
        #expect(resumed.withLock { $0 } == 1)
        stream.end()
        #expect(try await stream.next() == nil)
        #expect(try await stream.next() == nil)
    }

    @Test("Bytes that came one by one are taken together")
    func tinyParts() async throws {
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
        let stream = HTTPBodyStream(limitBytes: bytes.count + 1)
        for byte in bytes { #expect(stream.offer([byte])) }
        stream.end()
        #expect(try await stream.next() == bytes)
        #expect(try await stream.next() == nil)
    }

    @Test("Who waits is given the next part, the end or the error")
    func waiting() async throws {
        for end in [0, 1, 2] {
            let stream = HTTPBodyStream(limitBytes: 1)
            let next = Task { try await stream.next() }
            switch end {
            case 0:
                _ = stream.offer([7])
                #expect(try await next.value == [7])
            case 1:
                stream.end()
                #expect(try await next.value == nil)
            default:
                stream.end(Broken())
                await #expect(throws: Broken.self) { try await next.value }
            }
        }
    }

    @Test("What was offered before the end is still taken, and nothing after it; an error takes all away")
    func ends() async throws {
        let whole = HTTPBodyStream(limitBytes: 10)
        #expect(whole.offer([1]) && whole.offer([]))
        whole.end()
        whole.end(Broken())
        #expect(whole.offer([2]))
        #expect(try await whole.next() == [1])
        #expect(try await whole.next() == nil)
        let broken = HTTPBodyStream(limitBytes: 10)
        #expect(broken.offer([1]))
        broken.end(Broken())
        await #expect(throws: Broken.self) { try await broken.next() }
    }
}
