import VectorEngine

/// What kind of answer a question asks for, and of which days (spec/retrieval: steps 7–10).
struct QueryIntent: Equatable {
    /// The trait that an answer has; nil when the question does not tell.
    var answer: Trait?
    /// The spans of time that are named, microseconds since 1970; any of them may be meant.
    var spans: [Range<Int64>] = []

    /// - Parameter now: What "last week" is counted from, microseconds since 1970.
    init(_ query: String, now: Int64) {
        let words = query.lowercased().split { !$0.isLetter && !$0.isNumber && $0 != "'" && $0 != "’" }
            .map { $0.filter { $0 != "'" && $0 != "’" } }
        answer = Self.answer(words)
        spans = DateReader(query: query, words: words, now: now).spans
    }

    private static func answer(_ words: [String]) -> Trait? {
        for (i, word) in words.prefix(8).enumerated() {
            let next = i + 1 < words.count ? words[i + 1] : ""
            switch word {
            case "when": return .time
            case "what", "which":
                if ["date", "day", "month", "year", "time", "week", "weekday"].contains(next) { return .time }
                if next == "number" || next == "percentage" { return .number }
            case "how":
                if ["many", "much", "old", "often", "tall", "far", "big", "large", "high"].contains(next) {
                    return .number
                }
                if next == "long" { return words.contains("ago") ? .time : .number }
                if next == "come" { return .reason }
            case "why": return .reason
            case "where", "who", "whom", "whose": return .name
            default: continue
            }
        }
        return nil
    }
}

/// Finds days, months, years and spans such as "last week" in the words of a query.
private struct DateReader {
    let query: String
    let words: [String]
    let now: Int64

    private var today: Int { Timestamp.split(now).days }

    private func span(_ days: Range<Int>) -> Range<Int64> {
        Int64(days.lowerBound) * 86_400_000_000..<Int64(days.upperBound) * 86_400_000_000
    }

    private func day(_ day: Int) -> [Range<Int64>] { [span(day..<day + 1)] }

    /// A month, or with nil a whole year.
    private func month(_ month: Int?, _ year: Int) -> [Range<Int64>] {
        guard Timestamp.years.contains(year) else { return [] }
        let first = Timestamp.dayNumber(year: year, month: month ?? 1, day: 1)
        let length =
            month.map { Timestamp.daysIn(month: $0, year: year) }
            ?? Timestamp.dayNumber(year: year + 1, month: 1, day: 1) - first
        return [span(first..<first + length)]
    }

    var spans: [Range<Int64>] { isoDates + named + relative }

    /// `2023-05-08` and `2023-05`.
    private var isoDates: [Range<Int64>] {
        query.split { !$0.isNumber && $0 != "-" }.flatMap { text -> [Range<Int64>] in
            if text.count == 10, let moment = Timestamp.parse(String(text)) { return day(Timestamp.split(moment).days) }
            let parts = text.split(separator: "-").compactMap { Int($0) }
            guard text.count == 7, parts.count == 2, (1...12).contains(parts[1]) else { return [] }
            return month(parts[1], parts[0])
        }
    }

    /// "8 May 2023", "May 8th, 2023", "May 8", "May 2023", "in May", "in 2023".
    private var named: [Range<Int64>] {
        var found: [Range<Int64>] = []
        for i in words.indices {
            if let number = monthNumber(at: i) {
                let year = [i + 1, i + 2].lazy.compactMap(year(at:)).first
                let day = [i - 1, i + 1].lazy.compactMap(dayNumber(at:)).first
                let years = year.map { [$0] } ?? recentYears
                for year in years {
                    if let day, day <= Timestamp.daysIn(month: number, year: year) {
                        found += self.day(Timestamp.dayNumber(year: year, month: number, day: day))
                    } else {
                        found += month(number, year)
                    }
                }
            } else if let year = year(at: i), i > 0, ["in", "during", "of", "year", "since"].contains(words[i - 1]) {
                found += month(nil, year)
            }
        }
        return found
    }

