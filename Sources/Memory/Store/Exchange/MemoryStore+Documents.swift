import JSON
import VectorEngine

/// What became of the documents that were handed in.
package struct DocumentsResult: Sendable, Equatable {
    /// A part that could not be taken, or a memory that could not be retired.
    package struct Refusal: Sendable, Equatable {
        package let document: String
        package let heading: String
        package let message: String
    }

    /// New memories.
    package var stored = 0
    /// Memories whose part says something else now; the former version is kept.
    package var updated = 0
    package var unchanged = 0
    /// Memories whose part is gone; they are kept as versions.
    package var retired = 0
    /// The memories of the parts, in order.
    package var ids: [UUIDBytes] = []
    /// The memories that were retired.
    package var retiredIDs: [UUIDBytes] = []
    package var refusals: [Refusal] = []
    package var degradedReason: String?

    package init() {}

    package mutating func add(_ other: DocumentsResult) {
        stored += other.stored
        updated += other.updated
        unchanged += other.unchanged
        retired += other.retired
        ids += other.ids
        retiredIDs += other.retiredIDs
        refusals += other.refusals
        degradedReason = other.degradedReason ?? degradedReason
    }
}

/// Documents own the memories that they became (``OwnedDocument``).
///
/// A part is known by its heading path and its number there. A part whose text changed keeps its memory's id; one that
/// was only moved does so as well. A memory whose part is gone leaves the collection and stays as a version, so that a
/// search as of an earlier moment finds it. What a person has changed in a memory stays as long as its part is as it
/// was. Of two processes that take a part at one moment one stores it, and the other finds it stored.
extension MemoryStore {
    /// Documents whose stored parts are looked up together.
    private static let documentsAtOnce = 32

    /// Takes whole documents; parts that are as they were cost one look-up.
    ///
    /// - Parameters:
    ///   - scope: of new memories; a stored part belongs to a document whatever branch it was stored from.
    ///   - progress: told how many of the documents' parts are done.
    package func take(
        _ documents: [OwnedDocument], scope: MemoryScope, expiry: ExpiryChoice? = nil,
        progress: (Int) -> Void = { _ in }
    ) async throws(MemoryError) -> DocumentsResult {
        var result = DocumentsResult()
        var done = 0
        for start in stride(from: 0, to: documents.count, by: Self.documentsAtOnce) {
            let group = Array(documents[start..<min(documents.count, start + Self.documentsAtOnce)])
            let before = done
            result.add(try await take(group, scope, expiry) { progress(before + $0) })
            done += group.reduce(0) { $0 + $1.parts.count }
            progress(done)
        }
        return result
    }

    private func take(
        _ documents: [OwnedDocument], _ scope: MemoryScope, _ expiry: ExpiryChoice?, _ progress: (Int) -> Void
    ) async throws(MemoryError) -> DocumentsResult {
        let stored = try await mapped { try await self.storedParts(of: documents, scope) }
        var result = DocumentsResult()
        var new: [(place: Int, document: OwnedDocument, part: OwnedDocument.Part)] = []
        var ids: [UUIDBytes?] = []
        var gone: [MemoryRecord] = []
        for document in documents {
            let plan = DocumentPlan(document, stored: stored[ByteText(document.id)] ?? [])
            for (part, record) in plan.parts {
                ids.append(record?.id)
                guard let record else {
                    new.append((ids.count - 1, document, part))
                    continue
                }
                try await settle(record, part, of: document, &result)
                progress(ids.count - new.count)
            }
            gone += plan.gone
        }
        for start in stride(from: 0, to: new.count, by: settings.maximumBatch) {
            let batch = Array(new[start..<min(new.count, start + settings.maximumBatch)])
            var request = StoreRequest(batch.map { $0.document.item($0.part, expiry: expiry) })
            // The heading path decides what is the same; two documents may say the same.
            request.deduplication.isEnabled = false
            let answer = try await store(request, context: CallContext(clientName: "cortex", defaultScope: scope))
            result.degradedReason = answer.degradedReason ?? result.degradedReason
            for item in answer.items {
                let origin = batch[item.inputIndex]
                ids[origin.place] = item.id
                if let error = item.error {
                    result.refusals.append(
                        DocumentsResult.Refusal(
                            document: origin.document.id, heading: origin.part.heading, message: error.message))
                } else if item.status == .skippedDuplicate, let id = item.id {
                    // Another process has stored the part since this one looked.
                    guard let record = try await mapped({ try await self.records([id]).first }) else { continue }
                    try await settle(record, origin.part, of: origin.document, &result)
                } else {
                    result.stored += 1
                }
            }
            progress(ids.count - new.count + start + batch.count)
        }
        result.ids = ids.compactMap { $0 }
        try await retire(gone, &result)
        return result
    }

