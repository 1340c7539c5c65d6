import JSON
import VectorEngine

/// A checked call of `memory_update`: what is nil stays as it is.
package struct MemoryUpdate: Sendable {
    package let id: UUIDBytes
    package var content: String?
    /// Merged into the stored data; a null removes a field, at every depth (RFC 7396).
    package var data: JSONObject?
    /// Merged like ``data``.
    package var metadata: JSONObject?
    /// Takes the place of the stored tags.
    package var tags: JSONValue?
    package var scope: MemoryScope?
    package var kind: MemoryKind?
    package var expiry: ExpiryChoice?
    var renewal: ExpiryExtension?
    /// The number of the version whose text, data, metadata, tags, scope and kind come back.
    package var restore: Int64?
    /// The number of the version that the caller has read; another one is refused.
    package var expectedVersion: Int64?

    package init(_ id: UUIDBytes) { self.id = id }

    /// Reads arguments that the contract has checked: the members of `memory_update`.
    package init?(checked arguments: JSONObject) {
        guard let id = arguments["id"]?.stringValue.flatMap({ UUIDBytes($0) }) else { return nil }
        self.id = id
        content = arguments["content"]?.stringValue
        data = arguments["data"]?.objectValue
        metadata = arguments["metadata"]?.objectValue
        tags = arguments["tags"]
        scope = arguments["scope"].map { MemoryScope($0.objectValue) }
        kind = arguments["kind"]?.stringValue.flatMap(MemoryKind.init(rawValue:))
        expiry = ExpiryChoice(arguments["ttl_config"]?.objectValue)
        renewal = ExpiryExtension(arguments["ttl_config"]?.objectValue)
        restore = arguments["restore"]?.integerValue
        expectedVersion = arguments["expected_version"]?.integerValue
    }
}

/// What an update did.
package struct UpdatedMemory: Sendable {
    let record: MemoryRecord
    /// The number of the version that holds now.
    package let version: Int64
    /// Whether anything was changed; where not, no version was kept.
    package let isChanged: Bool
    /// Why it was stored without vectors; nil when it was not.
    package let degradedReason: String?

    package var id: UUIDBytes { record.id }

    /// The memory as it is now, with its version's number.
    package func json() -> JSONObject {
        var members = record.json()
        members["version"] = .integer(version)
        return members
    }
}
