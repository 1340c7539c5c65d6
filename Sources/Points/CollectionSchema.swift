import HNSW
import JSON
import Vectors

/// One named dense vector of a collection.
public struct DenseVectorSchema: Sendable, Equatable, Codable {
    /// Components, 1…65 536.
    public var dimension: Int
    public var metric: Metric
    public var hnsw: HNSWParameters
    /// Whether sealed vectors are read from the file when a search needs them, instead of being kept in memory: about a
    /// fifth of the memory for half the speed. Codes and links stay in memory.
    public var isOnDisk: Bool

    public init(
        dimension: Int, metric: Metric = .cosine, hnsw: HNSWParameters = HNSWParameters(), isOnDisk: Bool = false
    ) {
        self.dimension = dimension
        self.metric = metric
        self.hnsw = hnsw
        self.isOnDisk = isOnDisk
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        dimension = try fields.decode(Int.self, forKey: .dimension)
        metric = try fields.decode(Metric.self, forKey: .metric)
        hnsw = try fields.decode(HNSWParameters.self, forKey: .hnsw)
        // Came later than the first files.
        isOnDisk = try fields.decodeIfPresent(Bool.self, forKey: .isOnDisk) ?? false
    }
}

/// One named sparse vector of a collection.
public struct SparseVectorSchema: Sendable, Equatable, Codable {
    /// Whether a query's weights are multiplied by ln(1 + (N − n + .5) / (n + .5)), counted when it is asked.
    public var usesIDF: Bool

    public init(usesIDF: Bool = false) { self.usesIDF = usesIDF }
}

/// The type of a payload member that is indexed for filters and order.
public enum PayloadIndexKind: String, Sendable, Codable, CaseIterable {
    case keyword, integer, float, bool, geo, datetime, text, uuid
}

/// What a collection holds, fixed when it is made, but for the payload indexes.
public struct CollectionSchema: Sendable, Equatable, Codable {
    public var dense: [String: DenseVectorSchema]
    public var sparse: [String: SparseVectorSchema]
    /// Vectors of which a point has several rows, by name; compared by the sum of their best matches.
    public var multi: [String: DenseVectorSchema]
    /// Indexed payload members by path.
    public var payloadIndexes: [String: PayloadIndexKind]
    /// Bytes of one name's dense vectors that may be outside of graphs before they are sealed; 0 seals none, nil leaves
    /// it to the engine.
    public var sealingBytes: Int?
    /// Free facts about the collection (embedder, analyser, …), shown and compared by its owner.
    public var metadata: [String: String]

    public init(
        dense: [String: DenseVectorSchema] = [:], sparse: [String: SparseVectorSchema] = [:],
        multi: [String: DenseVectorSchema] = [:], payloadIndexes: [String: PayloadIndexKind] = [:],
        metadata: [String: String] = [:]
    ) {
        self.multi = multi
        self.dense = dense
        self.sparse = sparse
        self.payloadIndexes = payloadIndexes
        self.metadata = metadata
    }

    /// Reads what any version has written: `multi` and `sealingBytes` came later.
    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        dense = try members.decode([String: DenseVectorSchema].self, forKey: .dense)
        sparse = try members.decode([String: SparseVectorSchema].self, forKey: .sparse)
        multi = try members.decodeIfPresent([String: DenseVectorSchema].self, forKey: .multi) ?? [:]
        payloadIndexes = try members.decode([String: PayloadIndexKind].self, forKey: .payloadIndexes)
        metadata = try members.decode([String: String].self, forKey: .metadata)
        sealingBytes = try members.decodeIfPresent(Int.self, forKey: .sealingBytes)
    }
}

extension CollectionSchema {
    /// Names of the dense vectors in the one order that rows, blocks and blobs use.
    package var denseNames: [String] { dense.keys.sorted() }
    /// Components of each dense vector, in that order.
    package var denseDimensions: [Int] { denseNames.map { dense[$0]?.dimension ?? 1 } }
    package var sparseNames: [String] { sparse.keys.sorted() }
    package var multiNames: [String] { multi.keys.sorted() }

    /// Whether both describe the same vectors, so that rows and graphs of the one are rows and graphs of the other.
    package func hasVectors(of other: CollectionSchema) -> Bool {
        dense == other.dense && sparse == other.sparse && multi == other.multi
    }
}
