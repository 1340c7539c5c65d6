import JSON
import MCP
import TestSupport
import Testing

@Suite struct ConnectionStateTests {
    private static let work = Work(progressToken: nil) { _ in .error(nil, RPCError(.internalError, "never run")) }

    private func limits(concurrent: Int) -> MCPLimits {
        var limits = MCPLimits()
        limits.maximumConcurrentRequests = concurrent
        return limits
    }

    /// A model in plain arrays beside the state, driven by the same random steps.
    @Test(arguments: 0..<30 as Range<UInt64>)
    func itAgreesWithAPlainQueueThroughAnySeriesOfSteps(seed: UInt64) {
        var generator = SplitMix(seed: seed)
        let limit = Int.random(in: 1...4, using: &generator)
        var state = ConnectionState(limits: limits(concurrent: limit))
        var running: [(ticket: Ticket, id: Int64, isOwed: Bool)] = []
        var waiting: [Int64] = []
        for _ in 0..<300 {
            let id = Int64.random(in: 0..<8, using: &generator)
            let isOwed = waiting.contains(id) || running.contains { $0.id == id && $0.isOwed }
            switch Int.random(in: 0..<3, using: &generator) {
            case 0:
                switch state.admit(.integer(id), Self.work, sizeBytes: 1) {
                case .duplicate: #expect(isOwed, "seed \(seed)")
                case .start(let ticket):
                    #expect(!isOwed && running.count < limit && waiting.isEmpty, "seed \(seed)")
                    running.append((ticket, id, true))
                case .wait:
                    #expect(!isOwed && running.count == limit, "seed \(seed)")
                    waiting.append(id)
                }
            case 1:
                let ticket = state.cancel(.integer(id))
                let index = running.firstIndex { $0.id == id && $0.isOwed }
                #expect(ticket == index.map { running[$0].ticket }, "seed \(seed)")
                if let index { running[index].isOwed = false }
                waiting.removeAll { $0 == id }
            default:
                guard let entry = running.randomElement(using: &generator) else { continue }
                running.removeAll { $0.ticket == entry.ticket }
                let (wasOwed, next) = state.finish(entry.ticket)
                #expect(wasOwed == entry.isOwed, "seed \(seed)")
                #expect((next == nil) == waiting.isEmpty, "seed \(seed)")
                if let next { running.append((next.ticket, waiting.removeFirst(), true)) }
            }
            #expect(state.runningCount == running.count && state.waitingCount == waiting.count, "seed \(seed)")
        }
    }

    @Test func itIsFinishedWhenNothingRunsWaitsOrIsStillToLeave() {
        var state = ConnectionState(limits: limits(concurrent: 1))
        #expect(!state.isFinished)
        guard case .start(let ticket) = state.admit(.integer(1), Self.work, sizeBytes: 1) else {
            Issue.record("the first request must begin")
            return
        }
        let timed = [5, 5, 9, 1, 5, 1].map { state.drain(.seconds($0)) }
        #expect(timed == [true, false, false, true, false, false])
        #expect(!state.isFinished)
        state.willSend(byteCount: 10)
        _ = state.finish(ticket)
        #expect(!state.isFinished)
        state.didWrite(byteCount: 10)
        #expect(state.isFinished)
    }

    @Test func afterSilenceNothingIsOwedAndNothingWaits() {
        var state = ConnectionState(limits: limits(concurrent: 1))
        guard case .start(let ticket) = state.admit(.integer(1), Self.work, sizeBytes: 1) else {
            Issue.record("the first request must begin")
            return
        }
        _ = state.admit(.integer(2), Self.work, sizeBytes: 1)
        let stopped = state.silence(isCutOff: false)
        #expect(stopped == [ticket])
        #expect(state.waitingCount == 0)
        #expect(!state.isFinished)
        let (isOwed, next) = state.finish(ticket)
        #expect(!isOwed && next == nil)
        #expect(state.isFinished)
    }

    @Test func whatWasSaidBeforeSilenceStillLeavesUnlessThePeerIsCutOff() {
        var state = ConnectionState(limits: limits(concurrent: 1))
        state.willSend(byteCount: 10)
        _ = state.silence(isCutOff: false)
        #expect(!state.isFinished)
        let nothingTaken = state.takesOutput()
        state.didWrite(byteCount: 4)
        let (someTaken, nothingMore) = (state.takesOutput(), state.takesOutput())
        #expect(!nothingTaken && someTaken && !nothingMore)
        #expect(!state.isFinished)
        _ = state.silence(isCutOff: true)
        #expect(state.isFinished)
    }

    @Test(arguments: [(0, false), (1, false), (2, true), (3, true)])
    func itIsFullAtTheLimitOfWaitingRequests(waiting: Int, isFull: Bool) {
        var limits = limits(concurrent: 1)
        limits.maximumWaitingRequests = 2
        var state = ConnectionState(limits: limits)
        for id in 0...waiting { _ = state.admit(.integer(Int64(id)), Self.work, sizeBytes: 1) }
        #expect(state.isFull == isFull)
    }

    @Test func itIsFullAtTheLimitOfBytesThatWaitOrAreStillToLeave() {
        var limits = limits(concurrent: 1)
        limits.maximumPendingBytes = 100
        var state = ConnectionState(limits: limits)
        _ = state.admit(.integer(0), Self.work, sizeBytes: 1_000)
        _ = state.admit(.integer(1), Self.work, sizeBytes: 99)
        #expect(!state.isFull)
        _ = state.admit(.integer(2), Self.work, sizeBytes: 1)
        #expect(state.isFull)
        _ = state.cancel(.integer(2))
        #expect(!state.isFull)
        state.willSend(byteCount: 100)
        #expect(state.isFull)
        state.didWrite(byteCount: 1)
        #expect(!state.isFull)
    }
}
