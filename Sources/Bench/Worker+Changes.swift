import ArgumentParser
import JSON
import VectorEngine

// What a harness does to an open store between two measurements.

extension Worker {
    /// Deletes the points of the row numbers in `ids`.
    func delete(_ request: JSONValue) async throws -> JSONValue {
        let (store, ids) = try changed(request)
        let clock = ContinuousClock()
        let elapsed = try await clock.measure {
            for start in stride(from: 0, to: ids.count, by: Self.batchSize) {
                let part = ids[start..<min(ids.count, start + Self.batchSize)]
                _ = try await store.delete(.ids(Array(part)), in: Self.collection)
            }
        }
        return ["seconds": .number(elapsed.seconds)]
    }

    /// Writes row i of `vectors` as the point whose number is row i of `ids`.
    func replace(_ request: JSONValue) async throws -> JSONValue {
        let (store, ids) = try changed(request)
        guard let path = request["vectors"]?.stringValue else { throw ValidationError("replace needs vectors") }
        let vectors = try VectorFile.floats(path)
        guard vectors.rows == ids.count else {
            throw ValidationError("there are \(ids.count) ids and \(vectors.rows) vectors")
        }
        let clock = ContinuousClock()
        let elapsed = try await clock.measure {
            for start in stride(from: 0, to: ids.count, by: Self.batchSize) {
                let points = (start..<min(ids.count, start + Self.batchSize)).map { row in
                    Point(
                        id: ids[row],
                        vectors: PointVectors(
                            dense: [
                                "": Array(vectors.elements[row * vectors.columns..<(row + 1) * vectors.columns])
                            ]))
                }
                try await store.upsert(points, in: Self.collection)
            }
        }
        return ["seconds": .number(elapsed.seconds)]
    }

    /// Waits until every row is reached by the graph.
    func seal(_ request: JSONValue) async throws -> JSONValue {
        guard let store else { throw ValidationError("open first") }
        let clock = ContinuousClock()
        let elapsed = try await clock.measure {
            try await store.sealNow(Self.collection, threads: Int(request["threads"]?.integerValue ?? 1))
        }
        return ["seconds": .number(elapsed.seconds)]
    }

    private func changed(_ request: JSONValue) throws -> (store: EmbeddedStore, ids: [PointID]) {
        guard let store else { throw ValidationError("open first") }
        guard let path = request["ids"]?.stringValue else { throw ValidationError("a change needs ids") }
        return (store, try VectorFile.rowNumbers(path).elements.map { .number(UInt64($0)) })
    }
}
