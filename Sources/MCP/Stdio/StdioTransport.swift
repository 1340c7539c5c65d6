import Dispatch
import Synchronization

/// Messages as lines over two descriptors: one message a line, UTF-8, flushed at once.
///
/// Reading happens on a thread of its own, in blocking calls, and so does writing: neither takes a thread from the
/// pool that the work runs on, and a peer that does not read delays nothing but its own answers.
package final class StdioTransport: Transport {
    /// A closure under the mutex needs a struct around it: as the mutex's bare value it would be wrapped in one more
    /// thunk each time it is looked at.
    private struct Receiver: Sendable {
        let receive: @Sendable (TransportEvent) -> Void
    }

    /// Bytes asked for in one read.
    private static let readBytes = 64 << 10

    private let input: Int32
    private let output: Int32
    private let maximumMessageBytes: Int
    private let stop: WakePipe
    private let reader = DispatchQueue(label: "mcp.stdio.reader")
    private let writer = DispatchQueue(label: "mcp.stdio.writer")
    private let receiver = Mutex<Receiver?>(nil)
    private let isOutputClosed = Atomic<Bool>(false)

    /// Serves the two descriptors, which stay their owner's.
    package init(input: Int32, output: Int32, limits: MCPLimits) throws(StreamError) {
        self.input = input
        self.output = output
        maximumMessageBytes = limits.maximumMessageBytes
        stop = try WakePipe()
    }

    package func start(_ receive: @escaping @Sendable (TransportEvent) -> Void) {
        receiver.withLock { $0 = Receiver(receive: receive) }
        reader.async { [self] in readLines(receive) }
    }

    package func send(_ message: [UInt8]) {
        writer.async { [self] in
            guard !isOutputClosed.load(ordering: .relaxed) else { return }
            let receive = receiver.withLock { $0 }?.receive
            if FileDescriptor.writeAll(output, message + [UInt8(ascii: "\n")]) {
                receive?(.written(byteCount: message.count))
            } else {
                isOutputClosed.store(true, ordering: .relaxed)
                receive?(.outputClosed)
            }
        }
    }

    package func stopReceiving() { stop.wake() }

    private func readLines(_ receive: @escaping @Sendable (TransportEvent) -> Void) {
        var splitter = LineSplitter(maximumBytes: maximumMessageBytes)
        let emit: (LineSplitter.Line) -> Void = { line in
            switch line {
            case .text(let text): receive(.message(text))
            case .tooLong: receive(.oversized)
            }
        }
        var buffer = [UInt8](repeating: 0, count: Self.readBytes)
        reading: while true {
            let outcome = unsafe buffer.withUnsafeMutableBytes {
                unsafe FileDescriptor.read(input, into: $0, waker: stop.readEnd)
            }
            switch outcome {
            case .bytes(let count):
                unsafe buffer.withUnsafeBytes {
                    unsafe splitter.take(UnsafeRawBufferPointer(rebasing: $0[..<count]), emit)
                }
            case .end:
                splitter.finish(emit)
                break reading
            case .woken: break reading
            }
        }
        receive(.endOfInput)
    }
}
