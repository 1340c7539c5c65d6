import JSON

/// In what two texts about one thing cannot both hold, as far as their words show.
///
/// Only texts that agree in everything but one place are compared: the same words with and without a negation, or the
/// same words up to a verb and after it another value of the same attribute. What differs before the verb is the
/// subject, and two subjects may have two values: "the left sidebar is 200 px" and "the right sidebar is 300 px" do
/// not contradict each other. In doubt nothing is reported, and a report blocks nothing.
enum Disagreement: Equatable {
    /// One denies what the other says.
    case negation
    /// A word and its opposite.
    case opposite
    /// Another number, day or name for the same attribute.
    case value
}

/// A text as its words, for ``Disagreement``.
struct Statement {
    /// Longer texts say more than one thing.
    private static let mostWords = 60
    /// Words of the place where two texts differ.
    private static let mostDifferingWords = 3

    private struct Word: Equatable {
        let text: String
        let isCapitalised: Bool

        static func == (a: Word, b: Word) -> Bool { a.text.hasSameBytes(as: b.text) }
    }

    private let words: [Word]
    /// The words' stems without negations and the auxiliaries that they need.
    private let core: [ByteText]
    private let isNegated: Bool
    let isComparable: Bool

    /// - Parameter terms: the analyser, for the stems of single words.
    init(_ text: String, terms: (String) -> [String]) {
        let words = Self.words(text)
        isComparable = !words.isEmpty && words.count <= Self.mostWords
        self.words = isComparable ? words : []
        var negations = 0
        var core: [ByteText] = []
        for word in self.words {
            if Self.negations.contains(word.text) {
                negations += 1
            } else if !Self.carriers.contains(word.text) {
                core.append(ByteText(terms(word.text).first ?? word.text))
            }
        }
        self.core = core
        isNegated = negations % 2 == 1
    }

    /// In what the two disagree; nil where their words do not show it.
    func disagreement(with other: Statement) -> Disagreement? {
        guard isComparable, other.isComparable else { return nil }
        if isNegated != other.isNegated { return !core.isEmpty && core == other.core ? .negation : nil }
        var begin = 0
        while begin < words.count, begin < other.words.count, words[begin] == other.words[begin] { begin += 1 }
        var (end, otherEnd) = (words.count, other.words.count)
        while end > begin, otherEnd > begin, words[end - 1] == other.words[otherEnd - 1] {
            end -= 1
            otherEnd -= 1
        }
        let mine = words[begin..<end]
        let theirs = other.words[begin..<otherEnd]
        guard !mine.isEmpty, !theirs.isEmpty, mine.count <= Self.mostDifferingWords,
            theirs.count <= Self.mostDifferingWords
        else { return nil }
        return Self.compared(mine, theirs, after: words[..<begin], isAtEnd: end == words.count)
    }

    private static func compared(
        _ mine: ArraySlice<Word>, _ theirs: ArraySlice<Word>, after prefix: ArraySlice<Word>, isAtEnd: Bool
    ) -> Disagreement? {
        guard let first = prefix.first, !existential.contains(first.text), let a = mine.first?.text,
            let b = theirs.first?.text
        else { return nil }
        let verb = prefix.dropFirst().lastIndex { verbs.contains($0.text) }
        let isSingle = mine.count == 1 && theirs.count == 1
        if isSingle, areOpposites(a, b) {
            let isAdverb = frequencies.contains(a) || frequencies.contains(b)
            return verb != nil || isAdverb || (isAtEnd && states.contains(a)) ? .opposite : nil
        }
        guard let verb else { return nil }
        if let x = Quantity(mine.map(\.text)), let y = Quantity(theirs.map(\.text)) {
            return x.excludes(y) ? .value : nil
        }
        if isSingle, let x = TimeWords.weekdays[a], let y = TimeWords.weekdays[b] { return x != y ? .value : nil }
        if isSingle, let x = TimeWords.months[a], let y = TimeWords.months[b] { return x != y ? .value : nil }
        // "The primary database is Postgres": a definite subject has one such name.
        let isDefinite = definite.contains(first.text) || prefix.contains { $0.text.hasSuffix("'s") }
        let isNamed = mine.first?.isCapitalised == true && theirs.first?.isCapitalised == true
        return isSingle && isNamed && isDefinite && isAtEnd && copulas.contains(prefix[verb].text) ? .value : nil
    }

    /// Words in lower case, contractions of negations taken apart.
    private static func words(_ text: String) -> [Word] {
        var words: [Word] = []
        for run in text.split(whereSeparator: {
            !$0.isLetter && !$0.isNumber && !"'’_.:-".contains($0)
        }) {
            var trimmed = run
            while let last = trimmed.last, "'’.:-".contains(last) { trimmed.removeLast() }
            while let head = trimmed.first, "'’.:".contains(head) { trimmed.removeFirst() }
            guard !trimmed.isEmpty else { continue }
            if words.count > mostWords { break }
            let folded = trimmed.lowercased().replacing("’", with: "'")
            let isCapitalised = trimmed.first?.isUppercase == true && !words.isEmpty
            if folded == "can't" || folded == "cannot" {
                words += [Word(text: "can", isCapitalised: false), Word(text: "not", isCapitalised: false)]
            } else if folded == "won't" {
                words += [Word(text: "will", isCapitalised: false), Word(text: "not", isCapitalised: false)]
            } else if folded.hasSuffix("n't") {
                words += [
                    Word(text: String(folded.dropLast(3)), isCapitalised: false),
                    Word(text: "not", isCapitalised: false),
                ]
            } else {
                words.append(Word(text: folded, isCapitalised: isCapitalised))
            }
        }
        return words
    }

    // MARK: Words

