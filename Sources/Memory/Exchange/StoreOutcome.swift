import JSON
import VectorEngine

/// What became of the items of several calls of `memory_store`, as a shell reports it.
package struct StoreOutcome: Sendable {
    /// An item that was not stored.
    package struct Refusal: Sendable {
        /// Its place among all items, from 0 on.
        package let index: Int
        package let error: JSONObject

        package var message: String {
            let text = error["message"]?.stringValue ?? "was refused"
            let path = (error["field"]?.stringValue ?? "").drop { $0 != "]" }.dropFirst().drop { $0 == "." }
            return path.isEmpty ? text : "\(path): \(text)"
        }
    }

    /// A stored memory that a new one resembles, or contradicts.
    package struct Neighbour: Sendable {
        package let id: String
        package let text: String

        package init(id: String, text: String) {
            self.id = id
            self.text = text
        }
    }

    /// The ids of a bulk import would be the bulk of its output.
    package static let shownIDs = 100
    /// Similar and contradicted memories that are named to a person, of each: many lines of one file resemble one
    /// another.
    private static let shownNeighbours = 3

    /// By the names that the tool's summary has.
    package private(set) var counts: [String: Int64] = [:]
    package private(set) var ids: [String] = []
    package private(set) var similar: [Neighbour] = []
    package private(set) var contradicted: [Neighbour] = []
    package private(set) var expiries: [String] = []
    package private(set) var warnings: [String] = []
    package private(set) var refusals: [Refusal] = []
    package private(set) var degradedReason: String?

    package init() {}

    package var isWhole: Bool { refusals.isEmpty }
    package var changesSomething: Bool { ["stored", "updated", "merged"].contains { (counts[$0] ?? 0) > 0 } }

    /// - Parameters:
    ///   - places: which of all items each item of the call was.
    ///   - begin: when the call began, in microseconds since 1970. An item that is older was stored by an earlier call
    ///     with the same key, whose answer came again.
    package mutating func add(_ result: JSONValue, places: [Int], since begin: Int64) {
        for item in result["items"]?.arrayValue ?? [] {
            let place = item["input_index"]?.integerValue.flatMap { Int(exactly: $0) }.flatMap {
                places.indices.contains($0) ? places[$0] : nil
            }
            if let id = (item["id"] ?? item["existing_id"])?.stringValue { ids.append(id) }
            for neighbour in item["similar"]?.arrayValue ?? [] {
                guard let id = neighbour["id"]?.stringValue else { continue }
                similar.append(Neighbour(id: id, text: neighbour["text"]?.stringValue ?? ""))
            }
            if let end = item["expires_at"]?.stringValue { expiries.append(end) }
            warnings += (item["warnings"]?.arrayValue ?? []).compactMap(\.stringValue)
            if let error = item["error"]?.objectValue { refusals.append(Refusal(index: place ?? 0, error: error)) }
            count(item, since: begin)
        }
        for one in result["autonomous_context"]?["contradictions"]?.arrayValue ?? [] {
            guard let id = one["memory_id"]?.stringValue else { continue }
            contradicted.append(Neighbour(id: id, text: (one["type"]?.stringValue ?? "").replacing("_", with: " ")))
        }
        degradedReason = result["meta"]?["degraded_reason"]?.stringValue ?? degradedReason
    }

    private static let names = [
        "stored": "stored", "updated": "updated", "merged": "merged", "skipped_dedupe": "skipped",
        "business_rule_blocked": "blocked", "validation_error": "failed",
    ]

    private mutating func count(_ item: JSONValue, since begin: Int64) {
        counts["total", default: 0] += 1
        var name = item["status"]?.stringValue.flatMap { Self.names[$0] } ?? "failed"
        // An id begins with the milliseconds of its making (UUIDv7).
        let made = item["id"]?.stringValue.flatMap { UUIDBytes($0) }.map { Int64(clamping: $0.high >> 16) }
        if name == "stored", let made, made < begin / 1000 { name = "skipped" }
        counts[name, default: 0] += 1
        if !(item["similar"]?.arrayValue ?? []).isEmpty { counts["similar", default: 0] += 1 }
    }

    /// An item that the tool did not even take.
    package mutating func refuse(_ error: MemoryError, at place: Int) {
        counts["total", default: 0] += 1
        counts["failed", default: 0] += 1
        refusals.append(Refusal(index: place, error: error.json(correlationID: nil).objectValue ?? [:]))
    }

    package var json: JSONObject {
        var members: JSONObject = [:]
        for name in ["total", "stored", "updated", "merged", "similar", "skipped", "blocked", "failed"] {
            members[name] = .integer(counts[name] ?? 0)
        }
        if ids.count <= Self.shownIDs { members["ids"] = .array(ids.map { .string($0) }) }
        if !similar.isEmpty {
            members["similar_to"] = .array(similar.map { ["id": .string($0.id), "text": .string($0.text)] })
        }
        if !contradicted.isEmpty { members["contradicts"] = .array(contradicted.map { .string($0.id) }) }
        if !expiries.isEmpty { members["expires_at"] = .array(expiries.prefix(Self.shownIDs).map { .string($0) }) }
        if !refusals.isEmpty {
            members["refused"] = .array(
                refusals.map { ["item": .integer(Int64($0.index)), "error": .object($0.error)] })
        }
        members["degraded_reason"] = degradedReason.map { .string($0) }
        return members
    }

    private static let shownNames = [
        "stored", "updated", "merged", "retired", "skipped", "unchanged", "blocked", "failed",
    ]

    /// `2 stored, 1 updated, 1 similar to memory://…`.
    package static func sentence(_ counts: [String: Int64], similar: [Neighbour]) -> String {
        var parts = shownNames.compactMap { name in
            counts[name].flatMap { $0 > 0 ? "\($0) \(name)" : nil }
        }
        if let count = counts["similar"], count > 0 {
            parts.append(similar.count == 1 ? "\(count) similar to memory://\(similar[0].id)" : "\(count) similar")
        }
        return parts.isEmpty ? "nothing stored" : parts.joined(separator: ", ")
    }

    /// What a person reads on standard output, line by line.
    package var lines: [String] {
        var lines = [Self.sentence(counts, similar: similar)]
        if counts["total"] == 1, let id = ids.first { lines.append("memory://\(id)") }
        if let line = Self.sentence(ofEnds: expiries) { lines.append(line) }
        return lines
    }

    /// When the first of these ends, and how many there are; nil where nothing ends.
    package static func sentence(ofEnds ends: [String]) -> String? {
        guard let first = ends.min() else { return nil }
        return ends.count == 1 ? "expires at \(first)" : "\(ends.count) expire, the first at \(first)"
    }

    /// What a person should look at, line by line, what was refused first: on standard error.
    package var notes: [String] { refused + remarks }

    /// Every item that was refused, by its place.
    package var refused: [String] { refusals.map { "item \($0.index + 1): \($0.message)" } }

    /// What is to be known of the items that were kept.
    package var remarks: [String] {
        var remarks = Self.first(similar) { "similar to memory://\($0.id): \($0.text)" }
        if !similar.isEmpty {
            remarks.append("both are kept; to put a new text in the place of one: cortex edit ID TEXT")
        }
        remarks += Self.first(contradicted) {
            "contradicts memory://\($0.id)" + ($0.text.isEmpty ? "" : " (\($0.text))")
        }
        if let degradedReason { remarks.append("degraded: \(degradedReason)") }
        return remarks
    }

    /// A line for each of the first few, and how many more there are.
    private static func first(_ neighbours: [Neighbour], _ line: (Neighbour) -> String) -> [String] {
        let more = neighbours.count - shownNeighbours
        return neighbours.prefix(shownNeighbours).map(line) + (more > 0 ? ["and \(more) more; --json lists them"] : [])
    }
}
