import JSON
import VectorEngine

/// Leaves no bytes of what was deleted in the files of a store.
package struct Eraser: Sendable {
    /// Compacts one collection.
    package let compact: @Sendable (_ collection: String) async throws -> CompactionReport
    /// The backups made since a moment (microseconds since 1970), and until when each is kept.
    package let backups: @Sendable (_ since: Int64) async throws -> [(name: String, keptUntil: Int64)]

    package init(
        compact: @escaping @Sendable (String) async throws -> CompactionReport,
        backups: @escaping @Sendable (Int64) async throws -> [(name: String, keptUntil: Int64)]
    ) {
        (self.compact, self.backups) = (compact, backups)
    }
}

/// What an erasure or a compaction did.
package struct ErasureReport: Sendable, Equatable {
    /// A backup that still holds what was erased.
    package struct Backup: Sendable, Equatable {
        package let name: String
        /// Microseconds since 1970.
        package let keptUntil: Int64

        package init(name: String, keptUntil: Int64) { (self.name, self.keptUntil) = (name, keptUntil) }
    }

    /// Memories that were deleted.
    package var deleted = 0
    /// Bytes that went back to the volume.
    package var freedBytes = 0
    /// Whether a shipped log ended: until the next full backup, a restore goes back to full backups only.
    package var endedLog = false
    /// Whether a process that is still reading older pages keeps bytes of them in the write-ahead log.
    package var isIncomplete = false
    package var backups: [Backup] = []

    package var json: JSONObject {
        var members: JSONObject = [
            "deleted": .integer(Int64(deleted)), "freed_bytes": .integer(Int64(freedBytes)),
            "ended_log": .bool(endedLog), "incomplete": .bool(isIncomplete),
        ]
        members["backups"] = .array(
            backups.map {
                ["name": .string($0.name), "kept_until": .string(Timestamp.format($0.keptUntil))]
            })
        return members
    }
}
