/// The names of the collections that a memory keeps in its store.
extension MemoryStore {
    /// Former versions of the collection's items.
    static func historyName(of collection: String) -> String { collection + ".history" }

    /// The vectors of another embedder, while they come together.
    static func stageName(of collection: String) -> String { collection + ".reembedding" }

    /// Every collection that the memory called `collection` makes, now or later.
    package static func collectionNames(of collection: String) -> Set<String> {
        let kept = [collection, historyName(of: collection)]
        return Set(kept + kept.map(stageName))
    }
}
