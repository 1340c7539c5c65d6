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
        if values.isEmpty, let checkout = GitCheckout(containing: workingDirectory) {
            values["project"] = checkout.project
            values["branch"] = checkout.branch
        }
        if let project { values["project"] = project }
        if let branch { values["branch"] = branch }
        if let org { values["org"] = org }
        return MemoryScope(values)
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
