/// Every limit of the protocol room, with its default.
package struct MCPLimits: Sendable {
    /// Longest message a peer may send, in bytes without the line's end; a longer one is thrown away as it arrives.
    package var maximumMessageBytes = 16 << 20
    /// Requests at work at the same time; further ones wait in order.
    package var maximumConcurrentRequests = 64
    /// Requests that may wait; beyond that the transport is not read until one begins.
    package var maximumWaitingRequests = 1_024
    /// Bytes of waiting requests, and of replies the peer has not taken yet, beyond which the transport is not read.
    package var maximumPendingBytes = 64 << 20
    /// How long what was read may be worked on once the input has ended. A script that pipes its requests in wants all
    /// its answers; a client that waits for the process sends a signal before this is over.
    package var endOfInputGrace = Duration.seconds(5)
    /// How long it may be worked on once the process was asked to end; clients kill it after two seconds.
    package var terminationGrace = Duration.seconds(1)
    /// How long cancelled work may take to notice, and a peer to take some of its answers, before the process leaves
    /// without them.
    package var abandonGrace = Duration.milliseconds(250)
    /// Tools on one page of `tools/list`.
    package var toolsPerPage = 100
    /// Resources that one `subscriptions/listen` may name.
    package var maximumSubscriptions = 1_000
    /// Values in one answer to `completion/complete`; the protocol allows no more than 100.
    package var maximumCompletionValues = 100
    /// How long a client may keep what does not change while the process lives: tools, templates, capabilities.
    package var constantTimeToLive = Duration.seconds(3_600)

    package init() {}
}
