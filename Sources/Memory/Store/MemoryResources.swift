import JSON
import VectorEngine

/// Memories as MCP resources: `memory://{id}`, read as JSON.
package struct MemoryResources: Sendable {
    /// One memory in a list.
    package struct Entry: Sendable, Equatable {
        /// `memory://` and the id.
        package let uri: String
        package let name: String
        package let title: String
        package let mimeType: String
    }

    /// One memory's text.
    package struct Contents: Sendable, Equatable {
        package let entry: Entry
        package let text: String
    }

    /// A page of a list; `next` is the cursor of the page after it.
    package struct Page: Sendable, Equatable {
        package let entries: [Entry]
        package let next: String?
        /// Why memories may be missing here or on another page; nil when none are known to be damaged.
        package let degradedReason: String?
    }

    package static let scheme = "memory://"
    package static let uriTemplate = "memory://{id}"
    private static let pageSize = 100

    private let store: MemoryStore

    package init(_ store: MemoryStore) { self.store = store }

    /// Living memories, oldest first.
    ///
    /// - Parameter cursor: The `next` of the page before; nil for the first.
    /// - Throws: `invalidArgument` for a cursor that no page gave.
    package func list(cursor: String? = nil) async throws(MemoryError) -> Page {
        let start = try cursor.map { cursor throws(MemoryError) in
            guard let id = UUIDBytes(cursor) else {
                throw MemoryError(.invalidArgument, "no page gave this cursor; start without one", field: "cursor")
            }
            return PointID.uuid(id)
        }
        return try await store.mapped {
            _ = try await store.home.ready()
            let request = try ScrollRequest(
                filter: Narrowing().memories(now: store.clock.time()), limit: Self.pageSize, startAt: start)
            let page = try await store.points.readablePage(request, in: store.collection)
            return Page(
                entries: try page.points.map { Self.entry(try MemoryRecord($0)) }, next: page.next?.description,
                degradedReason: try await store.damageNote())
        }
    }

    /// The memory that `uri` names.
    ///
    /// - Throws: `notFound` when there is none, or `uri` is not of the form `memory://{id}`.
    package func read(_ uri: String) async throws(MemoryError) -> Contents {
        let id = uri.hasPrefix(Self.scheme) ? UUIDBytes(String(uri.dropFirst(Self.scheme.count))) : nil
        let record = try await store.mapped { try await store.records([id].compactMap { $0 }).first }
        guard let record else {
            throw MemoryError(.notFound, "there is no such memory; its address is memory:// and its id", field: "uri")
        }
        return Contents(entry: Self.entry(record), text: JSONWriter.text(.object(record.json())))
    }

    private static func entry(_ record: MemoryRecord) -> Entry {
        Entry(
            uri: scheme + record.id.description, name: "\(record.kind.rawValue) \(record.id)",
            title: record.displayTitle, mimeType: "application/json")
    }
}