    private static let negations: Set<String> = [
        "not", "no", "never", "neither", "nor", "none", "without", "nobody", "nothing",
    ]
    /// Words that a negation brings with it, and articles.
    private static let carriers: Set<String> = [
        "do", "does", "did", "the", "a", "an", "any", "anymore", "longer", "ever", "always",
    ]
    private static let copulas: Set<String> = ["is", "are", "was", "were", "equals", "means", "="]
    /// Verbs after which an attribute's value stands.
    private static let verbs: Set<String> = copulas.union([
        "be", "has", "have", "must", "should", "can", "may", "will", "shall", "takes", "take", "lasts", "last", "costs",
        "cost", "runs", "run", "uses", "use", "needs", "need", "expires", "expire", "starts", "start", "ends", "end",
        "closes", "close", "opens", "open", "listens", "listen", "returns", "return", "defaults", "default", "keeps",
        "keep", "stays", "stay", "remains", "remain", "lives", "live", "allows", "allow", "requires", "require",
        "supports", "support", "ships", "ship", "deploys", "deploy", "happens", "happen", "retries", "retry", "holds",
        "hold", "becomes", "become", "occurs", "occur", "begins", "begin", "writes", "write", "reads", "read", "sits",
        "works", "work", "prefers", "prefer", "likes", "like", "wants", "want", "goes", "go", "comes", "come",
    ])
    /// Subjects of sentences that say what there is, not how something is.
    private static let existential: Set<String> = ["there"]
    private static let definite: Set<String> = ["the", "our", "my", "your", "his", "her", "their", "its"]
    private static let frequencies: Set<String> = ["always", "never"]
    /// States that may stand after their subject without a verb.
    private static let states: Set<String> = [
        "enabled", "disabled", "on", "off", "allowed", "forbidden", "denied", "true", "false", "mandatory", "optional",
        "required", "automatic", "manual",
    ]

    private static let opposites: [Set<String>] = """
        enabled disabled|enable disable|enables disables|on off|true false|allow deny|allowed denied|allowed forbidden|\
        permitted forbidden|accepted rejected|before after|up down|minimum maximum|increase decrease|\
        increases decreases|increased decreased|open closed|public private|started stopped|left right|passed failed|\
        passes fails|succeeded failed|succeeds fails|above below|more less|more fewer|first last|always never|\
        automatic manual|automatically manually|synchronous asynchronous|synchronously asynchronously|online offline|\
        optional mandatory|optional required|fast slow|faster slower|high low|higher lower|cheap expensive|\
        cheaper dearer|stable flaky|healthy broken|permanent temporary|static dynamic|local remote|safe unsafe|\
        early late|earlier later|full empty|strict lenient|eager lazy|mutable immutable|encrypted plain|\
        green red|black white|light dark|inside outside|inclusive exclusive|internal external|with without|\
        likes dislikes|loves hates|like dislike|love hate|yes no|good bad|better worse|best worst|won lost|wins loses|\
        mornings evenings|morning evening|day night|active inactive|ascending descending|single multiple|\
        centralised decentralised|centralized decentralized|serial parallel|success failure|done pending|done open
        """.split(separator: "|").map { Set($0.split(whereSeparator: \.isWhitespace).map(String.init)) }

    private static let denyingPrefixes = ["un", "in", "im", "ir", "non", "non-", "dis", "de"]

    private static func areOpposites(_ a: String, _ b: String) -> Bool {
        if opposites.contains(where: { $0.contains(a) && $0.contains(b) && a != b }) { return true }
        let (short, long) = a.utf8.count < b.utf8.count ? (a, b) : (b, a)
        return short.utf8.count >= 4 && denyingPrefixes.contains { long == $0 + short }
    }
}

/// A number with its unit.
private struct Quantity {
    private let value: Double
    private let unit: String

    /// nil unless the first word is a number and at most one word follows.
    init?(_ words: [String]) {
        guard (1...2).contains(words.count) else { return nil }
        var digits = Substring(words[0])
        var unit = words.count == 2 ? words[1] : ""
        var value: Double
        if let number = TimeWords.numbers[words[0]] {
            value = Double(number)
        } else {
            let end = digits.firstIndex { !$0.isASCII || !($0.isNumber || $0 == ".") } ?? digits.endIndex
            if unit.isEmpty { unit = String(digits[end...]) } else if end < digits.endIndex { return nil }
            digits = digits[..<end]
            // "10:30" and "2.1.0" are values that are compared as they are written.
            guard !digits.isEmpty else { return nil }
            value = unit.hasPrefix(":") ? .nan : Double(digits) ?? .nan
            if value.isNaN { unit = words.joined(separator: " ") }
        }
        if let scale = Self.seconds[unit] {
            (self.value, self.unit) = (value * scale, "s")
        } else {
            (self.value, self.unit) = (value, unit)
        }
    }

    /// Whether a thing that has this quantity has not the other.
    func excludes(_ other: Quantity) -> Bool {
        if value.isNaN || other.value.isNaN { return value.isNaN && other.value.isNaN && unit != other.unit }
        return unit == other.unit && value != other.value
    }

    private static let seconds: [String: Double] = [
        "ms": 0.001, "millisecond": 0.001, "milliseconds": 0.001, "s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60,
        "min": 60, "minute": 60, "minutes": 60, "h": 3_600, "hour": 3_600, "hours": 3_600, "day": 86_400,
        "days": 86_400, "week": 604_800, "weeks": 604_800,
    ]
}

extension Contradiction.Reason {
    init(_ disagreement: Disagreement) {
        self =
            switch disagreement {
            case .negation: .negation
            case .opposite: .opposite
            case .value: .value
            }
    }
}
