import Dispatch

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A server for the one client that started this process.
package enum StdioServer {
    /// Serves on `streams` until the client leaves or the process is asked to end; the process should then exit with 0.
    ///
    /// Takes SIGTERM and SIGINT for itself. Work that outlives both graces does not keep the process: it is ended here,
    /// with status 0, because the thread pool such work has taken may never give this function its turn to return.
    /// What a store acknowledged is on disk by then.
    package static func serve(
        _ server: ServerDescription, on streams: StandardStreams, limits: MCPLimits = MCPLimits()
    ) async throws(StreamError) {
        let clock = DispatchQueue(label: "mcp.clock")
        let session = ServerSession(
            server: server, limits: limits,
            transport: try StdioTransport(input: streams.input, output: streams.output, limits: limits),
            schedule: { delay, action in clock.asyncAfter(deadline: .now() + delay.dispatchInterval, execute: action) },
            whenAbandoned: { _exit(0) })
        try ShutdownSignals.listen { session.shutDown() }
        _ = await session.run()
    }
}

extension Duration {
    /// The duration in whole microseconds, as Dispatch counts; at most 292 years, which is its limit too.
    var dispatchInterval: DispatchTimeInterval {
        let (seconds, attoseconds) = components
        let whole = max(0, min(seconds, 9_000_000_000))
        return .microseconds(Int(whole * 1_000_000 + attoseconds / 1_000_000_000_000))
    }
}
