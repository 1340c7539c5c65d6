/// The English stemmer of Snowball, "Porter2": "connections" and "connected" become "connect".
///
/// Source: M. F. Porter and R. Boulton, https://snowballstem.org/algorithms/english/stemmer.html, as of Snowball 3.1.
/// A word is a sequence of bytes; letters outside ASCII count as consonants. R1 and R2 are offsets into the word,
/// computed once, before a suffix is changed. `Y` is a y that acts as a consonant; it is written back at the end.
package struct Porter2 {
    private var word: [UInt8]
    private var region1 = 0
    private var region2 = 0

    /// The stem of a lower-case word.
    package static func stem(_ word: [UInt8]) -> [UInt8] {
        if let exception = exceptions[word] { return exception }
        guard word.count > 2 else { return word }
        var stemmer = Porter2(word: word)
        return stemmer.run()
    }

    private init(word: [UInt8]) { self.word = word }

    private mutating func run() -> [UInt8] {
        if word.first == UInt8(ascii: "'") { word.removeFirst() }
        markConsonantY()
        markRegions()
        step1a()
        step1b()
        step1c()
        step2()
        step3()
        step4()
        step5()
        for index in word.indices where word[index] == UInt8(ascii: "Y") { word[index] = UInt8(ascii: "y") }
        return word
    }

    // MARK: Letters and regions

    private static func isVowel(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a"), UInt8(ascii: "e"), UInt8(ascii: "i"), UInt8(ascii: "o"), UInt8(ascii: "u"),
            UInt8(ascii: "y"):
            true
        default: false
        }
    }

    private func isVowel(_ index: Int) -> Bool { Self.isVowel(word[index]) }

    private func containsVowel(before end: Int) -> Bool { word[..<max(end, 0)].contains(where: Self.isVowel) }

    private mutating func markConsonantY() {
        for index in word.indices where word[index] == UInt8(ascii: "y") {
            if index == 0 || isVowel(index - 1) { word[index] = UInt8(ascii: "Y") }
        }
    }

    private mutating func markRegions() {
        let prefix = Self.regionPrefixes.filter { word.starts(with: $0) }.map(\.count).max()
        region1 = prefix ?? endOfVowelConsonant(from: 0)
        region2 = endOfVowelConsonant(from: region1)
    }

    /// The position after the first consonant that follows a vowel at or after `start`; the end if there is none.
    private func endOfVowelConsonant(from start: Int) -> Int {
        guard let vowel = word[start...].firstIndex(where: Self.isVowel),
            let consonant = word[vowel...].firstIndex(where: { !Self.isVowel($0) })
        else { return word.count }
        return consonant + 1
    }

    /// Whether the word up to `end` ends in a short syllable.
    private func endsShort(at end: Int) -> Bool {
        if end >= 3, !isVowel(end - 1), isVowel(end - 2), !isVowel(end - 3),
            ![UInt8(ascii: "w"), UInt8(ascii: "x"), UInt8(ascii: "Y")].contains(word[end - 1])
        {
            return true
        }
        if end == 2, !isVowel(1), isVowel(0) { return true }
        return word[..<end].reversed().starts(with: "tsap".utf8)
    }

    // MARK: Suffixes

    private func ends(with suffix: [UInt8], at end: Int) -> Bool {
        end >= suffix.count && word[end - suffix.count..<end].elementsEqual(suffix)
    }

    /// The longest suffix of the list that the word has, and its position.
    private func longest<Action>(_ list: [(suffix: [UInt8], action: Action)]) -> (start: Int, action: Action)? {
        var best: (start: Int, action: Action)?
        for entry in list where ends(with: entry.suffix, at: word.count) {
            let start = word.count - entry.suffix.count
            if best.map({ start < $0.start }) ?? true { best = (start, entry.action) }
        }
        return best
    }

    private mutating func replace(from start: Int, by ending: [UInt8]) {
        word.replaceSubrange(start..., with: ending)
    }

    // MARK: Steps

    private mutating func step1a() {
        if let (start, _) = longest(Self.possessives) { replace(from: start, by: []) }
        guard let (start, action) = longest(Self.plurals) else { return }
        switch action {
        case .double: replace(from: start, by: Array("ss".utf8))
        case .i: replace(from: start, by: Array((start >= 2 ? "i" : "ie").utf8))
        case .plain: if containsVowel(before: start - 1) { replace(from: start, by: []) }
        case .keep: break
        }
    }

    private mutating func step1b() {
        guard let (start, action) = longest(Self.verbEndings) else { return }
        let head = Array(word[..<start])
        switch action {
        case .eed:
            let kept: Set = [Array("succ".utf8), Array("proc".utf8), Array("exc".utf8)]
            if region1 <= start, !kept.contains(head) { replace(from: start, by: Array("ee".utf8)) }
            return
        case .ing where Self.keptBeforeIng.contains(head):
            return
        case .ing where start == 2 && head[1] == UInt8(ascii: "y") && !Self.isVowel(head[0]):
            replace(from: 1, by: Array("ie".utf8))
            return
        default:
            break
        }
        guard containsVowel(before: start) else { return }
        replace(from: start, by: [])
        mendAfterStep1b()
    }

    private mutating func mendAfterStep1b() {
        let end = word.count
        if ["at", "bl", "iz"].contains(where: { ends(with: Array($0.utf8), at: end) }) {
            word.append(UInt8(ascii: "e"))
        } else if end >= 2, word[end - 1] == word[end - 2], "bdfgmnprt".utf8.contains(word[end - 1]) {
            if end == 3, "aeo".utf8.contains(word[0]) { return }
            word.removeLast()
        } else if end == region1, endsShort(at: end) {
            word.append(UInt8(ascii: "e"))
        }
    }

    private mutating func step1c() {
        let end = word.count
        guard end > 2, word[end - 1] | 0x20 == UInt8(ascii: "y"), !isVowel(end - 2) else { return }
        word[end - 1] = UInt8(ascii: "i")
    }

    private mutating func step2() {
        guard let (start, action) = longest(Self.step2Endings), region1 <= start else { return }
        switch action {
        case .replace(let ending): replace(from: start, by: ending)
        case .afterL: if start > 0, word[start - 1] == UInt8(ascii: "l") { replace(from: start, by: Array("og".utf8)) }
        case .afterValidLi: if start > 0, "cdeghkmnrt".utf8.contains(word[start - 1]) { replace(from: start, by: []) }
        }
    }

    private mutating func step3() {
        guard let (start, ending) = longest(Self.step3Endings), region1 <= start else { return }
        // "ative" has no replacement here, but is only removed in the second region.
        if ending == nil, region2 > start { return }
        replace(from: start, by: ending ?? [])
    }

    private mutating func step4() {
        guard let (start, isIon) = longest(Self.step4Endings), region2 <= start else { return }
        if isIon, start == 0 || !"st".utf8.contains(word[start - 1]) { return }
        replace(from: start, by: [])
    }

    private mutating func step5() {
        let start = word.count - 1
        guard start >= 0 else { return }
        if word[start] == UInt8(ascii: "e") {
            if region2 <= start || (region1 <= start && !endsShort(at: start)) { word.removeLast() }
        } else if word[start] == UInt8(ascii: "l"), region2 <= start, start > 0, word[start - 1] == UInt8(ascii: "l") {
            word.removeLast()
        }
    }
}
