import ArgumentParser
import Embedding

/// How fast the built-in transformer is on this machine: one text of 20 tokens, and batches.
struct EmbedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed", abstract: "Measure the built-in embedder: milliseconds a text, tokens a second.")

    @Option(help: "Threads for the batches.") var threads = 1
    @Option(help: "Texts in a batch.") var texts = 130
    @Option(help: "Runs of each measurement; the best is shown.") var runs = 5
    @Flag(help: "Measure every instruction set, not only the best.") var all = false
    @Option(help: "An instruction set by name, instead of the best.") var instructions: String?
    @Option(help: "Embed this file's lines as one batch, in place of the built-in sentences.") var from: String?
    @Option(help: "With --from: also each of this file's lines alone.") var alone: String?
    @Option(help: "With --from: write the batch's vectors here, float32, row-major.") var vectors: String?
    @Flag(help: "Print one JSON object.") var json = false

    private struct Row {
        let instructionSet: String
        let singleMilliseconds: Double
        let batchTokensPerSecond: Double
        let longTokensPerSecond: Double
    }

    func validate() throws {
        guard (1...256).contains(threads) else { throw ValidationError("--threads must be 1 to 256.") }
        guard (1...100_000).contains(texts) else { throw ValidationError("--texts must be 1 to 100000.") }
        guard (1...1_000).contains(runs) else { throw ValidationError("--runs must be 1 to 1000.") }
        guard from != nil || (alone == nil && vectors == nil) else {
            throw ValidationError("--alone and --vectors need --from.")
        }
        guard instructions.map(MiniLM.instructionSets.contains) ?? true else {
            throw ValidationError("This processor has \(MiniLM.instructionSets.joined(separator: ", ")).")
        }
    }

    func run() throws {
        if let from { return try runTexts(from: from) }
        let first = MiniLM(threads: threads)
        let firstMilliseconds = try milliseconds { _ = try first.embedBlocking(["the first text"]) }
        let sets = all ? Array(MiniLM.instructionSets.indices) : [chosenSet]
        let rows = try sets.map { try measure(instructionSet: $0) }
        let revision = first.identity.revision
        if json {
            let sets = rows.map {
                #"{"instructions":"\#($0.instructionSet)","ms_20_tokens":\#($0.singleMilliseconds),"#
                    + #""tokens_per_second":\#($0.batchTokensPerSecond),"#
                    + #""tokens_per_second_256":\#($0.longTokensPerSecond)}"#
            }
            print(
                #"{"model":"\#(MiniLM.name)","revision":"\#(revision)","threads":\#(threads),"#
                    + #""first_ms":\#(firstMilliseconds),"kernels":[\#(sets.joined(separator: ","))]}"#)
            return
        }
        print("\(MiniLM.name) \(revision), \(threads) threads; first text \(rounded(firstMilliseconds)) ms")
        for row in rows {
            print(
                "\(row.instructionSet): 20 tokens \(rounded(row.singleMilliseconds)) ms, "
                    + "\(rounded(row.batchTokensPerSecond)) tokens/s in a batch, "
                    + "\(rounded(row.longTokensPerSecond)) tokens/s in texts of 256 tokens")
        }
    }

    /// The index of `--instructions`, or of the best.
    var chosenSet: Int { instructions.flatMap { MiniLM.instructionSets.firstIndex(of: $0) } ?? 0 }

    private func measure(instructionSet: Int) throws -> Row {
        let words = "the quick brown fox jumps over the lazy dog and then it sleeps in the warm sun"
        let short = (0..<texts).map { words + " \($0 % 10)" }
        let long = (0..<max(1, texts / 13)).map { _ in Array(repeating: words, count: 20).joined(separator: " ") }
        let alone = MiniLM(threads: 1, instructionSet: instructionSet)
        let many = MiniLM(threads: threads, instructionSet: instructionSet)
        return Row(
            instructionSet: MiniLM.instructionSets[instructionSet],
            singleMilliseconds: try best(of: runs * 10) { _ = try alone.embedBlocking([short[0]]) },
            batchTokensPerSecond: try tokensPerSecond(many, short),
            longTokensPerSecond: try tokensPerSecond(many, long))
    }

    private func tokensPerSecond(_ model: MiniLM, _ texts: [String]) throws -> Double {
        let tokens = try texts.reduce(0) { $0 + (try model.tokens(of: $1).count) }
        return Double(tokens) / (try best(of: runs) { _ = try model.embedBlocking(texts) } / 1_000)
    }

    /// The least time of several runs, after one that is not counted.
    private func best(of runs: Int, _ body: () throws -> Void) throws -> Double {
        try body()
        return try (0..<runs).map { _ in try milliseconds(body) }.min() ?? .nan
    }

    func milliseconds(_ body: () throws -> Void) throws -> Double {
        try ContinuousClock().measure(body) / .milliseconds(1)
    }

    private func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
