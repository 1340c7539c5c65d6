import JSON
import Synchronization
import VectorEngine

/// The collections of a data directory by name, and their aliases.
///
/// Every process on the directory may change them: a change of aliases, and the making and deleting of collections
/// beside them, is one transaction of the directory's catalog with its checks inside.
final class CollectionCatalog: Sendable {
    let store: EmbeddedStore
    private let stemmers: Stemmers
    /// Collections that are in the store and not here.
    let withheld: Set<String>
    private let open: Mutex<[ByteText: QdrantCollection]> = Mutex([:])

    /// Largest length of a collection's name, in characters; the engine takes as many bytes.
    static let nameLength = 255
    private static let forbidden: [Unicode.Scalar] = ["/", "\\", "<", ">", ":", "\"", "|", "?", "*", "\0", "\u{1F}"]

    init(store: EmbeddedStore, stemmers: Stemmers, withheld: Set<String> = []) {
        self.store = store
        self.stemmers = stemmers
        self.withheld = withheld
    }

    /// The collection called `name`, or that the alias `name` stands for.
    func collection(_ name: String) async throws -> QdrantCollection {
        let real = try await realName(name)
        if let known = open.withLock({ $0[text: real] }) {
            if isThere(real) {
                try await known.refresh()
                return known
            }
            forget(real)
        }
        guard isThere(real),
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

    /// The collection of that name as it is open now; nil while it is not, and for an alias.
    func opened(_ name: String) -> QdrantCollection? { open.withLock { $0[text: name] } }

    /// The collection, or nil where there is none.
    func known(_ name: String) async throws -> QdrantCollection? {
        try await exists(name) ? try await collection(name) : nil
    }

    func exists(_ name: String) async throws -> Bool { isThere(try await realName(name)) }

    private func realName(_ name: String) async throws -> String { try await aliases[text: name] ?? name }

    /// Whether a collection, not an alias, has that name here.
    private func isThere(_ real: String) -> Bool { !withheld.contains(real) && store.isThere(real) }

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
        let definition = QdrantCollection.definition(config)
        do {
            try await store.changeAliases { [store] aliases in
                guard aliases[text: name] == nil else { throw Self.isAlias(name) }
                try store.makeCollection(name, definition)
            }
        } catch let error as EngineError {
            throw QdrantFailure(error, collection: name)
        }
    }

    /// Puts the copy of a collection at `path` in the place of the one called `name`, or makes one of it.
    func adopt(_ path: String, as name: String) async throws {
        forget(name)
        do {
            try await store.adopt(path, as: name)
        } catch let error as EngineError where error.code == .collectionExists {
            throw Self.isAlias(name)
        }
    }

    /// - Throws: 400 for the name of an alias, which would hide a collection of that name.
    func checkNoAlias(_ name: String) async throws {
        guard try await aliases[text: name] == nil else { throw Self.isAlias(name) }
    }

    private static func isAlias(_ name: String) -> QdrantFailure {
        .wrongInput("Can't create collection with name \(name). Alias with the same name already exists")
    }

    /// Deletes the collection of that name, and its aliases. By an alias none is deleted.
    ///
    /// - Returns: whether there was one.
    func delete(_ name: String) async throws -> Bool {
        let isDeleted = try await store.changeAliases { [self, store, withheld] aliases -> Bool in
            guard !withheld.contains(name) else { return false }
            // Its files are closed with its last user, and removing them takes room for other open files.
            forget(name)
            do {
                try store.removeCollection(name)
            } catch let error as EngineError where error.code == .collectionNotFound {
                return false
            }
            aliases = aliases.filter { !$0.value.hasSameBytes(as: name) }
            return true
        }
        if isDeleted { forget(name) }
        return isDeleted
    }

    // MARK: Aliases

    var aliases: [ByteText: String] {
        get async throws { try await store.aliases() }
    }

    /// Performs the actions in order, all of them or none.
    func changeAliases(_ actions: [JSONValue]) async throws {
        try await store.changeAliases { [self] aliases in
            // A process that was killed while it deleted a collection has left its aliases.
            aliases = aliases.filter { store.isThere($0.value) }
            for action in actions { try self.apply(action, to: &aliases) }
        }
    }

    private func apply(_ action: JSONValue, to aliases: inout [ByteText: String]) throws {
        func text(_ value: JSONValue, _ key: String) throws -> String {
            guard let text = try value.string(key) else { throw QdrantFailure.format("missing field `\(key)`") }
            return text
        }
        func requireFree(_ alias: String) throws {
            try checkServed(alias)
            guard !store.isThere(alias) else { throw QdrantFailure.conflict("Collection `\(alias)` already exists!") }
        }
        if let create = action.optional("create_alias") {
            let (name, alias) = (try text(create, "collection_name"), try text(create, "alias_name"))
            guard isThere(name) else { throw QdrantFailure.noCollection(name) }
            try requireFree(alias)
            aliases[text: alias] = name
        } else if let delete = action.optional("delete_alias") {
            aliases[text: try text(delete, "alias_name")] = nil
        } else if let rename = action.optional("rename_alias") {
            let (old, new) = (try text(rename, "old_alias_name"), try text(rename, "new_alias_name"))
            guard let name = aliases[text: old] else { throw QdrantFailure.notFound("Alias \(old) does not exists!") }
            try requireFree(new)
            aliases[text: old] = nil
            aliases[text: new] = name
        } else {
            throw QdrantFailure.format("data did not match any variant of untagged enum AliasOperations")
        }
    }
}
