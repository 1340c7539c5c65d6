import Foundation
import NIOCore
import NIOPosix

/// A file as the body of an answer: it is read in parts, each when the client has taken the part before.
///
/// It is open from the beginning, so that it may lose its name while it is sent.
package final class HTTPFile: Sendable {
    package let byteCount: Int
    private let handle: FileHandle

    /// - Throws: what the system says of a file that cannot be read.
    package init(path: String) throws {
        handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        byteCount = Int(clamping: try handle.seekToEnd())
        try handle.seek(toOffset: 0)
    }

    /// The next bytes, read on a thread that may block; none at the file's end.
    func next(on loop: any EventLoop) -> EventLoopFuture<ByteBuffer> {
        NIOThreadPool.singleton.runIfActive(eventLoop: loop) { [handle] in
            ByteBuffer(bytes: try handle.read(upToCount: ServingLimits.filePartBytes) ?? Data())
        }
    }
}
