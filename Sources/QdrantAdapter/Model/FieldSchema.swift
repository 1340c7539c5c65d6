import JSON
import VectorEngine

/// Cuts a word to its stem, by the name of its language.
package typealias Stemmers = [String: @Sendable (String) -> String]

/// Definitions of payload indexes as the wire writes them: a type's name, or an object with `type` and parameters.
enum FieldSchema {
    static func kind(_ schema: JSONValue) -> PayloadIndexKind? {
        (schema.stringValue ?? schema["type"]?.stringValue).flatMap(PayloadIndexKind.init(rawValue:))
    }

    /// - Throws: a refusal of an unknown type or parameters that contradict each other.
    static func definition(_ schema: JSONValue, _ stemmers: Stemmers) throws(QdrantFailure) -> PayloadIndexDefinition {
        guard let kind = kind(schema) else {
            throw .format("data did not match any variant of untagged enum PayloadFieldSchema")
        }
        if kind == .integer, try schema.bool("lookup") == false, try schema.bool("range") == false {
            var validation = Validation()
            validation.problem(
                "field_schema",
                "the 'lookup' and 'range' capabilities can't be both disabled")
            try validation.finish()
        }
        guard kind == .text else { return PayloadIndexDefinition(kind: kind) }
        return PayloadIndexDefinition(kind: kind, analyzer: try analyzer(schema, stemmers))
    }

    private static func analyzer(_ schema: JSONValue, _ stemmers: Stemmers) throws(QdrantFailure) -> TextAnalyzer {
        var analyzer = TextAnalyzer()
        if let name = try schema.string("tokenizer") {
            guard let tokenizer = TextAnalyzer.Tokenizer(rawValue: name) else {
                throw .format(
                    "unknown variant `\(name)`, expected one of `prefix`, `whitespace`, `word`, `multilingual`")
            }
            analyzer.tokenizer = tokenizer
        }
        analyzer.lowercases = try schema.bool("lowercase") ?? true
        analyzer.foldsToASCII = try schema.bool("ascii_folding") ?? false
        analyzer.minimumLength = try schema.count("min_token_len") ?? 0
        analyzer.maximumLength = try schema.count("max_token_len") ?? .max
        analyzer.matchesPhrases = try schema.bool("phrase_matching") ?? false
        if let stopWords = schema.optional("stopwords") {
            analyzer.stopWords = StopWords.read(stopWords, folds: analyzer.lowercases)
        }
        if let stemmer = schema.optional("stemmer") {
            let language = stemmer["language"]?.stringValue ?? stemmer.stringValue ?? ""
            analyzer.stem = stemmers[language]
        }
        return analyzer
    }

    /// As `payload_schema` shows it.
    static func shown(_ schema: JSONValue, points: Int) -> JSONValue {
        var members: JSONObject = ["data_type": .string(kind(schema)?.rawValue ?? "")]
        if case .object = schema { members["params"] = schema.withoutNulls }
        members["points"] = .integer(Int64(points))
        return .object(members)
    }
}

/// Words a text index leaves out.
enum StopWords {
    /// English function words, as most analysers have them.
    private static let english: Set<String> = [
        "i", "me", "my", "myself", "we", "our", "ours", "ourselves", "you", "your", "yours", "yourself", "yourselves",
        "he", "him", "his", "himself", "she", "her", "hers", "herself", "it", "its", "itself", "they", "them", "their",
        "theirs", "themselves", "what", "which", "who", "whom", "this", "that", "these", "those", "am", "is", "are",
        "was", "were", "be", "been", "being", "have", "has", "had", "having", "do", "does", "did", "doing", "a", "an",
        "the", "and", "but", "if", "or", "because", "as", "until", "while", "of", "at", "by", "for", "with", "about",
        "against", "between", "into", "through", "during", "before", "after", "above", "below", "to", "from", "up",
        "down", "in", "out", "on", "off", "over", "under", "again", "further", "then", "once", "here", "there", "when",
        "where", "why", "how", "all", "any", "both", "each", "few", "more", "most", "other", "some", "such", "no",
        "nor", "not", "only", "own", "same", "so", "than", "too", "very", "s", "t", "can", "will", "just", "don",
        "should", "now",
    ]

    /// A language's name, or `{languages, custom}`. Only English has a list of its own here.
    ///
    /// - Parameter folds: words of the caller's are compared in lower case.
    static func read(_ value: JSONValue, folds: Bool) -> Set<String> {
        var words: Set<String> = []
        var languages = value["languages"]?.arrayValue?.compactMap(\.stringValue) ?? []
        if let one = value.stringValue { languages.append(one) }
        if languages.contains("english") { words = english }
        for word in (value["custom"]?.arrayValue ?? []).compactMap(\.stringValue) {
            words.insert(folds ? word.lowercased() : word)
        }
        return words
    }
}
