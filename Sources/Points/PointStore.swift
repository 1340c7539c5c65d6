import Foundation
import JSON
import Vectors

/// Where points live: the embedded engine, or a remote Qdrant. Memory is written against this seam alone.
///
/// Every method names its collection; an absent one throws `collectionNotFound`. A write that returns is on disk and
/// is seen by every later read of every process on the same directory.
public protocol PointStore: Sendable {
    func collectionNames() async throws -> [String]
    /// Facts about a collection; nil when there is none of that name.
    func describe(_ collection: String) async throws -> CollectionDescription?
    /// Throws `collectionExists` when there is one, also when it was made by another process a moment ago.
    func createCollection(_ collection: String, schema: CollectionSchema) async throws
    func deleteCollection(_ collection: String) async throws

    /// Performs `writes` in their order as one batch: all of them or, on an error, none. A batch that fails leaves the
    /// writes of other callers alone.
    ///
    /// - Returns: the last change and the sum of the points touched.
    /// - Throws: `preconditionFailed` where a write's precondition does not hold, `overloaded` when too much is waiting
    ///   to be written; for a point that the schema does not allow `unknownVector`, `wrongDimension`, `notFinite` or
    ///   `invalidArgument`.
    @discardableResult
    func apply(_ writes: [PointWrite], in collection: String) async throws -> UpdateReceipt

    /// The points of `ids` that exist, in the order asked.
    func retrieve(_ ids: [PointID], with: PointParts, in collection: String) async throws -> [Point]
    func scroll(_ request: ScrollRequest, in collection: String) async throws -> ScrollPage
    func count(_ filter: Filter?, in collection: String) async throws -> Int
    /// How many of the matching points have each value of an indexed keyword, most frequent first, equal counts by
    /// value; `limit` values at most.
    func counts(
        of member: String, _ filter: Filter?, limit: Int, in collection: String
    ) async throws -> [(value: MatchValue, count: Int)]
    /// Which of `ids` pass each of `filters`, one set a filter, on one view of the collection.
    func passing(_ filters: [Filter], among ids: [PointID], in collection: String) async throws -> [Set<PointID>]
    /// Answers several queries on one view of the collection, one list a query, nearest (highest score) first.
    func query(_ queries: [PointQuery], in collection: String) async throws -> [[ScoredPoint]]
    /// Answers several reads on one view of the collection, each with the answer of its kind.
    func read(_ reads: [PointRead], in collection: String) async throws -> [PointAnswer]
    /// Points that answers leave out because their stored bytes are not what was written; those that calls which have
    /// returned had to leave out are among them.
    func damagedRows(in collection: String) async throws -> [DamagedRow]
    /// A number that grows whenever damage is met, and whenever it turns out to be gone.
    func damageEvents(in collection: String) async throws -> Int
}

extension PointStore {
    /// A store that keeps no bytes of its own has no damaged ones.
    public func damagedRows(in collection: String) async throws -> [DamagedRow] { [] }
    public func damageEvents(in collection: String) async throws -> Int { 0 }

    /// Reads that find damage and lose it again, because it was mended meanwhile, are repeated this often at most.
    private static var damageAttempts: Int { 8 }

    /// Runs `read`, and answers it with the damaged rows that its result may lack. Where a row was mended while `read`
    /// ran, its result may lack a row that is no longer damaged: then it is run again.
    package func knowingDamage<Result>(
        in collection: String, _ read: () async throws -> Result
    ) async throws -> (result: Result, damaged: [DamagedRow]) {
        for _ in 1..<Self.damageAttempts {
            let before = try await damageEvents(in: collection)
            let result = try await read()
            let damaged = try await damagedRows(in: collection)
            let after = try await damageEvents(in: collection)
            if !damaged.isEmpty || after == before { return (result, damaged) }
        }
        return (try await read(), try await damagedRows(in: collection))
    }
}

/// Which points a write touches.
public enum PointSelector: Sendable, Equatable {
    case ids([PointID])
    case filter(Filter)
}

/// Which parts of a point an answer carries.
public struct PointParts: Sendable, Equatable {
    public var payload: Bool
    public var vectors: Bool

    public static let idOnly = PointParts(payload: false, vectors: false)
    public static let payload = PointParts(payload: true, vectors: false)
    public static let all = PointParts(payload: true, vectors: true)

    public init(payload: Bool, vectors: Bool) {
        self.payload = payload
        self.vectors = vectors
    }
}

/// What a write did: its place in the change log, and how many points it touched.
public struct UpdateReceipt: Sendable, Equatable {
    public let sequence: UInt64
    public let affected: Int

    public init(sequence: UInt64, affected: Int) {
        self.sequence = sequence
        self.affected = affected
    }
}

