import JSON
import VectorEngine

/// Writes answers as JSON text: floats with the fewest digits that read back as the same Float32, payloads as stored.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    mutating func raw(_ text: [UInt8]) { bytes.append(contentsOf: text) }

    mutating func json(_ value: JSONValue) { bytes.append(contentsOf: JSONWriter.bytes(value)) }

    mutating func integer(_ number: UInt64) { bytes.append(contentsOf: String(number).utf8) }

    /// A Float32; what is not finite has no JSON word and becomes null.
    mutating func float(_ number: Float) {
        guard number.isFinite else { return raw("null") }
        bytes.append(contentsOf: number.description.utf8)
    }

    mutating func string(_ text: String) { json(.string(text)) }

    mutating func id(_ id: PointID) {
        switch id {
        case .number(let number): integer(number)
        case .uuid(let uuid):
            raw("\"")
            bytes.append(contentsOf: uuid.description.utf8)
            raw("\"")
        }
    }

    /// `body` for each element, with commas between.
    mutating func list<Element>(_ elements: some Sequence<Element>, _ body: (inout WireWriter, Element) -> Void) {
        raw("[")
        var isFirst = true
        for element in elements {
            if !isFirst { raw(",") }
            isFirst = false
            body(&self, element)
        }
        raw("]")
    }

    mutating func floats(_ numbers: some Sequence<Float>) { list(numbers) { $0.float($1) } }

    // MARK: Vectors

    mutating func vector(_ vector: AnyVector) {
        switch vector {
        case .dense(let components): floats(components)
        case .sparse(let sparse):
            raw("{\"indices\":")
            list(sparse.indices) { $0.integer(UInt64($1)) }
            raw(",\"values\":")
            floats(sparse.values)
            raw("}")
        case .multi(let multi): list(0..<multi.rowCount) { $0.floats(multi.row($1)) }
        }
    }

    /// The unnamed vector alone as itself, otherwise a map with the vectors that are there.
    mutating func vectors(_ vectors: PointVectors, names: VectorSelection, isUnnamedOnly: Bool) {
        var all: [(String, AnyVector)] = vectors.dense.map { ($0, .dense($1)) }
        all += vectors.sparse.map { ($0, .sparse($1)) }
        all += vectors.multi.map { ($0, .multi($1)) }
        let chosen = all.filter { names.contains($0.0) }.sorted { $0.0.precedesInBytes($1.0) }
        if let only = chosen.first, chosen.count == 1, only.0.isEmpty { return vector(only.1) }
        raw("{")
        for (i, (name, value)) in chosen.enumerated() {
            if i > 0 { raw(",") }
            string(name)
            raw(":")
            vector(value)
        }
        raw("}")
    }
}

/// Which vectors an answer carries.
enum VectorSelection: Sendable, Equatable {
    case none
    case all
    case names([String])

    func contains(_ name: String) -> Bool {
        switch self {
        case .none: false
        case .all: true
        case .names(let names): names.containsBytes(of: name)
        }
    }

    static func read(_ value: JSONValue?) throws(QdrantFailure) -> VectorSelection {
        switch value {
        case nil, .null: return .none
        case .bool(let flag): return flag ? .all : .none
        case .array(let names):
            return .names(
                try names.map { name throws(QdrantFailure) in
                    guard let text = name.stringValue else { throw mismatch }
                    return text
                })
        default: throw mismatch
        }
    }

    private static var mismatch: QdrantFailure {
        .format("data did not match any variant of untagged enum WithVector")
    }
}

/// Which members of a payload an answer carries.
enum PayloadSelection: Sendable {
    case none
    case all
    case include([PayloadPath])
    case exclude([PayloadPath])

    var isNone: Bool { if case .none = self { true } else { false } }

    static func read(_ value: JSONValue?, default fallback: PayloadSelection) throws(QdrantFailure) -> PayloadSelection
    {
        switch value {
        case nil, .null: return fallback
        case .bool(let flag): return flag ? .all : .none
        case .array(let keys): return .include(try paths(keys))
        case .object(let members):
            if let keys = members["include"]?.arrayValue { return .include(try paths(keys)) }
            if let keys = members["exclude"]?.arrayValue { return .exclude(try paths(keys)) }
            throw mismatch
        default: throw mismatch
        }
    }

    private static var mismatch: QdrantFailure {
        .format("data did not match any variant of untagged enum WithPayloadInterface")
    }

    private static func paths(_ keys: [JSONValue]) throws(QdrantFailure) -> [PayloadPath] {
        try keys.map { key throws(QdrantFailure) in
            guard let text = key.stringValue else { throw mismatch }
            return try WirePath.read(text)
        }
    }

    /// The chosen part of a payload's text; nil when none is asked.
    func text(of payload: [UInt8]) -> [UInt8]? {
        switch self {
        case .none: return nil
        case .all: return payload
        case .include(let paths):
            let whole = JSONValue.object(Payload(validated: payload).object)
            return JSONWriter.bytes(whole.including(paths.map { $0.steps[...] }) ?? .object([:]))
        case .exclude(let paths):
            let whole = JSONValue.object(Payload(validated: payload).object)
            return JSONWriter.bytes(whole.excluding(paths.map { $0.steps[...] }))
        }
    }
}

enum WirePath {
    static func read(_ text: String) throws(QdrantFailure) -> PayloadPath {
        do {
            return try PayloadPath(text)
        } catch {
            throw .format("Invalid json path: '\(text)'")
        }
    }
}

extension JSONValue {
    /// Only what the paths lead to; of arrays only elements reached by `[]`. nil when nothing is left of a scalar.
    fileprivate func including(_ paths: [ArraySlice<PayloadPath.Step>]) -> JSONValue? {
        if paths.contains(where: \.isEmpty) { return self }
        switch self {
        case .object(let members):
            var kept: JSONObject = [:]
            for (key, value) in members {
                let inner = paths.filter { $0.first == .key(key) }.map { $0.dropFirst() }
                if !inner.isEmpty, let part = value.including(inner) { kept[key] = part }
            }
            return .object(kept)
        case .array(let elements):
            let inner = paths.filter { $0.first == .elements }.map { $0.dropFirst() }
            return .array(inner.isEmpty ? [] : elements.compactMap { $0.including(inner) })
        default: return self
        }
    }

    fileprivate func excluding(_ paths: [ArraySlice<PayloadPath.Step>]) -> JSONValue {
        switch self {
        case .object(let members):
            var kept: JSONObject = [:]
            for (key, value) in members {
                let inner = paths.filter { $0.first == .key(key) }.map { $0.dropFirst() }
                if inner.contains(where: \.isEmpty) { continue }
                kept[key] = inner.isEmpty ? value : value.excluding(inner)
            }
            return .object(kept)
        case .array(let elements):
            let inner = paths.filter { $0.first == .elements }.map { $0.dropFirst() }
            if inner.contains(where: \.isEmpty) { return .array([]) }
            return inner.isEmpty ? self : .array(elements.map { $0.excluding(inner) })
        default: return self
        }
    }
}
