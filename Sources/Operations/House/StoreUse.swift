import VectorEngine

/// What a command does with the store, which says how it is opened.
package enum StoreUse: Sendable, CaseIterable {
    /// Names, schedules and keys: without the user's key.
    case keyless
    /// Reading and repairing: with the user's key.
    case looking
    /// Writing: changes are shipped to the log as well.
    case writing
    /// Writing for as long as the process runs: upkeep goes on beside the calls.
    case serving
}

extension Environment {
    /// Opens the store in `directory`, an absolute path. No command constructs a store in any other way.
    ///
    /// - Throws: `SettingsError` or `invalidArgument` for a variable that cannot be used.
    package func store(in directory: String, for use: StoreUse) throws -> EmbeddedStore {
        var settings = EngineSettings()
        switch use {
        case .keyless: break
        case .looking: settings.encryptionKey = try storeKey()
        case .writing, .serving: settings = try engineSettings(directory: directory)
        }
        let store = try EmbeddedStore(directory: directory, settings: settings)
        if use == .serving { store.startUpkeep() }
        return store
    }
}