public struct CollectionDescription: Sendable, Equatable {
    public let schema: CollectionSchema
    public let pointCount: Int
    /// Points in sealed segments, that is: reached by a graph.
    public let indexedPointCount: Int
    public let segmentCount: Int
    /// Points on disk whose bytes are not what was written; they are left out of every answer.
    public let damagedPointCount: Int
    /// The last change; nil where the store does not number its changes.
    public let sequence: UInt64?
    /// Bytes of the collection's files.
    public let sizeBytes: Int
    /// Where the collection is kept: a file's absolute path or a URL.
    public let location: String
    /// What the scrub of this process has found, and how its shipping and backups went; nil where none runs here.
    package var scrub: ScrubStatus?
    package var upkeep: UpkeepStatus?
    /// Why nothing can be written; nil where nothing is known to be in the way.
    package var writeObstacle: String?
    /// The moment that is described; nil where the store cannot name it.
    package var version: CollectionVersion?

    public init(
        schema: CollectionSchema, pointCount: Int, indexedPointCount: Int, segmentCount: Int,
        damagedPointCount: Int = 0, sequence: UInt64? = nil, sizeBytes: Int, location: String
    ) {
        self.sequence = sequence
        self.schema = schema
        self.pointCount = pointCount
        self.indexedPointCount = indexedPointCount
        self.segmentCount = segmentCount
        self.damagedPointCount = damagedPointCount
        self.sizeBytes = sizeBytes
        self.location = location
    }
}

/// One moment of one collection: two answers of the same version come from the same points.
///
/// The sequence alone does not say so: a collection that was restored, adopted or made again under the same name counts
/// its own changes.
package struct CollectionVersion: Sendable, Hashable {
    /// Differs between any two collections, also of the same name.
    package let identity: UUID
    /// How often its segments or the layout of its rows were replaced.
    package let generation: Int64
    /// The last change.
    package let sequence: UInt64

    package init(identity: UUID, generation: Int64, sequence: UInt64) {
        self.identity = identity
        self.generation = generation
        self.sequence = sequence
    }
}

/// A page of points in id order, or in the order of an indexed number (`order`).
public struct ScrollRequest: Sendable, Equatable {
    public var filter: Filter?
    /// Points to return at most.
    public var limit: Int
    /// The first id of the page (inclusive); only without `order`.
    public var startAt: PointID?
    public var order: PayloadOrder?
    public var parts: PointParts

    public init(
        filter: Filter? = nil, limit: Int = 10, startAt: PointID? = nil, order: PayloadOrder? = nil,
        parts: PointParts = .payload
    ) {
        self.filter = filter
        self.limit = limit
        self.startAt = startAt
        self.order = order
        self.parts = parts
    }
}

/// Order by an indexed integer or float member; points without it are left out, ties go by id.
public struct PayloadOrder: Sendable, Equatable {
    public var path: String
    public var descending: Bool

    public init(path: String, descending: Bool = false) {
        self.path = path
        self.descending = descending
    }
}

public struct ScrollPage: Sendable, Equatable {
    public let points: [Point]
    /// Where the next page starts; nil at the end and for ordered pages.
    public let next: PointID?

    public init(points: [Point], next: PointID?) {
        self.points = points
        self.next = next
    }
}

/// One search.
public struct PointQuery: Sendable, Equatable {
    public enum Target: Sendable, Equatable {
        /// Nearest by the collection's metric for the vector `name`.
        case dense(name: String, [Float])
        /// Highest inner product; only points that share an index with the query are found.
        case sparse(name: String, SparseVector)
        /// How much of the query a point holds: the sum of the query's values at the indexes that both have. What the
        /// point has there does not count, and neither does IDF.
        case cover(name: String, SparseVector)
    }

    public var target: Target
    public var filter: Filter?
    public var limit: Int
    /// Candidates a graph keeps (*ef*); nil leaves it to the collection.
    public var breadth: Int?
    /// Every matching point is scored; no graph.
    public var isExact: Bool
    /// What is made of the graph's codes.
    public var codes: CodeSearch
    /// Over which points IDF counts N and n; nil means the query's own `filter`.
    public var idfCorpus: Filter?
    public var scoreThreshold: Float?
    public var parts: PointParts

    public init(
        target: Target, filter: Filter? = nil, limit: Int = 10, breadth: Int? = nil, isExact: Bool = false,
        codes: CodeSearch = CodeSearch(), idfCorpus: Filter? = nil, scoreThreshold: Float? = nil,
        parts: PointParts = .idOnly
    ) {
        self.target = target
        self.filter = filter
        self.limit = limit
        self.breadth = breadth
        self.isExact = isExact
        self.codes = codes
        self.idfCorpus = idfCorpus
        self.scoreThreshold = scoreThreshold
        self.parts = parts
    }
}

/// A point that a query found, with the metric's score (larger is nearer for cosine, dot and sparse).
public struct ScoredPoint: Sendable, Equatable {
    public let id: PointID
    public let score: Float
    public let payload: Payload?
    public let vectors: PointVectors?

    public init(id: PointID, score: Float, payload: Payload? = nil, vectors: PointVectors? = nil) {
        self.id = id
        self.score = score
        self.payload = payload
        self.vectors = vectors
    }
}
