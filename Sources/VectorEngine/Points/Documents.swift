import JSON
import Vectors

/// A point as filters and answers see it: everything but its dense and sparse vectors.
package struct Document: Sendable {
    package let id: PointID
    /// The change that wrote it.
    package let version: UInt64
    /// The payload as JSON text.
    package let payload: [UInt8]
    /// Which of the collection's vectors it has, in the order of `Documents.vectorNames`.
    let hasVector: [Bool]
    package let multi: [String: MultiVector]
    fileprivate var parsed: JSONObject?

    init(id: PointID, version: UInt64, payload: [UInt8], hasVector: [Bool], multi: [String: MultiVector]) {
        self.id = id
        self.version = version
        self.payload = payload
        self.hasVector = hasVector
        self.multi = multi
    }

    /// The payload's members, parsed now unless a filter has parsed them before.
    package var members: JSONObject { parsed ?? Payload(validated: payload).object }
}

/// All documents of a collection in memory, as of one change, with the field indexes over them.
///
/// A *slot* names a document for as long as its point exists; a set of slots is a `RowSet`. Slots of deleted points
/// are given out again.
package struct Documents: Sendable {
    /// Dense, sparse and multi names, in that order; each sorted.
    package let vectorNames: [String]
    package private(set) var slots: [Document?] = []
    private var slotOf: [PointID: UInt32] = [:]
    private var free: [UInt32] = []
    /// Slots with a document.
    package private(set) var live = RowSet()
    /// Ids ascending with their slots; nil when it has to be sorted anew.
    private var ascending: [(id: PointID, slot: UInt32)]? = []
    package internal(set) var sequence: UInt64 = 0
    private(set) var fields: [FieldPath: FieldIndex] = [:]
    /// For each segment by number the slot of each row.
    var rowSlots: [UInt32: [UInt32]] = [:]

    init(schema: CollectionSchema) { vectorNames = schema.denseNames + schema.sparseNames + schema.multiNames }

    package var count: Int { slotOf.count }

    /// Bytes of all payloads as JSON text.
    package private(set) var payloadBytes = 0

    package func slot(of id: PointID) -> Int? { slotOf[id].map(Int.init) }

    package func document(_ id: PointID) -> Document? { slotOf[id].flatMap { slots[Int($0)] } }

    // MARK: Changes

    mutating func put(_ document: Document) {
        let slot: UInt32
        if let known = slotOf[document.id] {
            slot = known
            unindex(slot)
        } else {
            if let reused = free.popLast() {
                slot = reused
            } else {
                slot = UInt32(slots.count)
                slots.append(nil)
            }
            slotOf[document.id] = slot
            live.insert(Int(slot))
            noteNew(document.id, slot)
        }
        payloadBytes += document.payload.count - (slots[Int(slot)]?.payload.count ?? 0)
        slots[Int(slot)] = document
        guard !fields.isEmpty else { return }
        let members = document.members
        for path in Array(fields.keys) { fields[path]?.insert(members, slot: slot) }
    }

    mutating func remove(_ id: PointID) {
        guard let slot = slotOf.removeValue(forKey: id) else { return }
        unindex(slot)
        payloadBytes -= slots[Int(slot)]?.payload.count ?? 0
        slots[Int(slot)] = nil
        live.remove(Int(slot))
        free.append(slot)
        guard var order = ascending else { return }
        ascending = nil
        let at = order.partitioningIndex { $0.id >= id }
        if at < order.count, order[at].id == id { order.remove(at: at) }
        ascending = order
    }

    private mutating func unindex(_ slot: UInt32) {
        guard !fields.isEmpty, let old = slots[Int(slot)] else { return }
        let members = old.members
        for path in Array(fields.keys) { fields[path]?.remove(members, slot: slot) }
    }

    /// Points mostly come in ascending order; a few others are put in place, many make the order be sorted anew.
    private mutating func noteNew(_ id: PointID, _ slot: UInt32) {
        guard var order = ascending else { return }
        ascending = nil
        if let last = order.last, id < last.id {
            guard order.count < Self.insertionLimit else { return }
            order.insert((id, slot), at: order.partitioningIndex { $0.id >= id })
        } else {
            order.append((id, slot))
        }
        ascending = order
    }

    /// From this size on an id out of order is not moved into place but waits for the next sort.
    private static let insertionLimit = 4096

    mutating func setField(_ path: FieldPath, _ definition: FieldIndexDefinition?) {
        fields[path] = nil
        guard let definition else { return }
        var index = FieldIndex(path: path, definition: definition)
        for (slot, document) in slots.enumerated() {
            if let document { index.insert(document.members, slot: UInt32(slot)) }
        }
        fields[path] = index
    }

    // MARK: Order

    /// Slots by ascending id.
    package mutating func slotsByID() -> [(id: PointID, slot: UInt32)] {
        if let ascending { return ascending }
        let order = slotOf.map { (id: $0.key, slot: $0.value) }.sorted { $0.id < $1.id }
        ascending = order
        return order
    }

    mutating func parse(_ slot: Int) -> JSONObject {
        guard let document = slots[slot] else { return [:] }
        if let parsed = document.parsed { return parsed }
        let members = document.members
        slots[slot]?.parsed = members
        return members
    }

    /// Analysers of the text indexes.
    package var analyzers: [FieldPath: TextAnalyzer] { fields.compactMapValues(\.definition.analyzer) }

    /// Points with a value in the field's index; 0 where there is none.
    package func indexedCount(_ path: FieldPath) -> Int { fields[path]?.slots.count ?? 0 }

    /// Runs `body` on a field's index in place.
    mutating func withField<Result>(_ path: FieldPath, _ body: (inout FieldIndex) -> Result) -> Result? {
        // Taken out and put back, so that what is changed is not shared.
        guard var index = fields.removeValue(forKey: path) else { return nil }
        defer { fields[path] = index }
        return body(&index)
    }
}
