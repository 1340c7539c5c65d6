import Foundation
import NIOCore

/// Why an address cannot be listened on.
package struct DoorError: Error, Sendable, CustomStringConvertible {
    /// Whether another program has the port.
    package let isBusy: Bool
    /// What happened and what to do about it.
    package let message: String

    init(_ error: any Error, host: String, port: Int) {
        let code = (error as? IOError)?.errnoCode
        isBusy = code == EADDRINUSE
        message =
            switch code {
            case EADDRINUSE:
                "port \(port) of \(host) is in use by another program; end that, or choose another port"
            case EACCES: "port \(port) of \(host) is kept for root; choose a port from 1024 on"
            case EADDRNOTAVAIL: "\(host) is no address of this machine; choose another with --host"
            default: "port \(port) of \(host) cannot be listened on: \(error)"
            }
    }

    package var description: String { message }
}
