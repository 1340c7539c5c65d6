import Synchronization

/// A request's body that is handed on while it arrives. One side offers parts, the other takes what has come since it
/// took last, as one part; what is offered and not yet taken is bounded as long as the first side stops when it is told
/// to. However small the parts are, each byte is copied once.
package final class HTTPBodyStream: Sendable {
    /// The connection ended, or the server does, before the whole body had come.
    package struct CutOff: Error {
        package init() {}
    }

    private struct State {
        /// What was offered and not yet taken.
        var held: [UInt8] = []
        var isPaused = false
        /// Set once: the body is whole, or will never be.
        var end: Result<Void, any Error>?
        var waiting: CheckedContinuation<[UInt8]?, any Error>?
    }

    private let state = Mutex(State())
    private let limitBytes: Int
    private let resume: @Sendable () -> Void

    /// - Parameters:
    ///   - limitBytes: from so many bytes on, the side that offers is told to stop.
    ///   - resume: called when it may go on.
    package init(limitBytes: Int = ServingLimits.heldUploadBytes, resume: @escaping @Sendable () -> Void = {}) {
        self.limitBytes = limitBytes
        self.resume = resume
    }

    /// - Returns: whether more may be offered before `resume` is called.
    package func offer(_ part: [UInt8]) -> Bool {
        let (taker, goesOn) = state.withLock { state -> (CheckedContinuation<[UInt8]?, any Error>?, Bool) in
            guard state.end == nil, !part.isEmpty else { return (nil, true) }
            if let waiting = state.waiting {
                state.waiting = nil
                return (waiting, true)
            }
            if state.held.isEmpty { state.held = part } else { state.held.append(contentsOf: part) }
            state.isPaused = state.held.count >= limitBytes
            return (nil, !state.isPaused)
        }
        taker?.resume(returning: part)
        return goesOn
    }

    /// Ends the body; what was offered before is still taken, unless it ends by an error.
    package func end(_ error: (any Error)? = nil) {
        let taker = state.withLock { state -> CheckedContinuation<[UInt8]?, any Error>? in
            guard state.end == nil else { return nil }
            state.end = error.map { .failure($0) } ?? .success(())
            if error != nil { state.held = [] }
            defer { state.waiting = nil }
            return state.waiting
        }
        if let error { taker?.resume(throwing: error) } else { taker?.resume(returning: nil) }
    }

    /// What has come since the last call, or nil behind the end. One caller at a time.
    ///
    /// - Throws: what the body was ended by, `CutOff` for a connection that broke.
    package func next() async throws -> [UInt8]? {
        try await withCheckedThrowingContinuation { continuation in
            enum Outcome {
                case part([UInt8], resumes: Bool)
                case end(Result<Void, any Error>)
                case later
            }
            let outcome = state.withLock { state -> Outcome in
                if !state.held.isEmpty {
                    defer { (state.held, state.isPaused) = ([], false) }
                    return .part(state.held, resumes: state.isPaused)
                }
                if let end = state.end { return .end(end) }
                state.waiting = continuation
                return .later
            }
            switch outcome {
            case .part(let part, let resumes):
                if resumes { resume() }
                continuation.resume(returning: part)
            case .end(let end): continuation.resume(with: end.map { nil })
            case .later: break
            }
        }
    }
}
