import JSON

/// Term weights of a text or any other sparse vector: parallel arrays, indices ascending and unique.
public struct SparseVector: Sendable, Equatable {
    public private(set) var indices: [UInt32]
    public private(set) var values: [Float]

    public static let empty = SparseVector(sorting: [])

    /// Sorts `entries` by index; of two equal indices the values are added.
    public init(sorting entries: [(index: UInt32, value: Float)]) {
        indices = []
        values = []
        for entry in entries.sorted(by: { $0.index < $1.index }) {
            if indices.last == entry.index {
                values[values.count - 1] += entry.value
            } else {
                indices.append(entry.index)
                values.append(entry.value)
            }
        }
    }

    public var count: Int { indices.count }
}

/// One point's vectors by name; the unnamed vector of a collection has the name `""`.
public struct PointVectors: Sendable, Equatable {
    /// Float32 components; as many as the collection's schema says. Cosine vectors need not be normalised.
    public var dense: [String: [Float]]
    public var sparse: [String: SparseVector]
    public var multi: [String: MultiVector]

    public init(
        dense: [String: [Float]] = [:], sparse: [String: SparseVector] = [:], multi: [String: MultiVector] = [:]
    ) {
        self.dense = dense
        self.sparse = sparse
        self.multi = multi
    }
}

/// Several rows of one dimension that stand for one point together (rows × dimension, row-major).
public struct MultiVector: Sendable, Equatable {
    public let dimension: Int
    public private(set) var values: [Float]

    /// `values` holds whole rows of `dimension` components, at least one.
    public init(dimension: Int, values: [Float]) {
        precondition(dimension > 0 && !values.isEmpty && values.count % dimension == 0)
        self.dimension = dimension
        self.values = values
    }

    public var rowCount: Int { values.count / dimension }
    public func row(_ i: Int) -> ArraySlice<Float> { values[i * dimension..<(i + 1) * dimension] }
}

/// A point's payload: a JSON object, kept as the text it came as and read only where its members matter.
public struct Payload: Sendable, Equatable {
    /// The object as JSON text in UTF-8, known to be valid.
    public let text: [UInt8]

    public static let empty = Payload(validated: Array("{}".utf8))

    /// - Throws: `EngineError.invalidPayload` unless `text` is one JSON object.
    public init(text: [UInt8]) throws(EngineError) {
        do {
            guard case .object = try JSONParser.parse(text) else {
                throw EngineError(.invalidPayload, "a payload must be a JSON object")
            }
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError(.invalidPayload, "the payload is \(error)")
        }
        self.text = text
    }

    package init(_ object: JSONObject) { text = JSONWriter.bytes(.object(object)) }

    /// For text that this process wrote or that a checksum has vouched for, and that is readable.
    package init(validated text: [UInt8]) { self.text = text }

    /// Whether the text is nested no deeper than the reader goes. Earlier versions have stored payloads that are not.
    package var isReadable: Bool { JSONScanner.isNestedWithinReach(text) }

    /// The members, parsed now. Every payload that goes into a file or comes out of one is readable.
    package var object: JSONObject {
        // What would be thrown says nothing more: the text was valid when this value was made.
        guard let value = try? JSONParser.parse(text), case .object(let members) = value else {
            preconditionFailure("a Payload holds a valid JSON object")
        }
        return members
    }
}

/// What a collection keeps: an id, vectors and a payload.
public struct Point: Sendable, Equatable {
    public var id: PointID
    public var vectors: PointVectors
    public var payload: Payload

    public init(id: PointID, vectors: PointVectors = PointVectors(), payload: Payload = .empty) {
        self.id = id
        self.vectors = vectors
        self.payload = payload
    }
}
