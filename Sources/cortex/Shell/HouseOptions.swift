import ArgumentParser
import Foundation
import Memory
import VectorEngine

/// Flags that every command which touches the memory takes.
struct HouseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The data directory.", discussion: "Default: CORTEX_DATA, else the XDG data directory.", valueName: "dir"))
    var data: String?

    @Option(help: "Scope: the project memories belong to. Default: CORTEX_PROJECT, else the git checkout you stand in.")
    var project: String?

    @Option(help: "Scope: the branch. Default: CORTEX_BRANCH, else the checkout's.")
    var branch: String?

    @Option(help: "Scope: the organisation. Default: CORTEX_ORG.")
    var org: String?

    @Option(
        help: ArgumentHelp(
            "Where vectors come from: builtin, openai or none.",
            discussion: "openai means any service with OpenAI's /embeddings; its key is read from OPENAI_API_KEY."))
    var embedder: EmbedderChoice = .builtin

    @Option(help: ArgumentHelp("Base URL of the embedding service. Default: OPENAI_BASE_URL.", valueName: "url"))
    var embeddingURL: String?

    @Option(help: ArgumentHelp("Model of the embedding service. Default: EMBEDDING_MODEL.", valueName: "name"))
    var embeddingModel: String?

    @Option(help: ArgumentHelp("Components of that model's vectors.", valueName: "n"))
    var embeddingDimension: Int = 1536

    func validate() throws {
        if let data, data.isEmpty { throw ValidationError("--data needs a directory") }
        guard (1...65_536).contains(embeddingDimension) else {
            throw ValidationError("--embedding-dimension is 1 to 65536")
        }
    }

    /// Absolute path of the data directory.
    var directory: String {
        let path = data ?? Environment.current.dataDirectory
        let expanded = path.hasPrefix("~/") ? NSHomeDirectory() + path.dropFirst() : path
        return URL(fileURLWithPath: expanded).standardizedFileURL.path
    }

    /// Absolute path of the place where backups and the shipped log are.
    var backupLocation: String {
        Environment.current.backupLocation.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
            ?? BackupArchive.standardLocation(of: directory)
    }

    /// What a store without a scope of its own gets: flags, then the environment, then the git checkout.
    var scope: MemoryScope {
        var values = Environment.current.scope
        if values.isEmpty, let checkout = GitCheckout(containing: FileManager.default.currentDirectoryPath) {
            values["project"] = checkout.project
            values["branch"] = checkout.branch
        }
        if let project { values["project"] = project }
        if let branch { values["branch"] = branch }
        if let org { values["org"] = org }
        return MemoryScope(values)
    }
}

enum EmbedderChoice: String, ExpressibleByArgument, CaseIterable {
    case builtin, openai, none
}
