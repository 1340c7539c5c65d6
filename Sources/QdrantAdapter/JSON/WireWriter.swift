import JSON
import VectorEngine

/// Writes answers as JSON text: floats with the fewest digits that read back as the same Float32, payloads as stored.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func raw(_ text: [UInt8]) { bytes.append(contentsOf: text) }

    mutating func json(_ value: JSONValue) { bytes.append(contentsOf: JSONWriter.bytes(value)) }

    mutating func integer(_ number: UInt64) { bytes.append(contentsOf: String(number).utf8) }

    /// A Float32; JSON has no word for NaN and infinities, which become null.
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
