/// Names one request on one connection; unlike an id it is never used twice.
package typealias Ticket = UInt64

/// Which requests of a connection are at work, which wait, and what may still be said: a value without I/O.
///
/// Invariants: no more than `limit` requests run; a request waits only while that many run; an id belongs to at most
/// one request that is still owed a reply; after the reply or the cancellation of a ticket nothing is said for it.
package struct ConnectionState: Sendable {
    package enum Admission: Sendable {
        case start(Ticket)
        case wait
        /// The id belongs to a request that is not answered yet.
        case duplicate
    }

    /// A request whose turn has come.
    package struct Turn: Sendable {
        package let ticket: Ticket
        package let work: Work
    }

    private struct Waiting: Sendable {
        let ticket: Ticket
        let id: RequestID
        let work: Work
        let sizeBytes: Int
    }

    private let limits: MCPLimits
    package var handshake: Handshake?
    /// Set when no request comes any more.
    package private(set) var isDraining = false
    /// Set when nothing more is to be said.
    package private(set) var isMute = false
    /// Set when nothing that was said arrives any more.
    private var isCutOff = false
    private var shortestGrace: Duration?
    private var nextTicket: Ticket = 0
    private var running: Set<Ticket> = []
    /// The requests that are owed a reply.
    private var owed: [RequestID: Ticket] = [:]
    private var idOfTicket: [Ticket: RequestID] = [:]
    private var lastProgress: [Ticket: Double] = [:]
    private var waiting: [Waiting] = []
    private var waitingBytes = 0
    private var outgoingBytes = 0
    private var hasWritten = false

    package init(limits: MCPLimits) { self.limits = limits }

    package var runningCount: Int { running.count }
    package var waitingCount: Int { waiting.count }

    /// All work is done and all that was said has left.
    package var isFinished: Bool {
        isDraining && running.isEmpty && waiting.isEmpty && (isCutOff || outgoingBytes == 0)
    }

    /// Nothing more should be read for now.
    package var isFull: Bool {
        guard !isDraining else { return false }
        return waiting.count >= limits.maximumWaitingRequests || waitingBytes >= limits.maximumPendingBytes
            || isBehind
    }

    /// The peer does not take what it is sent.
    package var isBehind: Bool { outgoingBytes >= limits.maximumPendingBytes }

    // MARK: Requests

    package mutating func admit(_ id: RequestID, _ work: Work, sizeBytes: Int) -> Admission {
        guard owed[id] == nil else { return .duplicate }
        let ticket = nextTicket
        nextTicket += 1
        owed[id] = ticket
        idOfTicket[ticket] = id
        guard running.count < limits.maximumConcurrentRequests else {
            waiting.append(Waiting(ticket: ticket, id: id, work: work, sizeBytes: sizeBytes))
            waitingBytes += sizeBytes
            return .wait
        }
        running.insert(ticket)
        return .start(ticket)
    }

    /// Notes that a request's work ended.
    ///
    /// - Returns: whether its reply is to be sent, and whose turn comes next.
    package mutating func finish(_ ticket: Ticket) -> (isOwed: Bool, next: Turn?) {
        running.remove(ticket)
        let isOwed = settle(ticket)
        guard !waiting.isEmpty, running.count < limits.maximumConcurrentRequests else { return (isOwed, nil) }
        let first = waiting.removeFirst()
        waitingBytes -= first.sizeBytes
        running.insert(first.ticket)
        return (isOwed, Turn(ticket: first.ticket, work: first.work))
    }

    /// Settles a request without a reply.
    ///
    /// - Returns: the ticket whose work is to be stopped; nil when the id is unknown, answered or had not begun.
    package mutating func cancel(_ id: RequestID) -> Ticket? {
        guard let ticket = owed[id] else { return nil }
        settle(ticket)
        if let index = waiting.firstIndex(where: { $0.ticket == ticket }) {
            waitingBytes -= waiting.remove(at: index).sizeBytes
            return nil
        }
        return ticket
    }

    /// Whether this progress may be told: it is above the last one and the request is neither answered nor cancelled.
    package mutating func advance(_ ticket: Ticket, to progress: Double) -> Bool {
        guard idOfTicket[ticket] != nil, progress.isFinite, !isBehind, !isMute else { return false }
        if let last = lastProgress[ticket], progress <= last { return false }
        lastProgress[ticket] = progress
        return true
    }

    /// Whether something may still be said for a request.
    package func isOwed(_ ticket: Ticket) -> Bool { idOfTicket[ticket] != nil && !isMute && !isBehind }

    @discardableResult
    private mutating func settle(_ ticket: Ticket) -> Bool {
        lastProgress[ticket] = nil
        guard let id = idOfTicket.removeValue(forKey: ticket) else { return false }
        owed[id] = nil
        return !isMute
    }

    // MARK: Output

    package mutating func willSend(byteCount: Int) { outgoingBytes += byteCount }

    package mutating func didWrite(byteCount: Int) {
        outgoingBytes -= byteCount
        hasWritten = true
    }

    /// Whether the peer took something since this was last asked.
    package mutating func takesOutput() -> Bool {
        defer { hasWritten = false }
        return hasWritten && outgoingBytes > 0
    }

    // MARK: Ending

    /// No request will come; what came may be worked on for `grace`.
    ///
    /// - Returns: whether this is the shortest grace so far, so that it has to be timed.
    package mutating func drain(_ grace: Duration) -> Bool {
        isDraining = true
        if let shortestGrace, shortestGrace <= grace { return false }
        shortestGrace = grace
        return true
    }

    /// Sends nothing more; requests that have not begun are dropped.
    ///
    /// - Parameter isCutOff: what was said before does not arrive either, and is not waited for.
    /// - Returns: the tickets whose work is to be stopped.
    package mutating func silence(isCutOff: Bool) -> Set<Ticket> {
        self.isCutOff = self.isCutOff || isCutOff
        hasWritten = false
        isDraining = true
        isMute = true
        waiting = []
        waitingBytes = 0
        for ticket in Array(idOfTicket.keys) { settle(ticket) }
        return running
    }
}
