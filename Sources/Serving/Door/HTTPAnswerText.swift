import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// An answer as it goes over the wire, head and body in one buffer: one call to the system. The bytes of a file are
/// sent behind it.
enum HTTPAnswerText {
    /// - Parameter isLast: The connection is closed behind it.
    static func bytes(
        _ answer: HTTPAnswer, to head: HTTPRequestHead, isLast: Bool, allocator: ByteBufferAllocator
    ) -> ByteBuffer {
        let hasBody = head.method != .HEAD
        var buffer = allocator.buffer(capacity: headBytes + (hasBody ? answer.body.count : 0))
        buffer.writeString("HTTP/1.1 \(answer.status) \(HTTPResponseStatus(statusCode: answer.status).reasonPhrase)")
        func field(_ name: String, _ value: String) {
            buffer.writeStaticString("\r\n")
            buffer.writeString(name)
            buffer.writeStaticString(": ")
            // A line end in a value would begin a header of somebody else's.
            buffer.writeString(value.utf8.contains { $0 < 0x20 && $0 != 0x09 } ? "" : value)
        }
        field("content-type", answer.contentType)
        field("content-length", String(answer.bodyBytes))
        field("date", HTTPDate.now)
        for (name, value) in answer.headers { field(name, value) }
        if isLast {
            field("connection", "close")
        } else if head.version.major == 1, head.version.minor == 0 {
            field("connection", "keep-alive")
        }
        buffer.writeStaticString("\r\n\r\n")
        if hasBody { buffer.writeBytes(answer.body) }
        return buffer
    }

    /// Room for the head of most answers.
    private static let headBytes = 256
}

/// The time as headers write it (RFC 9110, 5.6.7), made once a second.
enum HTTPDate {
    private static let last = Mutex((second: 0, text: ""))

    static var now: String {
        let second = time(nil)
        return last.withLock { last in
            if last.second != second { last = (second, text(second)) }
            return last.text
        }
    }

    /// `second` counts from 1970.
    static func text(_ second: Int) -> String {
        var (second, parts) = unsafe (second, tm())
        unsafe gmtime_r(&second, &parts)
        let (weekday, day, month, year) = unsafe (parts.tm_wday, parts.tm_mday, parts.tm_mon, parts.tm_year)
        let (hour, minute, seconds) = unsafe (parts.tm_hour, parts.tm_min, parts.tm_sec)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let clock = "\(two(hour)):\(two(minute)):\(two(seconds))"
        return "\(names[Int(weekday)]), \(two(day)) \(months[Int(month)]) \(1900 + year) \(clock) GMT"
    }
}
