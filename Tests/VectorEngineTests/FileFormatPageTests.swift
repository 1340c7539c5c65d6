import Foundation
import GRDB
import TestSupport
import Testing
import VectorEngine

/// docs/file-format.md, compared with a collection that this program makes.
@Suite struct FileFormatPageTests {
    private static func page() throws -> String {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent("docs/file-format.md"), encoding: .utf8)
    }

    /// The lines of the page from `heading` to the next heading.
    private static func section(_ heading: String) throws -> [Substring] {
        let lines = try page().split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0.hasPrefix("#") && $0.hasSuffix(" " + heading) })
        return lines[(start + 1)...].prefix { !$0.hasPrefix("#") }
    }

    /// The columns of each table in the page's block: `name(column TYPE, …, PRIMARY KEY(…))`.
    private static func tables() throws -> [String: [String]] {
        // A table may take two lines; the second one is indented more.
        let block = try section("Tables").filter { $0.hasPrefix("    ") }.joined(separator: "\n")
            .replacingOccurrences(of: "\n                ", with: " ").split(separator: "\n")
        var tables: [String: [String]] = [:]
        for line in block {
            guard let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")") else { continue }
            let name = line[..<open].trimmingCharacters(in: .whitespaces)
            let inner = line[line.index(after: open)..<close].components(separatedBy: ", PRIMARY KEY(")[0]
            tables[name] = inner.split(separator: ",").compactMap { $0.split(separator: " ").first.map(String.init) }
        }
        return tables
    }

    /// A collection's file with one point, read by SQLite alone.
    private func withFile<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws -> Result {
        let scratch = ScratchDirectory()
        let store = try EmbeddedStore(directory: scratch.path)
        try await store.createCollection("c", schema: CollectionSchema(dense: ["": DenseVectorSchema(dimension: 2)]))
        try await store.upsert([Point(id: .number(1), vectors: PointVectors(dense: ["": [1, 0]]))], in: "c")
        try await store.close()
        let queue = try DatabaseQueue(path: scratch.path + "/c.collection.sqlite")
        defer { withExtendedLifetime(scratch) {} }
        return try await queue.read { db in try body(db) }
    }

    @Test("The page has every table of a collection's file, with its columns")
    func tablesAreDescribed() async throws {
        let found = try await withFile { db in
            let names = try String.fetchAll(
                db, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            return try Dictionary(
                uniqueKeysWithValues: names.map { name in (name, try db.columns(in: name).map(\.name)) })
        }
        #expect(found.count > 5)
        #expect(found == (try Self.tables()))
    }

    @Test("The page has every fact of a new collection, and its format")
    func factsAreDescribed() async throws {
        let (keys, format) = try await withFile { db in
            (
                try String.fetchAll(db, sql: "SELECT key FROM meta"),
                try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
            )
        }
        let facts = try Self.section("Facts in `meta`").joined(separator: "\n")
        #expect(keys.count > 5)
        for key in keys { #expect(facts.contains("`\(key)`"), "\(key)") }
        #expect(
            try Self.page().contains("| `user_version` (byte 60 of the file, big-endian) | the format: \(format) |"))
    }
}
