import ArgumentParser
import Embedding
import Foundation
import JSON
import Memory
import VectorEngine

/// `Bench retrieval`: how well the memory finds, on any collection in BEIR's layout.
///
/// Every document is stored as a memory in the order of its file (author, session and date from its metadata), every
/// judged question is asked by words, by meaning, and by both as `memory_find` does it. any@k is the share of questions
/// with a relevant document among the first k, recall@10 the share of relevant documents among the first ten, nDCG@10
/// has the judged grade as gain (Järvelin and Kekäläinen 2002), ideal order over all judged documents; each is a mean
/// over questions.
struct RetrievalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retrieval", abstract: "Measure retrieval on a folder in BEIR's layout.")

    @Option(help: ArgumentHelp("corpus.jsonl, queries.jsonl and qrels/test.tsv.", valueName: "dir"))
    var beir: String

    @Option(help: ArgumentHelp("The judgements qrels/NAME.tsv.", valueName: "name"))
    var split = "test"

    @Flag(help: "Measure plain BM25, plain dense search and their rank fusion on the same documents as well.")
    var baselines = false

    @Flag(help: "Measure the ranking with each of its steps left out.")
    var ablation = false

    @Option(
        help: ArgumentHelp(
            "Measure the ranking with another weight as well, such as author=0.3,answer=0.", valueName: "weights"))
    var with: [String] = []

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: ArgumentHelp("Keep the store here instead of a temporary folder.", valueName: "dir"))
    var store: String?

    func run() async throws {
        let set = try BEIRSet(directory: beir, split: split)
        let directory = store ?? NSTemporaryDirectory() + "cortex-retrieval-\(UUID().uuidString)"
        let points = try EmbeddedStore(directory: directory)
        let bench = RetrievalBench(set: set, points: points)
        var rows = [try await bench.row(.lexical), try await bench.row(.dense), try await bench.row(.hybrid)]
        if baselines { rows += try await bench.plainRows() }
        if ablation {
            for variant in RetrievalVariant.all { rows.append(try await bench.row(variant)) }
        }
        for text in with { rows.append(try await bench.row(try RetrievalVariant(weights: text))) }
        try await points.close()
        if store == nil { try FileManager.default.removeItem(atPath: directory) }
        let kinds = rows.first { $0.name == RetrievalVariant.hybrid.name }?.kinds ?? [:]
        if json {
            var report: JSONObject = ["questions": .integer(Int64(set.questions.count))]
            for row in rows { report[row.name] = row.figures.json }
            report["kinds"] = .object(kinds.mapValues(\.json).reduce(into: [:]) { $0[$1.key] = $1.value })
            print(JSONWriter.text(.object(report)))
        } else {
            print("\(set.documents.count) documents, \(set.questions.count) questions")
            print(RetrievalFigures.head)
            for row in rows { print(row.figures.line(row.name)) }
            for (kind, figures) in kinds.sorted(by: { $0.key < $1.key }) {
                print(figures.line("  \(kind) (\(figures.count))"))
            }
        }
    }
}

/// One way to rank: a name, and what it changes.
struct RetrievalVariant: Sendable {
    let name: String
    var isLexical = false
    /// Whether the documents are encoded in another way too, so that they need a collection of their own.
    var changesItems = false
    var weights = LexicalEncoder.Weights()
    let change: @Sendable (inout MemorySettings) -> Void

    static let lexical = RetrievalVariant(name: "lexical", isLexical: true) { _ in }
    static let hybrid = RetrievalVariant(name: "hybrid") { _ in }
    static let dense = RetrievalVariant(name: "dense") { settings in
        settings.lexicalWeight = 0
        settings.denseWeight = 1
        settings.withoutBonuses()
    }

    /// The whole ranking with one step left out of each.
    static let all: [RetrievalVariant] = [
        RetrievalVariant(name: "-cover") { $0.weighsCover = false },
        RetrievalVariant(name: "-readable") { $0.readablePieces = .greatestFiniteMagnitude },
        RetrievalVariant(name: "-unread half") { $0.unreadableShare = 0 },
        RetrievalVariant(name: "-full cover") { $0.fullCoverBonus = 0 },
        RetrievalVariant(name: "-author") { $0.authorBonus = 0 },
        RetrievalVariant(name: "-answer") { $0.answerBonus = 0 },
        RetrievalVariant(name: "-date") { $0.dateBonus = 0 },
        RetrievalVariant(name: "-question") { $0.questionPenalty = 0 },
        RetrievalVariant(name: "-brevity") { $0.brevityPenalty = 0 },
        RetrievalVariant(name: "-bonuses") { $0.withoutBonuses() },
        RetrievalVariant(name: "-context", changesItems: true) { $0.usesContext = false },
        RetrievalVariant(name: "-related", changesItems: true) { $0.relatedness = 2 },
        RetrievalVariant(name: "-next", changesItems: true, weights: blind) { _ in },
        RetrievalVariant(name: "-fields", changesItems: true, weights: fieldless) { _ in },
    ]

    private static let blind: LexicalEncoder.Weights = {
        var weights = LexicalEncoder.Weights()
        weights.next = 0
        return weights
    }()

    private static let fieldless: LexicalEncoder.Weights = {
        var weights = LexicalEncoder.Weights()
        weights.author = 0
        weights.date = 0
        return weights
    }()
}

extension RetrievalVariant {
    /// The weights of the ranking that `--with` names.
    private static let weights: [String: WritableKeyPath<MemorySettings, Double> & Sendable] = [
        "author": \.authorBonus, "answer": \.answerBonus, "date": \.dateBonus, "question": \.questionPenalty,
        "brevity": \.brevityPenalty, "full cover": \.fullCoverBonus, "covered": \.coveredShare,
        "pieces": \.readablePieces, "unread": \.unreadableShare, "lexical": \.lexicalWeight, "dense": \.denseWeight,
    ]

    init(weights text: String) throws {
        let changes = try text.split(separator: ",").map { part in
            let sides = part.split(separator: "=")
            guard sides.count == 2, let path = Self.weights[String(sides[0])], let value = Double(sides[1]),
                value.isFinite
            else {
                let names = Self.weights.keys.sorted().joined(separator: ", ")
                throw ValidationError("--with takes NAME=NUMBER, parted by commas; names are \(names)")
            }
            return (path, value)
        }
        self.init(name: text) { settings in
            for (path, value) in changes { settings[keyPath: path] = value }
        }
    }
}

extension MemorySettings {
    mutating func withoutBonuses() {
        authorBonus = 0
        answerBonus = 0
        dateBonus = 0
        questionPenalty = 0
        brevityPenalty = 0
        fullCoverBonus = 0
    }
}
