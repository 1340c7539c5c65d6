/// The part of an item's text where the query's words stand, the words between `**`.
enum Highlight {
    /// Characters that are looked through, and those around the first word that are shown.
    private static let scanned = 20_000
    private static let shown = 240

    /// nil when no word of the text has one of `terms`.
    static func text(
        of record: MemoryRecord, matching terms: Set<String>, _ analyse: (String) -> [String]
    ) -> String? {
        guard !terms.isEmpty else { return nil }
        let text = record.text.prefix(scanned)
        let words = words(of: text).filter { word in analyse(String(text[word])).contains(where: terms.contains) }
        guard let first = words.first else { return nil }
        let start = text.index(first.lowerBound, offsetBy: -shown / 4, limitedBy: text.startIndex) ?? text.startIndex
        let end = text.index(start, offsetBy: shown, limitedBy: text.endIndex) ?? text.endIndex
        var result = start > text.startIndex ? "…" : ""
        var at = start
        for word in words where word.lowerBound >= start && word.upperBound <= end {
            result += text[at..<word.lowerBound] + "**" + text[word] + "**"
            at = word.upperBound
        }
        return result + text[at..<end] + (end < record.text.endIndex ? "…" : "")
    }

    /// Runs of letters, digits and apostrophes.
    private static func words(of text: Substring) -> [Range<Substring.Index>] {
        var ranges: [Range<Substring.Index>] = []
        var start: Substring.Index?
        for i in text.indices {
            let isWord = text[i].isLetter || text[i].isNumber || text[i] == "'" || text[i] == "’"
            if isWord, start == nil { start = i }
            if !isWord, let begin = start {
                ranges.append(begin..<i)
                start = nil
            }
        }
        if let start { ranges.append(start..<text.endIndex) }
        return ranges
    }
}
