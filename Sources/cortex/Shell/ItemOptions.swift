import ArgumentParser
import Memory

/// What is said about new memories.
struct ItemOptions: ParsableArguments {
    @Option(
        name: [.customLong("kind"), .customLong("type")],
        help: "The kind of each memory that does not say its own.", completion: .list(Shown.kinds))
    var kind = "observation"

    @Option(name: .customLong("tag"), help: ArgumentHelp("A tag; may be given several times.", valueName: "tag"))
    var tags: [String] = []

    @Option(
        help: "When it ends: short (24 hours), default (30 days), long (90 days) or permanent; permanent unless said.",
        completion: .list(Shown.policies))
    var ttl: String?
}

/// Which memories are meant.
struct KindOptions: ParsableArguments {
    @Option(
        name: [.customLong("kind"), .customLong("type")],
        help: ArgumentHelp("Only this kind; may be given several times.", valueName: "kind"),
        completion: .list(Shown.kinds))
    var kinds: [String] = []
}

/// Values that a shell completes.
enum Shown {
    static let kinds = MemoryKind.allCases.map(\.rawValue)
    static let policies = ["permanent", "short", "default", "long"]
    /// What `--ttl` says.
    static func expiry(_ flag: String?) throws -> ExpiryChoice? {
        guard let flag else { return nil }
        guard let choice = ExpiryChoice(policy: flag) else {
            throw ValidationError("--ttl is one of \(policies.joined(separator: ", ")), not \(flag)")
        }
        return choice
    }

    static let modes = ["fast", "auto", "deep"]
}