    /// Brings a part's memory to what the document says.
    private func settle(
        _ record: MemoryRecord, _ part: OwnedDocument.Part, of document: OwnedDocument, _ result: inout DocumentsResult
    ) async throws(MemoryError) {
        guard record.metadata?[OwnedDocument.digest]?.stringValue != document.digest(of: part) else {
            result.unchanged += 1
            return
        }
        var update = MemoryUpdate(record.id)
        update.data = document.data(of: part)
        if part.headingPath.isEmpty { update.data?["heading_path"] = .null }
        update.metadata = document.metadata(of: part)
        update.metadata?[OwnedDocument.givenTags] = document.tags ?? .null
        update.tags = document.tags(replacingThoseOf: record)
        do throws(MemoryError) {
            if try await self.update(update).isChanged { result.updated += 1 } else { result.unchanged += 1 }
        } catch {
            guard [.denied, .outOfRange, .notFound].contains(error.code) else { throw error }
            result.refusals.append(
                DocumentsResult.Refusal(document: document.id, heading: part.heading, message: error.message))
        }
    }

    /// The memories that belong to each of the documents, oldest first.
    private func storedParts(
        of documents: [OwnedDocument], _ scope: MemoryScope
    ) async throws -> [ByteText: [MemoryRecord]] {
        _ = try await home.ready()
        var owners: [ByteText: [ByteText]] = [:]
        for document in documents {
            owners[ByteText(document.id), default: []].append(ByteText(document.id))
            if let former = document.formerID { owners[ByteText(former), default: []].append(ByteText(document.id)) }
        }
        let filter = Filter(must: [
            Narrowing.keyword(Member.kind, MemoryKind.section.rawValue),
            .match(member: Member.links, anyOf: owners.keys.map { .keyword($0.text) }),
            Narrowing.alive(at: clock.time()),
        ])
        var parts: [ByteText: [MemoryRecord]] = [:]
        for point in try await everyPoint(filter) {
            let record = try MemoryRecord(point)
            guard let id = record.data?["document_id"]?.stringValue, record.scope.isSameProject(as: scope) else {
                continue
            }
            let isOwned = record.source.tool == OwnedDocument.tool
            // What an earlier version stored from a file is adopted where the text is still the same.
            for owner in owners[ByteText(id)] ?? [] where isOwned ? owner == ByteText(id) : record.wasStoredFromFile {
                parts[owner, default: []].append(record)
            }
        }
        return parts
    }

    // MARK: Retiring

