import ArgumentParser
import Foundation
import JSON
import Memory
import VectorEngine

/// A retrieval collection in BEIR's layout (Thakur et al. 2021, doi:10.48550/arXiv.2104.08663).
///
///     corpus.jsonl    {"_id", "title"?, "text", "metadata"?: {"author"?, "session"?, "created_at"?, "project"?,
///                     "deleted"?}}, in insertion order; what is marked deleted is stored and then deleted
///     queries.jsonl   {"_id", "text", "metadata"?: {"kind"?, "project"?}}; figures are also given by kind, and a
///                     project narrows the search
///     qrels/test.tsv  query-id, corpus-id, score, with a head line; a score above 0 is relevant
struct BEIRSet {
    struct Document {
        let id: String
        let item: StoreItem
        /// Title and text.
        let text: String
        let isDeleted: Bool
    }

    struct Question {
        let text: String
        /// What it tests; nil where the set does not say.
        let kind: String?
        /// The scope it is asked in.
        let project: String?
        /// Judged documents and their grades.
        let grades: [String: Int]
    }

    let documents: [Document]
    /// Only those with at least one relevant document.
    let questions: [Question]

    init(directory: String, split: String = "test") throws {
        documents = try Self.lines(directory + "/corpus.jsonl").map { row in
            guard let id = row["_id"]?.stringValue, let text = row["text"]?.stringValue else {
                throw ValidationError("corpus.jsonl: every row has _id and text")
            }
            let title = row["title"]?.stringValue ?? ""
            return Document(
                id: id, item: Self.item(title: title, text: text, row["metadata"]),
                text: title.isEmpty ? text : title + "\n" + text,
                isDeleted: row["metadata"]?["deleted"]?.boolValue ?? false)
        }
        var grades: [String: [String: Int]] = [:]
        for line in try Self.text(directory + "/qrels/\(split).tsv").split(whereSeparator: \.isNewline).dropFirst() {
            let fields = line.split(separator: "\t").map(String.init)
            guard fields.count == 3, let grade = Int(fields[2]) else {
                throw ValidationError("qrels/\(split).tsv: a line is query, document, whole number, parted by tabs")
            }
            grades[fields[0], default: [:]][fields[1]] = grade
        }
        questions = try Self.lines(directory + "/queries.jsonl").compactMap { row in
            guard let id = row["_id"]?.stringValue, let text = row["text"]?.stringValue else {
                throw ValidationError("queries.jsonl: every row has _id and text")
            }
            guard let judged = grades[id], judged.values.contains(where: { $0 > 0 }) else { return nil }
            return Question(
                text: text, kind: row["metadata"]?["kind"]?.stringValue,
                project: row["metadata"]?["project"]?.stringValue, grades: judged)
        }
    }

    /// A document with a title as a section, so that its title counts as one; an empty text still has its title.
    private static func item(title: String, text: String, _ metadata: JSONValue?) -> StoreItem {
        var item: StoreItem
        if title.isEmpty {
            item = StoreItem(.observation, content: text.isEmpty ? "(empty)" : text)
        } else {
            item = StoreItem(
                .section, data: ["title": .string(title), "body_text": .string(text)])
        }
        item.source.actor = metadata?["author"]?.stringValue
        item.source.session = metadata?["session"]?.stringValue
        if let project = metadata?["project"]?.stringValue { item.scope = MemoryScope(["project": project]) }
        item.source.timestamp = metadata?["created_at"]?.stringValue.flatMap { Timestamp.parse($0) }
        return item
    }

    private static func text(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path), let text = String(bytes: data, encoding: .utf8)
        else {
            throw ValidationError("cannot read \(path) as UTF-8 text")
        }
        return text
    }

    private static func lines(_ path: String) throws -> [JSONValue] {
        try text(path).split(separator: "\n").map { try JSONParser.parse(String($0)) }
    }
}

/// Sums of the three measures over questions.
struct RetrievalFigures {
    /// Questions that were counted.
    private(set) var count = 0
    private var anyAt5 = 0.0
    private var anyAt10 = 0.0
    private var recallAt10 = 0.0
    private var gainAt10 = 0.0

    /// Counts one question: `found` best first, `judged` with grades; above 0 is relevant.
    mutating func add(_ found: [String], judged: [String: Int]) {
        let relevant = judged.filter { $0.value > 0 }
        count += 1
        anyAt5 += found.prefix(5).contains { relevant[$0] != nil } ? 1 : 0
        anyAt10 += found.prefix(10).contains { relevant[$0] != nil } ? 1 : 0
        recallAt10 += Double(found.prefix(10).count { relevant[$0] != nil }) / Double(max(1, relevant.count))
        func gain(_ grades: [Int]) -> Double {
            grades.prefix(10).enumerated().reduce(0) { $0 + Double($1.element) / log2(Double($1.offset + 2)) }
        }
        let ideal = gain(relevant.values.sorted(by: >))
        if ideal > 0 { gainAt10 += gain(found.map { relevant[$0] ?? 0 }) / ideal }
    }

    private var means: [(name: String, value: Double)] {
        let count = Double(max(1, count))
        return [
            ("any@5", anyAt5 / count), ("any@10", anyAt10 / count), ("recall@10", recallAt10 / count),
            ("ndcg@10", gainAt10 / count),
        ]
    }

    var json: JSONValue {
        func rounded(_ value: Double) -> JSONValue { .number((value * 10_000).rounded() / 10_000) }
        return .object(JSONObject(uniqueKeysWithValues: means.map { ($0.name, rounded($0.value)) }))
    }

    static let head = "            any@5    any@10   recall@10 nDCG@10"

    func line(_ name: String) -> String {
        name.padding(toLength: max(12, name.count + 1), withPad: " ", startingAt: 0)
            + means.map { String(format: "%.3f", $0.value).padding(toLength: 9, withPad: " ", startingAt: 0) }.joined()
    }
}
