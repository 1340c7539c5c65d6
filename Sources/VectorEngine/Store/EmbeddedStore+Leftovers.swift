extension EmbeddedStore {
    /// Removes the copies that killed processes had made ready to take the place of a collection.
    ///
    /// - Returns: how many there were.
    package func removeLeftovers() async throws -> Int {
        try await Self.offPool { [directory] in
            try EngineError.wrapping(directory) { try StagingPlace.removeLeftovers(in: directory) }
        }
    }

    /// Does the same the first time that this store opens a collection. Leftovers only take room: a failure
    /// refuses nobody.
    func removeLeftoversOnce() {
        guard !hasRemovedLeftovers.exchange(true, ordering: .relaxed) else { return }
        do {
            let count = try StagingPlace.removeLeftovers(in: directory)
            guard count > 0 else { return }
            settings.logger.notice(
                "\(count) unfinished copies that killed processes left were removed",
                metadata: ["directory": "\(directory)"]
            )
        } catch {
            settings.logger.warn(
                "unfinished copies that killed processes may have left could not be removed; they take room until the "
                    + "next start", because: error, file: directory)
        }
    }
}
