import VectorEngine

/// What an item's text is like, told when it is stored and asked for by queries (spec/retrieval: steps 7–10).
///
/// Words of English are looked for; texts in other languages have fewer traits and rank by words and meaning alone.
enum Trait: String, Sendable, CaseIterable {
    /// Part of a conversation that says next to nothing.
    case scant
    /// Part of a conversation that says little.
    case short
    /// Part of a conversation that asks and tells nothing.
    case question
    /// Says when: yesterday, last week, in May, 2022, at five o'clock.
    case time
    /// Has a number, in digits or in words.
    case number
    /// Names someone or something inside a sentence.
    case name
    /// Gives a reason.
    case reason

    /// The traits of `record`, whose own text has `length` terms.
    static func all(of record: MemoryRecord, length: Double) -> [Trait] {
        let text = TextTraits(record.text)
        var traits: [Trait] = []
        if record.source.session != nil {
            if length <= Double(MemorySettings.scantTerms) {
                traits.append(.scant)
            } else if length <= Double(MemorySettings.shortTerms) {
                traits.append(.short)
            }
            if text.onlyAsks { traits.append(.question) }
        }
        if text.hasTime { traits.append(.time) }
        if text.hasNumber { traits.append(.number) }
        if text.hasName { traits.append(.name) }
        if text.hasReason { traits.append(.reason) }
        return traits
    }
}

/// One pass over the beginning of a text for the words that traits look for.
struct TextTraits {
    /// Words that are looked at; a longer text is more than an answer.
    private static let mostWords = 400

    private(set) var hasTime = false
    private(set) var hasNumber = false
    private(set) var hasName = false
    private(set) var hasReason = false
    /// Whether every sentence that says anything ends with a question mark.
    private(set) var onlyAsks = false

    init(_ text: String) {
        var words: [String] = []
        var told = 0, asked = 0, wordsInSentence = 0
        for token in Self.tokens(text, limit: Self.mostWords) {
            switch token {
            case .end(let asks):
                // One or two words ("Wow!") tell nothing.
                if wordsInSentence > 2 { if asks { asked += 1 } else { told += 1 } }
                wordsInSentence = 0
            case .word(let word, let isCapitalised):
                if isCapitalised, wordsInSentence > 0, word.count > 1 { hasName = true }
                wordsInSentence += 1
                words.append(word)
            }
        }
        if wordsInSentence > 2 { told += 1 }
        onlyAsks = asked > 0 && told == 0
        look(at: words)
    }

    private mutating func look(at words: [String]) {
        for (i, word) in words.enumerated() {
            let next = i + 1 < words.count ? words[i + 1] : ""
            if word.utf8.allSatisfy({ (0x30...0x39).contains($0) }) || TimeWords.numbers[word] != nil {
                hasNumber = true
                if let year = Int(word), (1900...2099).contains(year) { hasTime = true }
            } else if word.utf8.first.map({ (0x30...0x39).contains($0) }) == true {
                hasNumber = true
                // 5pm, 3rd, 10:30 is two words.
                if word.hasSuffix("am") || word.hasSuffix("pm") || word.hasSuffix("th") || word.hasSuffix("rd") {
                    hasTime = true
                }
            }
            if TimeWords.moments.contains(word) || TimeWords.weekdays[word] != nil { hasTime = true }
            if word != "may", word != "march", TimeWords.months[word] != nil { hasTime = true }
            if word == "may" || word == "march", i > 0, ["in", "of", "since", "last", "next"].contains(words[i - 1]) {
                hasTime = true
            }
            if ["last", "next", "this", "past", "few", "every", "each"].contains(word), TimeWords.spans.contains(next) {
                hasTime = true
            }
            if TimeWords.reasons.contains(word) || (word == "so" && next == "that") { hasReason = true }
        }
    }

    private enum Token {
        case word(String, isCapitalised: Bool)
        case end(asks: Bool)
    }

    /// Lower-case words and ends of sentences.
    private static func tokens(_ text: String, limit: Int) -> [Token] {
        var tokens: [Token] = []
        var word = ""
        var isCapitalised = false
        var count = 0
        for scalar in text.unicodeScalars {
            let properties = scalar.properties
            if properties.isAlphabetic || properties.numericType != nil {
                if word.isEmpty { isCapitalised = properties.isUppercase }
                word.unicodeScalars.append(scalar)
                continue
            }
            if scalar == "'" || scalar == "’" { continue }
            if !word.isEmpty {
                tokens.append(.word(word.lowercased(), isCapitalised: isCapitalised))
                word = ""
                count += 1
                if count >= limit { break }
            }
            if scalar == "?" || scalar == "！" || scalar == "？" { tokens.append(.end(asks: scalar != "！")) }
            if scalar == "." || scalar == "!" || scalar == "\n" || scalar == "。" { tokens.append(.end(asks: false)) }
        }
        if !word.isEmpty { tokens.append(.word(word.lowercased(), isCapitalised: isCapitalised)) }
        return tokens
    }
}

/// English words for times and numbers, lower-case, without apostrophes.
enum TimeWords {
    static let moments: Set<String> = [
        "yesterday", "today", "tonight", "tomorrow", "ago", "recently", "weekend", "oclock", "noon", "midnight",
        "monthly", "weekly", "daily", "yearly", "anniversary", "birthday", "since", "until",
    ]
    static let spans: Set<String> = [
        "day", "days", "night", "nights", "morning", "afternoon", "evening", "week", "weeks", "weekend", "weekends",
        "month", "months", "year", "years", "decade", "spring", "summer", "autumn", "fall", "winter", "hour", "hours",
        "minute", "minutes", "time", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
    ]
    static let reasons: Set<String> = [
        "because", "since", "reason", "therefore", "cause", "caused", "due", "why", "motivated", "inspired", "hence",
    ]
    static let weekdays: [String: Int] = [
        "monday": 0, "tuesday": 1, "wednesday": 2, "thursday": 3, "friday": 4, "saturday": 5, "sunday": 6, "mondays": 0,
        "tuesdays": 1, "wednesdays": 2, "thursdays": 3, "fridays": 4, "saturdays": 5, "sundays": 6,
    ]
    static let months: [String: Int] = {
        var months: [String: Int] = [:]
        for (i, name) in Timestamp.monthNames.enumerated() {
            months[name] = i + 1
            months[String(name.prefix(3))] = i + 1
        }
        months["sept"] = 9
        return months
    }()
    static let numbers: [String: Int] = [
        "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
        "eleven": 11, "twelve": 12, "dozen": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
        "hundred": 100, "thousand": 1000, "once": 1, "twice": 2, "couple": 2, "several": 5, "half": 1,
    ]
}
