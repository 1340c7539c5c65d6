import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// A listener that hands every request to one closure, body and all.
package struct HTTPDoor: Sendable {
    package let host: String
    /// 0 lets the system choose; `opened` says which it was.
    package let port: Int
    /// Largest body, in bytes; a larger one is refused with 413.
    package var bodyLimitBytes = ServingLimits.bodyBytes

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Serves until SIGTERM, SIGINT or the task's cancellation; `opened` is told the port once connections are taken.
    ///
    /// - Throws: when the address cannot be listened on.
    package func serve(
        opened: @escaping @Sendable (Int) -> Void, _ answer: @escaping @Sendable (HTTPCall) async -> HTTPAnswer
    ) async throws {
        let limit = bodyLimitBytes
        var logger = Logger(label: "cortex.http")
        logger.logLevel = .error
        let responder = CallbackResponder<BasicRequestContext> { request, _ in
            guard let call = try await Self.call(request, limit: limit) else {
                return Self.response(
                    .text("Payload reached size limit.", status: 413))
            }
            return Self.response(await answer(call))
        }
        let application = Application(
            responder: responder,
            configuration: ApplicationConfiguration(address: .hostname(host, port: port), reuseAddress: true),
            onServerRunning: { channel in opened(channel.localAddress?.port ?? 0) }, logger: logger)
        try await application.runService()
    }

    /// nil when the body is larger than `limit`.
    private static func call(_ request: Request, limit: Int) async throws -> HTTPCall? {
        var body: [UInt8] = []
        if let declared = request.headers[.contentLength].flatMap({ Int($0) }) {
            guard declared <= limit else { return nil }
            body.reserveCapacity(declared)
        }
        for try await part in request.body {
            guard body.count + part.readableBytes <= limit else { return nil }
            body.append(contentsOf: part.readableBytesView)
        }
        var query: [String: String] = [:]
        for (name, value) in request.uri.queryParameters { query[String(name)] = String(value) }
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        let path = request.uri.path.split(separator: "/").map { part in
            part.utf8.contains(UInt8(ascii: "%")) ? part.removingPercentEncoding ?? String(part) : String(part)
        }
        return HTTPCall(
            method: request.method.rawValue, path: path, query: query, headers: headers, body: body)
    }

    private static func response(_ answer: HTTPAnswer) -> Response {
        var headers: HTTPFields = [.contentType: answer.contentType]
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        return Response(
            status: HTTPResponse.Status(code: answer.status), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }
}
