import Files
import Foundation
import JSON
import Synchronization
import VectorEngine

/// The collections of a data directory by name, and their aliases.
///
/// Aliases lie in one file beside the collections, replaced as a whole, so that several change at once or not at all.
final class CollectionCatalog: Sendable {
    let store: EmbeddedStore
    private let stemmers: Stemmers
    /// Collections that are in the store and not here.
    let withheld: Set<String>
    private let open: Mutex<[ByteText: QdrantCollection]> = Mutex([:])
    private let known: Mutex<[ByteText: String]?> = Mutex(nil)
    /// Collections and aliases change one at a time.
    private let changing = SerialGate()

    /// Largest length of a collection's name, in characters.
    static let nameLength = 255
    private static let forbidden: [Unicode.Scalar] = ["/", "\\", "<", ">", ":", "\"", "|", "?", "*", "\0", "\u{1F}"]

    init(store: EmbeddedStore, stemmers: Stemmers, withheld: Set<String> = []) {
        self.store = store
        self.stemmers = stemmers
        self.withheld = withheld
    }

    /// The collection called `name`, or that the alias `name` stands for.
    func collection(_ name: String) async throws -> QdrantCollection {
        let real = try aliases[text: name] ?? name
        if let known = open.withLock({ $0[text: real] }) {
            if try await isThere(real) { return known }
            forget(real)
        }
        guard try await isThere(real),
            let opened = try await QdrantCollection.open(real, in: store, stemmers: stemmers)
        else { throw QdrantFailure.noCollection(name) }
        return open.withLock { open in
            if let known = open[text: real] { return known }
            open[text: real] = opened
            return opened
        }
    }

    /// Opens a collection so far that the first request to it is fast: vectors, index of ids and documents.
    func warm(_ name: String) async throws {
        let collection = try await collection(name)
        _ = try await collection.read { $0.sequence }
        try await store.open(collection.name)
    }

    /// The collection as it is open now; nil while it is not, and when the aliases cannot be read.
    func opened(_ name: String) -> QdrantCollection? {
        // Whoever asks for the collection next is told what is wrong with the aliases.
        let real = (try? aliases[text: name]) ?? name
        return open.withLock { $0[text: real] }
    }

    /// The collection, or nil where there is none.
    func known(_ name: String) async throws -> QdrantCollection? {
        try await exists(name) ? try await collection(name) : nil
    }

    func exists(_ name: String) async throws -> Bool { try await isThere(try aliases[text: name] ?? name) }

    /// Whether a collection, not an alias, has that name here.
    private func isThere(_ real: String) async throws -> Bool {
        if withheld.contains(real) { return false }
        return try await store.exists(real)
    }

    func names() async throws -> [String] { try await store.collectionNames().filter { !withheld.contains($0) } }

    /// - Throws: 403 for a name that is not for callers to give.
    func checkServed(_ name: String) throws(QdrantFailure) {
        guard withheld.contains(name) else { return }
        throw .forbidden(
            "The name `\(name)` belongs to the memory, whose collections are not served here. Choose another name, or "
                + "start the server with --serve-memories")
    }

    func forget(_ name: String) { open.withLock { $0[text: name] = nil } }

    static func checkName(_ name: String) throws(QdrantFailure) {
        var validation = Validation("path parameters")
        validation.length("name", name, from: 1, to: nameLength)
        if let bad = forbidden.first(where: name.unicodeScalars.contains) {
            validation.problem("name", "collection name cannot contain \"\(bad)\" char")
        }
        if name == "." || name == ".." { validation.problem("name", "collection name cannot be \"\(name)\"") }
        try validation.finish()
    }

    func create(_ name: String, _ config: CollectionConfig) async throws {
        try checkServed(name)
        try await changing.pass {
            if try aliases[text: name] != nil {
                throw QdrantFailure.wrongInput(
                    "Can't create collection with name \(name). Alias with the same name already exists")
            }
            guard try await !store.exists(name) else {
                throw QdrantFailure.conflict("Collection `\(name)` already exists!")
            }
            do {
                let made = try await QdrantCollection.create(name, config, in: store, stemmers: stemmers)
                open.withLock { $0[text: name] = made }
            } catch let error as EngineError {
                throw QdrantFailure(error, collection: name)
            }
        }
    }

    /// - Returns: whether there was one.
    func delete(_ name: String) async throws -> Bool {
        try await changing.pass {
            let real = try aliases[text: name] ?? name
            guard !withheld.contains(real) else { return false }
            forget(real)
            do {
                try await store.deleteCollection(real)
            } catch let error as EngineError where error.code == .collectionNotFound {
                return false
            }
            let left = try aliases.filter { !$0.value.hasSameBytes(as: real) }
            if left.count != (try aliases.count) { try save(left) }
            return true
        }
    }

    // MARK: Aliases

    private var file: String { store.directory + "/qdrant-aliases.json" }

    var aliases: [ByteText: String] {
        get throws {
            if let known = known.withLock({ $0 }) { return known }
            var read: [ByteText: String] = [:]
            if let text = FileManager.default.contents(atPath: file) {
                for (alias, name) in try JSONParser.parse(Array(text)).objectValue ?? [:] {
                    read[text: alias] = name.stringValue
                }
            }
            known.withLock { $0 = read }
            return read
        }
    }

    private func save(_ aliases: [ByteText: String]) throws {
        let members = aliases.sorted { $0.key < $1.key }.map { ($0.key.text, JSONValue.string($0.value)) }
        try PrivateFile.makeFolder(store.directory)
        try DurableFile.write(
            JSONWriter.bytes(.object(JSONObject(uniqueKeysWithValues: members))), to: file)
        known.withLock { $0 = aliases }
    }

    /// Performs the actions in order, all of them or none.
    func changeAliases(_ actions: [JSONValue]) async throws {
        try await changing.pass {
            var changed = try aliases
            for action in actions { try await apply(action, to: &changed) }
            try save(changed)
        }
    }

    private func apply(_ action: JSONValue, to aliases: inout [ByteText: String]) async throws {
        func text(_ value: JSONValue, _ key: String) throws -> String {
            guard let text = try value.string(key) else { throw QdrantFailure.format("missing field `\(key)`") }
            return text
        }
        if let create = action.optional("create_alias") {
            let (name, alias) = (try text(create, "collection_name"), try text(create, "alias_name"))
            guard try await isThere(name) else { throw QdrantFailure.noCollection(name) }
            try checkServed(alias)
            guard try await !store.exists(alias) else {
                throw QdrantFailure.conflict("Collection `\(alias)` already exists!")
            }
            aliases[text: alias] = name
        } else if let delete = action.optional("delete_alias") {
            aliases[text: try text(delete, "alias_name")] = nil
        } else if let rename = action.optional("rename_alias") {
            let (old, new) = (try text(rename, "old_alias_name"), try text(rename, "new_alias_name"))
            try checkServed(new)
            guard let name = aliases[text: old] else { throw QdrantFailure.notFound("Alias \(old) does not exists!") }
            guard try await !store.exists(new) else {
                throw QdrantFailure.conflict("Collection `\(new)` already exists!")
            }
            aliases[text: old] = nil
            aliases[text: new] = name
        } else {
            throw QdrantFailure.format("data did not match any variant of untagged enum AliasOperations")
        }
    }
}
