import Foundation
import Memory
import Outbound

/// Where vectors come from.
package enum EmbedderChoice: String, Sendable, CaseIterable {
    case builtin, openai, none
}

/// What a command says about the memory: flags first, then the environment, then the git checkout.
package struct HouseSettings: Sendable {
    package var environment: Environment
    /// The data directory as it was given; nil for the environment's.
    package var data: String?
    package var project: String?
    package var branch: String?
    package var org: String?
    package var embedder = EmbedderChoice.builtin
    package var embeddingURL: String?
    package var embeddingModel: String?
    package var embeddingDimension = 1_536
    /// Where the git checkout is looked for.
    package var workingDirectory = FileManager.default.currentDirectoryPath

    package init(environment: Environment = .current) { self.environment = environment }

    /// Absolute path of the data directory.
    package var directory: String { environment.directory(data) }

    /// Absolute path of the place where backups and the shipped log are.
    package var backupLocation: String { environment.backups(of: directory) }

    /// The scope of a stored item that names none of its own.
    package var scope: MemoryScope {
        var values = environment.scope
        // "here" is the checkout that is stood in.
        if let project, project.lowercased() != "here" { values["project"] = project }
        // The branch of a checkout says nothing about another project.
        if let checkout = GitCheckout(containing: workingDirectory),
            values["project"].map({ $0.lowercased() == checkout.project.lowercased() }) ?? true
        {
            values["project"] = values["project"] ?? checkout.project
            values["branch"] = values["branch"] ?? checkout.branch
        }
        if let branch { values["branch"] = branch }
        if let org { values["org"] = org }
        return MemoryScope(values)
    }

    /// The memory's numbers, with what the environment says about them.
    ///
    /// - Throws: `SettingsError` for a variable that cannot be used.
    func memorySettings() throws -> MemorySettings {
        var settings = MemorySettings()
        for (name, text) in environment.kindLifeDays.sorted(by: { $0.key < $1.key }) {
            guard let kind = MemoryKind(rawValue: name) else {
                throw SettingsError("TTL_\(name.uppercased())_DAYS: there is no kind of memory called \(name)")
            }
            guard let days = Int(text), (1...MemorySettings.maximumKindLifeDays).contains(days) else {
                throw SettingsError(
                    "TTL_\(name.uppercased())_DAYS is 1 to \(MemorySettings.maximumKindLifeDays); leave it out for "
                        + "permanent")
            }
            settings.kindLifeDays[kind] = days
        }
        return settings
    }

    /// The embedding service; nil where none is wanted.
    ///
    /// - Throws: `SettingsError` when the service's address or model is not known.
    func remoteEmbedder() throws -> OpenAIEmbedder? {
        guard embedder == .openai else { return nil }
        guard let model = embeddingModel ?? environment.embeddingModel else {
            throw SettingsError("--embedder openai needs --embedding-model or EMBEDDING_MODEL")
        }
        guard let base = embeddingURL ?? environment.openAIBaseURL else {
            throw SettingsError("--embedder openai needs --embedding-url or OPENAI_BASE_URL")
        }
        return try OpenAIEmbedder(
            settings: OpenAIEmbedder.Settings(
                baseURL: base, apiKey: environment.openAIKey ?? "", model: model, dimension: embeddingDimension))
    }
}
