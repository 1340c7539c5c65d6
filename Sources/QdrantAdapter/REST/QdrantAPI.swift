import Foundation
import JSON
import Serving
import VectorEngine

/// Qdrant's REST API over the embedded store: one call in, one answer out.
package final class QdrantAPI: Sendable {
    /// The release of the API that is spoken; clients compare the first two numbers with their own.
    package static let version = "1.19.0"
    /// Clients show it; forty digits are what they expect.
    static let commit = "0000000000000000000000000000000000000000"

    let catalog: CollectionCatalog
    let access: AccessControl
    let statistics = CallStatistics()
    let snapshots: SnapshotShelf
    let readiness = Readiness()
    let degraded = DegradedAnswers()
    /// When the service began, as it was written then.
    let startup: String
    /// Names this process in telemetry.
    let instanceID = UUID().uuidString.lowercased()

    /// - Parameter withheld: collections of the store that are not served: for callers they are not there, and cannot
    ///   be made.
    package init(store: EmbeddedStore, access: AccessControl, stemmers: Stemmers, withheld: Set<String> = []) {
        catalog = CollectionCatalog(store: store, stemmers: stemmers, withheld: withheld)
        self.access = access
        snapshots = SnapshotShelf(directory: store.directory + "/snapshots")
        startup = Self.timestamp()
    }

    static func timestamp(_ date: Date = Date()) -> String {
        date.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true)) + "Z"
    }

    /// Answers one call; never throws: what goes wrong is an answer too.
    package func respond(_ call: HTTPCall) async -> HTTPAnswer {
        if let answer = Self.liveness(call) { return answer }
        let clock = ContinuousClock()
        let start = clock.now
        let route = Route(call)
        let answer: HTTPAnswer
        do {
            let rights = try await authenticated(call, route)
            let result = try await performed(Request(call: call, route: route, rights: rights))
            answer = Self.answer(result, seconds: Self.seconds(clock.now - start))
        } catch {
            answer = Self.answer(error, route: route, seconds: Self.seconds(clock.now - start))
        }
        // A caller may ask for any name, so names that were not found are not counted.
        let collection = (200..<300).contains(answer.status) ? route.collection : nil
        statistics.note(
            route.template(call.method), collection: collection, status: answer.status,
            seconds: Self.seconds(clock.now - start))
        return answer
    }

    /// Performs a call. A collection may be deleted, and perhaps made again, while a call to it is under way: what
    /// then fails in the store is told as that there is no such collection.
    private func performed(_ request: Request) async throws -> CallResult {
        let name = request.route.collection
        let asked = name.flatMap(catalog.opened)
        do {
            return try await perform(request)
        } catch {
            guard let name, Self.isOwn(error) else { throw error }
            // It was opened for this call, perhaps while it was being deleted: once more, on what there is now.
            if asked == nil { return try await perform(request) }
            throw catalog.opened(name) === asked ? error : QdrantFailure.noCollection(name)
        }
    }

    /// Whether an error is the store's own, not one of the request.
    private static func isOwn(_ error: any Error) -> Bool {
        switch error {
        case let failure as QdrantFailure: failure.status >= 500
        case let known as EngineError: QdrantFailure(known, collection: "").status >= 500
        case is PlainRefusal, is JSONError: false
        default: true
        }
    }

    private static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    }

    private func authenticated(_ call: HTTPCall, _ route: Route) async throws -> AccessRights {
        if route.isPublic { return .all }
        switch access.rights(
            headers: call.headers, nowSeconds: Int64(clamping: Int(saturating: Date().timeIntervalSince1970)))
        {
        case .success(let rights):
            if let condition = rights.mustExist { try await checkExists(condition) }
            return rights
        case .failure(.unauthorized(let text)): throw PlainRefusal(status: 401, text: text)
        case .failure(.forbidden(let text)): throw PlainRefusal(status: 403, text: text)
        }
    }

    /// A token may demand that a point with certain values exists.
    private func checkExists(_ condition: JSONValue) async throws {
        let refusal = PlainRefusal(status: 403, text: "Invalid JWT (stateful validation failed)")
        guard let name = condition["collection"]?.stringValue, let matches = condition["matches"]?.arrayValue,
            try await catalog.exists(name)
        else { throw refusal }
        var filter = Filter()
        for match in matches {
            guard let key = match["key"]?.stringValue, let value = match["value"].flatMap(MatchValue.init(exactly:))
            else { throw refusal }
            filter.must.append(.field(try WirePath.read(key), .anyOf([value])))
        }
        let wanted = filter
        guard try await catalog.collection(name).read({ $0.count(try $0.matches(wanted)) > 0 }) else { throw refusal }
    }

    // MARK: Envelopes

    private static func answer(_ result: CallResult, seconds: Double) -> HTTPAnswer {
        switch result {
        case .plain(let answer): return answer
        case .accepted:
            return HTTPAnswer(status: 202, body: Array("{\"status\":\"accepted\",\"time\":\(seconds)}".utf8))
        case .json(let body):
            var writer = WireWriter()
            writer.raw("{\"result\":")
            writer.raw(body)
            writer.raw(Array(",\"status\":\"ok\",\"time\":\(seconds)}".utf8))
            return HTTPAnswer(body: writer.bytes)
        }
    }

    private static func answer(_ error: any Error, route: Route, seconds: Double) -> HTTPAnswer {
        let failure: QdrantFailure
        switch error {
        case let refusal as PlainRefusal: return .text(refusal.text, status: refusal.status)
        case let known as QdrantFailure: failure = known
        case let known as EngineError: failure = QdrantFailure(known, collection: route.collection ?? "")
        case let known as JSONError:
            failure = .format("\(known)")
        default: failure = .internalError("\(error)")
        }
        let body: JSONValue = ["status": ["error": .string(failure.text)], "time": .number(seconds)]
        var answer = HTTPAnswer(status: failure.status, body: JSONWriter.bytes(body))
        if let wait = failure.retryAfterSeconds { answer.headers.append(("retry-after", String(wait))) }
        return answer
    }
}

/// A refusal at the door: its text alone, not JSON.
struct PlainRefusal: Error {
    let status: Int
    let text: String
}

/// What a route has to say.
enum CallResult: Sendable {
    /// The `result` member, as JSON text.
    case json([UInt8])
    case accepted
    /// An answer without envelope.
    case plain(HTTPAnswer)

    static func value(_ value: JSONValue) -> CallResult { .json(JSONWriter.bytes(value)) }
}