    /// Retires every memory of the documents below `folder` whose file is gone.
    ///
    /// - Parameters:
    ///   - kept: ids of documents that are there.
    ///   - isGone: whether the file of a document is not there any more; a file that was only passed over is there.
    package func retireDocuments(
        in folder: String, scope: MemoryScope, kept: Set<String>, isGone: (String) -> Bool
    ) async throws(MemoryError) -> DocumentsResult {
        let filter = Filter(must: [
            Narrowing.keyword(Member.kind, MemoryKind.section.rawValue),
            Narrowing.keyword(Member.tool, OwnedDocument.tool), Narrowing.alive(at: clock.time()),
        ])
        let records = try await mapped {
            _ = try await self.home.ready()
            return try await self.everyPoint(filter).map { try MemoryRecord($0) }
        }
        let known = Set(kept.map { ByteText($0) })
        var isGoneByID: [ByteText: Bool] = [:]
        let gone = records.filter { record in
            guard let id = record.data?["document_id"]?.stringValue, id.hasPrefix(folder + "/"),
                !known.contains(ByteText(id)), record.scope.isSameProject(as: scope)
            else { return false }
            if let known = isGoneByID[ByteText(id)] { return known }
            let answer = isGone(id)
            isGoneByID[ByteText(id)] = answer
            return answer
        }
        var result = DocumentsResult()
        try await retire(gone, &result)
        return result
    }

    private func retire(_ records: [MemoryRecord], _ result: inout DocumentsResult) async throws(MemoryError) {
        let allowed = records.filter { !$0.isProtected }
        for record in records where record.isProtected {
            result.refusals.append(
                DocumentsResult.Refusal(
                    document: record.data?["document_id"]?.stringValue ?? "",
                    heading: record.data?["heading"]?.stringValue ?? "",
                    message: "is tagged approved and stays, although it is not in the document any more"))
        }
        guard !allowed.isEmpty else { return }
        let ids = allowed.map { PointID.uuid($0.id) }
        let retired = try await mapped {
            try await self.gate.pass {
                try await self.makeHistory()
                let now = self.clock.stamp()
                let there = try await self.points.retrieve(ids, with: .all, in: self.collection)
                let versions = try there.map { point in
                    try self.version(MemoryRecord(point), vectors: point.vectors, until: now, .retirement)
                }
                if !versions.isEmpty { try await self.points.upsert(versions, in: self.historyCollection) }
                try await self.points.delete(
                    .filter(Chunk.memoriesAndChunks(there.map(\.id))), in: self.collection)
                return there.compactMap(\.id.uuid)
            }
        }
        result.retired += retired.count
        result.retiredIDs += retired
    }
}

/// Which stored memory each part of a document has, and which memories have no part any more.
struct DocumentPlan {
    /// In the document's order; nil for a new part.
    private(set) var parts: [(part: OwnedDocument.Part, record: MemoryRecord?)] = []
    private(set) var gone: [MemoryRecord] = []

    /// - Parameter stored: the memories that belong to the document, and those of an earlier version that may.
    init(_ document: OwnedDocument, stored: [MemoryRecord]) {
        var rest = stored
        func take(_ isIt: (MemoryRecord) -> Bool) -> MemoryRecord? {
            rest.firstIndex(where: isIt).map { rest.remove(at: $0) }
        }
        parts = document.parts.map { part in
            (part, take { OwnedDocument.key(of: $0)?.hasSameBytes(as: part.key) ?? false })
        }
        // A part that has only moved says the same under another heading, or in another place.
        for i in parts.indices where parts[i].record == nil {
            parts[i].record = take { $0.data?["body_md"]?.stringValue?.hasSameBytes(as: parts[i].part.text) ?? false }
        }
        gone = rest.filter { $0.source.tool == OwnedDocument.tool }
    }
}

extension MemoryRecord {
    /// Whether `cortex store --from` of an earlier version stored it.
    fileprivate var wasStoredFromFile: Bool { source.actor == "cortex store" && source.tool == nil }
}

extension MemoryScope {
    /// Whether both are the same place, whatever the branch; a project's name has no case.
    func isSameProject(as other: MemoryScope) -> Bool {
        Self.keys.allSatisfy { key in
            switch key {
            case "branch": true
            case "project": values[key]?.lowercased() == other.values[key]?.lowercased()
            default: values[key] == other.values[key]
            }
        }
    }
}
