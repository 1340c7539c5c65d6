/// In what two texts of nearly one meaning differ.
///
/// Vectors of "the timeout is 30 s" and "the timeout is 60 s" are nearer to each other than most copies are. So near
/// copies are merged only where they agree in what tells facts apart: numbers, names, identifiers, dates, negation and
/// a few opposites. Who errs here keeps two memories for one; the other error would lose one.
enum Distinction: Equatable {
    /// The same facts, as far as words show.
    case none
    /// One denies what the other says.
    case negation
    /// Another number, day or setting.
    case value
    /// Another person or thing.
    case subject

    private static let negations: Set<String> = [
        "not", "no", "never", "none", "neither", "nor", "cannot", "cant", "dont", "doesnt", "didnt", "isnt", "arent",
        "wasnt", "werent", "wont", "wouldnt", "shouldnt", "couldnt", "hasnt", "havent", "hadnt", "without", "nobody",
        "nothing",
    ]
    private static let opposites: Set<String> = [
        "enabled", "disabled", "enable", "disable", "on", "off", "true", "false", "allow", "deny", "allowed", "denied",
        "accepted", "rejected", "before", "after", "up", "down", "minimum", "maximum", "increase", "decrease",
        "increased", "decreased", "open", "closed", "public", "private", "start", "stop", "started", "stopped", "left",
        "right", "passed", "failed", "succeeded", "above", "below", "more", "less", "first", "last", "always",
    ]

    /// - Parameter terms: The analyser, so that a word at a sentence's start is not taken for a name that the other
    ///   text has in another form.
    init(_ a: String, _ b: String, terms: (String) -> [String]) {
        let (first, second) = (Marks(a), Marks(b))
        let (firstTerms, secondTerms) = (Set(terms(a)), Set(terms(b)))
        func isMissing(_ names: Set<String>, _ other: Set<String>) -> Bool {
            names.contains { name in
                let stems = terms(name)
                return !stems.isEmpty && !stems.contains(where: other.contains)
            }
        }
        if first.identifiers != second.identifiers || isMissing(first.names, secondTerms)
            || isMissing(second.names, firstTerms)
        {
            self = .subject
        } else if first.isNegated != second.isNegated {
            self = .negation
        } else if first.values != second.values {
            self = .value
        } else {
            self = .none
        }
    }

    /// What stands out in one text.
    private struct Marks {
        var values: [String] = []
        var names: Set<String> = []
        var identifiers: Set<String> = []
        var isNegated = false

        init(_ text: String) {
            for run in text.split(whereSeparator: {
                !$0.isLetter && !$0.isNumber && $0 != "'" && $0 != "’" && $0 != "_"
            }) {
                let word = run.filter { $0 != "'" && $0 != "’" }
                let folded = word.lowercased()
                if negations.contains(folded) {
                    isNegated.toggle()
                } else if folded.contains(where: \.isNumber) || TimeWords.numbers[folded] != nil
                    || TimeWords.weekdays[folded] != nil || opposites.contains(folded)
                    || (folded.count > 3 && TimeWords.months[folded] != nil)
                {
                    values.append(folded)
                } else if Self.isIdentifier(folded) {
                    identifiers.insert(folded)
                } else if word.first?.isUppercase == true {
                    names.insert(String(word))
                }
            }
        }

        /// A word that no language would have: no vowel, or an underscore.
        private static func isIdentifier(_ word: String) -> Bool {
            if word.contains("_") { return true }
            return word.utf8.count > 3 && word.allSatisfy(\.isASCII) && !word.contains { "aeiouy".contains($0) }
        }
    }
}
