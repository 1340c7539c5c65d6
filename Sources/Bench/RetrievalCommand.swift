import ArgumentParser
import Embedding
import Foundation
import JSON
import Memory
import VectorEngine

/// `Bench retrieval`: how well the memory finds, on any collection in BEIR's layout.
///
/// Every document is stored as a memory in the order of its file, every judged question is asked three times: by words,
/// by meaning, and by both as `memory_find` does it. any@5 is the share of questions with a relevant document among the
/// first five, recall@10 the share of relevant documents among the first ten, nDCG@10 has the judged grade as gain
/// (Järvelin and Kekäläinen 2002), ideal order over all judged documents; each is a mean over questions.
struct RetrievalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retrieval", abstract: "Measure retrieval on a folder in BEIR's layout.")

    @Option(help: ArgumentHelp("corpus.jsonl, queries.jsonl and qrels/test.tsv.", valueName: "dir"))
    var beir: String

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: ArgumentHelp("Keep the store here instead of a temporary folder.", valueName: "dir"))
    var store: String?

    func run() async throws {
        let set = try BEIRSet(directory: beir)
        let directory = store ?? NSTemporaryDirectory() + "cortex-retrieval-\(UUID().uuidString)"
        let points = try EmbeddedStore(directory: directory)
        let documents = try await fill(points, with: set)
        var report: JSONObject = ["questions": .integer(Int64(set.questions.count))]
        var lines: [String] = []
        for way in Way.allCases {
            let memory = Self.memory(points, way.settings)
            var total = RetrievalFigures()
            for question in set.questions {
                var request = FindRequest(String(question.text.prefix(1000)))
                request.strategy = way == .lexical ? .fast : .auto
                request.includesContent = false
                let found = try await memory.find(request, context: CallContext(defaultScope: .empty))
                total.add(found.items.compactMap { documents[$0.id] }, judged: question.grades)
            }
            report[way.rawValue] = total.json
            lines.append(total.line(way.rawValue))
        }
        try await points.close()
        if store == nil { try FileManager.default.removeItem(atPath: directory) }
        if json {
            print(JSONWriter.text(.object(report)))
        } else {
            print("\(set.documents.count) documents, \(set.questions.count) questions")
            print("            any@5    recall@10 nDCG@10")
            lines.forEach { print($0) }
        }
    }

    private static func memory(_ points: EmbeddedStore, _ settings: MemorySettings) -> MemoryStore {
        let clock = RealClock()
        return MemoryStore(
            points: points, embedder: MiniLM.isPresent ? MiniLM() : nil, lexical: .bm25(), settings: settings,
            now: { clock.microseconds }, random: { .random(in: .min ... .max) })
    }

    /// Stores every document and answers which id became which.
    private func fill(_ points: EmbeddedStore, with set: BEIRSet) async throws -> [UUIDBytes: String] {
        let memory = Self.memory(points, MemorySettings())
        var documents: [UUIDBytes: String] = [:]
        for start in stride(from: 0, to: set.documents.count, by: 100) {
            let batch = set.documents[start..<min(set.documents.count, start + 100)]
            var request = StoreRequest(batch.map(\.item))
            request.deduplication.isEnabled = false
            let result = try await memory.store(request, context: CallContext(defaultScope: .empty))
            for (document, item) in zip(batch, result.items) {
                guard let id = item.id else {
                    throw ValidationError("document \(document.id) was refused: \(item.error?.message ?? "no reason")")
                }
                documents[id] = document.id
            }
        }
        return documents
    }
}

private enum Way: String, CaseIterable {
    case lexical, dense, hybrid

    var settings: MemorySettings {
        var settings = MemorySettings()
        if self == .dense {
            settings.lexicalWeight = 0
            settings.denseWeight = 1
            settings.authorBonus = 0
        }
        return settings
    }
}

private struct RealClock {
    var microseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
