/// A JSON object whose members keep the order in which they were written, and whose keys are equal only when their
/// UTF-8 bytes are.
///
/// A search compares lengths and bytes with each key while there are few members, and uses a hash table beyond
/// `mostSearched`. Reading and replacing cost O(1); removing costs O(members). Two objects are equal when their members
/// are, in whatever order.
package struct JSONObject: Sendable {
    package typealias Element = (key: String, value: JSONValue)

    /// Members up to which a search goes through all of them.
    private static let mostSearched = 16

    /// The members in their order.
    package private(set) var elements: [Element] = []
    private var places: KeyPlaces?

    package init() {}

    /// Members in the order given; `combine` decides about a key that comes again.
    package init(
        _ members: some Sequence<(String, JSONValue)>, uniquingKeysWith combine: (JSONValue, JSONValue) -> JSONValue
    ) {
        for (key, value) in members { insert(key, value, combine) }
    }

    /// Members in the order given; no key may come twice.
    package init(uniqueKeysWithValues members: some Sequence<(String, JSONValue)>) {
        for (key, value) in members {
            precondition(place(of: key) == nil, "a key comes twice")
            append(key, value)
        }
    }

    // MARK: Reading

    package var count: Int { elements.count }
    package var isEmpty: Bool { elements.isEmpty }
    package var keys: Keys { Keys(object: self) }
    package var values: [JSONValue] { elements.map(\.value) }

    private func place(of key: String) -> Int? {
        if let places { return places.place(of: key, in: elements) }
        return elements.firstIndex { $0.key.hasSameBytes(as: key) }
    }

    /// The members' keys in their order.
    package struct Keys: RandomAccessCollection, Sendable {
        fileprivate let object: JSONObject

        package var startIndex: Int { 0 }
        package var endIndex: Int { object.elements.count }
        package subscript(place: Int) -> String { object.elements[place].key }

        /// Whether one of the keys has the same bytes.
        package func contains(_ key: String) -> Bool { object.place(of: key) != nil }
    }

    // MARK: Changing

    /// The member called `key`. A new one is put at the end; nil removes it.
    package subscript(key: String) -> JSONValue? {
        get { place(of: key).map { elements[$0].value } }
        set {
            guard let newValue else {
                removeValue(forKey: key)
                return
            }
            if let place = place(of: key) { elements[place].value = newValue } else { append(key, newValue) }
        }
    }

    package subscript(key: String, default fallback: @autoclosure () -> JSONValue) -> JSONValue {
        get { self[key] ?? fallback() }
        set { self[key] = newValue }
    }

    /// Puts a member at the end whose key is not there yet.
    private mutating func append(_ key: String, _ value: JSONValue) {
        elements.append((key, value))
        guard places != nil || elements.count > Self.mostSearched else { return }
        if places?.isFull(holding: elements.count) ?? true {
            places = KeyPlaces(of: elements)
        } else {
            places?.insert(elements.count - 1, in: elements)
        }
    }

    private mutating func insert(_ key: String, _ value: JSONValue, _ combine: (JSONValue, JSONValue) -> JSONValue) {
        if let place = place(of: key) {
            elements[place].value = combine(elements[place].value, value)
        } else {
            append(key, value)
        }
    }

    /// Removes a member and returns what it was; nil when there is none.
    @discardableResult
    package mutating func removeValue(forKey key: String) -> JSONValue? {
        guard let place = place(of: key) else { return nil }
        places?.remove(place, in: elements)
        return elements.remove(at: place).value
    }

    /// Removes the first member; there must be one.
    package mutating func removeFirst() {
        places?.remove(0, in: elements)
        elements.removeFirst()
    }

    package mutating func reserveCapacity(_ count: Int) { elements.reserveCapacity(count) }

    /// Adds `others` at the end; `combine` decides between the old and the new value of a key that both have.
    package mutating func merge(
        _ others: some Sequence<(String, JSONValue)>, uniquingKeysWith combine: (JSONValue, JSONValue) -> JSONValue
    ) {
        for (key, value) in others { insert(key, value, combine) }
    }

    package mutating func merge(
        _ other: JSONObject, uniquingKeysWith combine: (JSONValue, JSONValue) -> JSONValue
    ) {
        for (key, value) in other { insert(key, value, combine) }
    }

    package func merging(
        _ other: JSONObject, uniquingKeysWith combine: (JSONValue, JSONValue) -> JSONValue
    ) -> JSONObject {
        var merged = self
        merged.merge(other, uniquingKeysWith: combine)
        return merged
    }

    /// The members that `isKept` is true of, in their order.
    package func filter(_ isKept: (Element) throws -> Bool) rethrows -> JSONObject {
        var kept = JSONObject()
        for element in elements where try isKept(element) { kept.append(element.key, element.value) }
        return kept
    }

    package func mapValues(_ transform: (JSONValue) throws -> JSONValue) rethrows -> JSONObject {
        var changed = self
        for i in elements.indices { changed.elements[i].value = try transform(elements[i].value) }
        return changed
    }
}

extension JSONObject: Sequence {
    package func makeIterator() -> IndexingIterator<[Element]> { elements.makeIterator() }
    package var underestimatedCount: Int { elements.count }
}

extension JSONObject: Equatable {
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.elements.allSatisfy { key, value in right[key] == value }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// Members in the order written; a key written twice keeps its last value.
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(elements, uniquingKeysWith: { _, last in last })
    }
}
