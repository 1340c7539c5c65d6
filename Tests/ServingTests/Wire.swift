import Dispatch
import Foundation

/// A client's end of a connection, byte by byte: what a test sends is what arrives.
final class Wire: Sendable {
    private let descriptor: Int32

    struct Failure: Error {
        let what: String
        let number = errno
    }

    /// Seconds after which a silent door fails the test instead of holding it up.
    private static let patienceSeconds = 20

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(what: "socket") }
        var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let code = withUnsafeBytes(of: &address) {
            connect(
                descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                socklen_t(MemoryLayout<sockaddr_in>.size))
        }
        guard code == 0 else { throw Failure(what: "connect") }
    }

    deinit { close(descriptor) }

    func send(_ text: String) async throws {
        try await Self.blocking { [descriptor] in
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, 0x4000) }
                guard count > 0 else { throw Failure(what: "send") }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// Everything until `end` has come `times`, or (nil) until the door closes the connection.
    func received(until end: String?, times: Int = 1) async throws -> String {
        try await Self.blocking { [descriptor] in
            var text: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let soFar = String(decoding: text, as: UTF8.self)
                if let end, soFar.components(separatedBy: end).count > times { return soFar }
                let count = recv(descriptor, &buffer, buffer.count, 0)
                guard count >= 0 else { throw Failure(what: "recv after \(soFar)") }
                if count == 0 {
                    guard end == nil else { throw Failure(what: "closed after \(soFar)") }
                    return soFar
                }
                text += buffer[..<count]
            }
        }
    }

    /// Reads so many bytes and throws them away.
    func skip(_ count: Int) async throws {
        try await Self.blocking { [descriptor] in
            var rest = count
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while rest > 0 {
                let got = recv(descriptor, &buffer, min(rest, buffer.count), 0)
                guard got > 0 else { throw Failure(what: "recv with \(rest) to come") }
                rest -= got
            }
        }
    }

    /// Returns when the door has closed the connection, whether or not it had read what was sent.
    func ended() async throws {
        do {
            _ = try await received(until: nil)
        } catch let failure as Failure where failure.number == ECONNRESET {
            // The door had not read everything.
        }
    }

    /// Off Swift's own threads, which the door may need.
    private static func blocking<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Swift.Result(catching: body)) }
        }
    }
}
