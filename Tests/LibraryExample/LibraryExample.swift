import VectorEngine

/// Stores four dishes and names the two vegetarian ones that taste most like a query.
///
/// - Parameter directory: Where the store keeps its files; it is made if it does not exist.
public func vegetarianDishes(storedIn directory: String) async throws -> [String] {
    let store = try EmbeddedStore(directory: directory)

    // Points have one vector of three components, compared by cosine, and an indexed payload member.
    let schema = CollectionSchema(
        dense: ["taste": DenseVectorSchema(dimension: 3)], payloadIndexes: ["vegetarian": .bool])
    try await store.createCollection("dishes", schema: schema)

    // One transaction: all four points or none. When the call returns, they are on disk.
    let receipt = try await store.upsert(
        [
            point(1, "chilli sin carne", isVegetarian: true, taste: [0.9, 0.1, 0.2]),
            point(2, "chilli con carne", isVegetarian: false, taste: [0.9, 0.1, 0.3]),
            point(3, "lemon sorbet", isVegetarian: true, taste: [0.0, 0.9, 0.8]),
            point(4, "hot and sour soup", isVegetarian: true, taste: [0.8, 0.7, 0.0]),
        ], in: "dishes")
    print("\(receipt.affected) points stored, the last change is \(receipt.sequence)")

    // The filter is applied inside the search: the answer has two points whenever two pass.
    let query = PointQuery(
        target: .dense(name: "taste", [1, 0.1, 0.3]),
        filter: try Filter(must: [.match(path: "vegetarian", anyOf: [.bool(true)])]), limit: 2, parts: .payload)
    var names: [String] = []
    for answer in try await store.query([query], in: "dishes") {
        for point in answer {
            print("point \(point.id), score \(point.score)")
            names.append(String(decoding: point.payload?.text ?? [], as: UTF8.self))
        }
    }

    try await store.delete(.ids([.number(3)]), in: "dishes")
    try await store.close()
    return names
}

private func point(_ id: UInt64, _ name: String, isVegetarian: Bool, taste: [Float]) throws -> Point {
    let payload = try Payload(text: Array(#"{"name": "\#(name)", "vegetarian": \#(isVegetarian)}"#.utf8))
    return Point(id: .number(id), vectors: PointVectors(dense: ["taste": taste]), payload: payload)
}
