import VectorEngine

/// Erasing: a deleted memory leaves no bytes in the files (docs/durability.md says what it costs).
extension MemoryStore {
    /// Deletes memories with their versions, and leaves no bytes of them (nor of anything that was deleted before) in
    /// the file, its log and the shipped log.
    ///
    /// - Returns: also the backups that still hold them.
    /// - Throws: `denied`, deleting nothing, when one is a section tagged approved; `unavailable` where the store
    ///   cannot erase.
    package func erase(_ ids: [UUIDBytes]) async throws(MemoryError) -> ErasureReport {
        let eraser = try requiredEraser()
        return try await mapped {
            _ = try await self.home.ready()
            return try await self.gate.pass {
                let oldest = try await self.oldest(ids)
                let deleted = try await self.deleteChecked(ids.map { .uuid($0) })
                var report = try await self.compacted(eraser)
                report.deleted = deleted
                if let oldest {
                    report.backups = try await eraser.backups(oldest).map {
                        ErasureReport.Backup(name: $0.name, keptUntil: $0.keptUntil)
                    }
                }
                return report
            }
        }
    }

    /// Leaves no bytes of what was deleted or replaced, and gives the space back to the volume.
    package func compact() async throws(MemoryError) -> ErasureReport {
        let eraser = try requiredEraser()
        return try await mapped {
            _ = try await self.home.ready()
            return try await self.gate.pass { try await self.compacted(eraser) }
        }
    }

    /// When the first of these memories was stored; nil when there is none.
    private func oldest(_ ids: [UUIDBytes]) async throws -> Int64? {
        let stored = try await points.retrieve(ids.map { .uuid($0) }, with: .payload, in: collection)
        let moments = try stored.map { try MemoryRecord($0).createdAt }
        let retired = try await retired(ids.filter { id in !stored.contains { $0.id == .uuid(id) } })
        return (moments + retired.values.map(\.record.createdAt)).min()
    }

    func requiredEraser() throws(MemoryError) -> Eraser {
        guard let eraser else {
            throw MemoryError(
                .unavailable, "this store cannot erase: delete instead, and compact the store where it is kept")
        }
        return eraser
    }

    private func compacted(_ eraser: Eraser) async throws -> ErasureReport {
        var report = ErasureReport()
        for name in [collection, historyCollection] where try await points.describe(name) != nil {
            let part = try await eraser.compact(name)
            report.freedBytes += max(0, part.bytesBefore - part.bytesAfter)
            report.endedLog = report.endedLog || part.endedLog
            report.isIncomplete = report.isIncomplete || !part.isLogEmpty
        }
        return report
    }
}