    /// A month without a year may be that of any of the last ten.
    private var recentYears: [Int] {
        let year = Timestamp.civil(day: today).year
        return (max(1, year - 9)...max(1, year)).reversed()
    }

    /// "may" and "march" are verbs too: they count next to a day or a year, or after a preposition.
    private func monthNumber(at i: Int) -> Int? {
        guard let number = TimeWords.months[words[i]] else { return nil }
        guard ["may", "march", "mar", "sun", "sat", "dec"].contains(words[i]) else { return number }
        let before = i > 0 ? words[i - 1] : ""
        let isNamed = ["in", "of", "since", "during", "until", "last", "this", "early", "late", "mid"].contains(before)
        return isNamed || dayNumber(at: i - 1) != nil || dayNumber(at: i + 1) != nil || year(at: i + 1) != nil
            ? number : nil
    }

    private func year(at i: Int) -> Int? {
        guard words.indices.contains(i), words[i].utf8.count == 4, let year = Int(words[i]),
            (1900...2099).contains(year)
        else { return nil }
        return year
    }

    /// 8, 8th, 1st.
    private func dayNumber(at i: Int) -> Int? {
        guard words.indices.contains(i), words[i].utf8.count <= 4 else { return nil }
        let digits = words[i].prefix { ("0"..."9").contains($0) }
        let suffix = words[i].dropFirst(digits.count)
        guard let day = Int(digits), (1...31).contains(day), ["", "st", "nd", "rd", "th"].contains(suffix) else {
            return nil
        }
        return day
    }

    // MARK: Counted from now

    private var relative: [Range<Int64>] {
        var found: [Range<Int64>] = []
        for (i, word) in words.enumerated() {
            let next = i + 1 < words.count ? words[i + 1] : ""
            switch word {
            case "yesterday": found += day(today - 1)
            case "today": found += day(today)
            case "last", "past", "previous": found += unit(next, back: 1)
            case "this": found += unit(next, back: 0)
            case "ago": found += ago(endingAt: i)
            default: continue
            }
        }
        return found
    }

    /// The calendar week (from Monday), month or year, or the weekday, that lies `back` before this one.
    private func unit(_ name: String, back: Int) -> [Range<Int64>] {
        let weekday = (today % 7 + 10) % 7  // 1970-01-01 was a Thursday: day 0 is 3 after a Monday.
        let (year, number, _) = Timestamp.civil(day: today)
        if let wanted = TimeWords.weekdays[name] {
            let days = (weekday - wanted + 7) % 7
            return day(today - (days == 0 && back > 0 ? 7 : days))
        }
        switch name {
        case "week":
            let monday = today - weekday - 7 * back
            return [span(monday..<monday + 7)]
        case "weekend":
            let saturday = today - weekday + 5 - 7 * back
            return [span(saturday..<saturday + 2)]
        case "night": return day(today - back)
        case "month":
            let months = year * 12 + number - 1 - back
            return month(months % 12 + 1, months / 12)
        case "year": return month(nil, year - back)
        default: return []
        }
    }

    /// "three weeks ago", with some room around it.
    private func ago(endingAt end: Int) -> [Range<Int64>] {
        guard end >= 2 else { return [] }
        let count = Int(words[end - 2]) ?? TimeWords.numbers[words[end - 2]] ?? (words[end - 2].hasPrefix("a") ? 1 : 0)
        guard (1...1000).contains(count) else { return [] }
        switch words[end - 1] {
        case "day", "days": return day(today - count)
        case "week", "weeks": return [span(today - 7 * count - 3..<today - 7 * count + 4)]
        case "month", "months": return [span(today - 30 * count - 15..<today - 30 * count + 16)]
        case "year", "years": return [span(today - 365 * count - 182..<today - 365 * count + 183)]
        default: return []
        }
    }
}
