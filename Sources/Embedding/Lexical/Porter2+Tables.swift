/// The suffixes of each step, and the words with their own rules.
extension Porter2 {
    enum Plural { case double, i, plain, keep }
    enum VerbEnding { case eed, ed, ing }
    enum Step2Action {
        case replace([UInt8])
        /// "ogi" after an l becomes "og".
        case afterL
        /// "li" is removed after one of cdeghkmnrt.
        case afterValidLi
    }

    static let exceptions: [[UInt8]: [UInt8]] = {
        let pairs = """
            skis ski skies sky idly idl gently gentl ugly ugli early earli only onli singly singl sky sky news news \
            howe howe atlas atlas cosmos cosmos bias bias andes andes
            """.split(separator: " ").map { Array($0.utf8) }
        return Dictionary(
            stride(from: 0, to: pairs.count, by: 2).map { (pairs[$0], pairs[$0 + 1]) }, uniquingKeysWith: { $1 })
    }()

    static let regionPrefixes = words("arsen commun emerg gener inter later organ past univers")
    static let keptBeforeIng = Set(words("even cann inn earr herr out"))
    static let possessives = list(("'", ()), ("'s", ()), ("'s'", ()))
    static let plurals = list(
        ("sses", Plural.double), ("ied", .i), ("ies", .i), ("s", .plain), ("us", .keep), ("ss", .keep))
    static let verbEndings = list(
        ("eed", VerbEnding.eed), ("eedly", .eed), ("ed", .ed), ("edly", .ed), ("ingly", .ed), ("ing", .ing))

    static let step2Endings: [(suffix: [UInt8], action: Step2Action)] =
        list(
            ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("abli", "able"), ("entli", "ent"),
            ("izer", "ize"), ("ization", "ize"), ("ational", "ate"), ("ation", "ate"), ("ator", "ate"),
            ("alism", "al"), ("aliti", "al"), ("alli", "al"), ("fulness", "ful"), ("fulli", "ful"),
            ("ousli", "ous"), ("ousness", "ous"), ("iveness", "ive"), ("iviti", "ive"), ("biliti", "ble"),
            ("bli", "ble"), ("ogist", "og"), ("lessli", "less")
        ).map { ($0.suffix, .replace(Array($0.action.utf8))) } + list(("ogi", .afterL), ("li", .afterValidLi))

    /// `nil`: removed, but only within the second region.
    static let step3Endings: [(suffix: [UInt8], action: [UInt8]?)] = list(
        ("tional", "tion"), ("ational", "ate"), ("alize", "al"), ("icate", "ic"), ("iciti", "ic"), ("ical", "ic"),
        ("ful", ""), ("ness", ""), ("ative", nil)
    ).map { ($0.suffix, $0.action.map { Array($0.utf8) }) }

    /// `true`: only after s or t.
    static let step4Endings =
        words("al ance ence er ic able ible ant ement ment ent ism ate iti ous ive ize").map {
            (suffix: $0, action: false)
        }
        + list(("ion", true))

    private static func words(_ text: String) -> [[UInt8]] { text.split(separator: " ").map { Array($0.utf8) } }

    private static func list<Action>(_ entries: (String, Action)...) -> [(suffix: [UInt8], action: Action)] {
        entries.map { (Array($0.0.utf8), $0.1) }
    }
}
