import ArgumentParser
import JSON
import Operations

/// Flags that every command which touches the memory takes.
struct HouseOptions: ParsableArguments {
    @OptionGroup var place: DataOption

    @Option(
        help:
            "Scope: the memories' project. Default: CORTEX_PROJECT, else the git checkout of the working directory."
    )
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
        guard (1...65_536).contains(embeddingDimension) else {
            throw ValidationError("--embedding-dimension is 1 to 65536")
        }
    }

    /// The scope that a command narrows to: what the flags say, and with `here` the project that is stood in, whatever
    /// its branch. Which one that is the memory knows.
    func narrowedScope(here: Bool = false) -> JSONObject {
        var scope = JSONObject()
        if let project = project ?? (here ? "here" : nil) { scope["project"] = .string(project) }
        scope["branch"] = branch.map { .string($0) }
        scope["org"] = org.map { .string($0) }
        return scope
    }

    var settings: HouseSettings {
        var settings = HouseSettings()
        settings.data = place.data
        settings.project = project
        settings.branch = branch
        settings.org = org
        settings.embedder = embedder
        settings.embeddingURL = embeddingURL
        settings.embeddingModel = embeddingModel
        settings.embeddingDimension = embeddingDimension
        return settings
    }
}

extension EmbedderChoice: ExpressibleByArgument {}
