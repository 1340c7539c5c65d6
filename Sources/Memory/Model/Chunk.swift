import JSON
import VectorEngine

/// One chunk of a long memory: a point of its own with a dense vector, found in its memory's stead.
///
/// Its id is its memory's with the chunk's number, from 1 on, in the low twelve bits, which are 0 in a memory's id. Its
/// payload has what filters look at, where it lies in the text, and not the text, which stands once in the memory.
enum Chunk {
    private static let numberMask: UInt64 = 0xFFF

    static func id(_ number: Int, of memory: UUIDBytes) -> UUIDBytes {
        precondition((1...Int(numberMask)).contains(number), "the limits allow no more chunks")
        return UUIDBytes(high: memory.high, low: memory.low & ~numberMask | UInt64(number))
    }

    /// The memory that a found point belongs to: its own id, or that of the chunk's memory.
    static func memory(of id: PointID) -> PointID {
        guard case .uuid(let uuid) = id else { return id }
        return .uuid(UUIDBytes(high: uuid.high, low: uuid.low & ~numberMask))
    }

    /// The number of a chunk, from 1 on; nil for what is none.
    static func number(of id: PointID) -> Int? {
        guard case .uuid(let uuid) = id, isChunk(uuid) else { return nil }
        return Int(uuid.low & numberMask)
    }

    static func isChunk(_ id: UUIDBytes) -> Bool { id.low & numberMask != 0 }

    /// Points that are memories and not chunks.
    static let excluded = Condition.isEmpty(member: Member.chunkOf)

    /// The chunks of these memories.
    static func of(_ ids: some Sequence<PointID>) -> Condition {
        .match(member: Member.chunkOf, anyOf: ids.map { .keyword($0.description) })
    }

    /// These memories with their chunks.
    static func memoriesAndChunks(_ ids: [PointID]) -> Filter {
        Filter(should: [.hasID(Set(ids)), of(ids)])
    }

    /// Members that a chunk does not repeat.
    private static let ownMembers: Set<String> = [
        Member.content, Member.data, Member.contentHash, Member.idempotencyKeys, Member.idempotencyResults,
        Member.length, Member.names, Member.links, Member.identities, Member.mergeHistory, Member.actorTerms,
        Member.traits, Member.chunks, Member.tags, Member.uniqueKey, Member.seen, Member.version, Member.embedding,
        Member.revision,
    ]

    /// The payload of the chunk at `range`, UTF-8 offsets into its memory's content.
    static func payload(of record: MemoryRecord, at range: Range<Int>) -> JSONObject {
        var members = shared(record.payload)
        members[Member.chunkOf] = .string(record.id.description)
        members[Member.chunkStart] = .integer(Int64(range.lowerBound))
        members[Member.chunkEnd] = .integer(Int64(range.upperBound))
        return members
    }

    /// Those of a memory's members (or changes to them) that its chunks have too.
    static func shared(_ members: JSONObject) -> JSONObject { members.filter { !ownMembers.contains($0.key) } }

    /// Where a chunk lies; nil for an item that is no chunk.
    static func range(in payload: JSONObject) -> Range<Int>? {
        guard let start = payload[Member.chunkStart]?.integerValue.flatMap({ Int(exactly: $0) }),
            let end = payload[Member.chunkEnd]?.integerValue.flatMap({ Int(exactly: $0) }), 0 <= start, start <= end
        else { return nil }
        return start..<end
    }
}
