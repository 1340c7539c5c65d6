// Dates in payloads and filters, read as Qdrant's engine reads them. Its rules are those of the chrono library, tried
// one after another; what differs between them is told below. Compared with the engine by test_qdrant_values.py.

extension Timestamp {
    /// Reads a date of a payload or of a filter's bound; nil for a text that is no date. White space may come in front
    /// and before each number, and numbers may lack their leading zeros.
    ///
    /// * With a zone (`Z`, `UTC`, `+02:30`, `+0230`): date, time and seconds, all of them.
    /// * Without one, which means UTC: the date alone, or with a time that may lack its seconds.
    package static func parseLoosely(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        var spaced = LooseReader(bytes: bytes)
        if let moment = spaced.spacedMoment() { return moment }
        var tight = LooseReader(bytes: bytes)
        return tight.tightMoment()
    }
}

private struct LooseReader {
    let bytes: [UInt8]
    private var at = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    private var isAtEnd: Bool { at == bytes.count }

    // MARK: The two rules

    /// White space also before `-` and `:` and at the end; the zone is needed, with its minutes.
    mutating func spacedMoment() -> Int64? {
        guard let midnight = date(spaced: true), take("T") || take("t") || take(" "),
            let minutes = hourAndMinute(spaced: true)
        else { return nil }
        skipSpace()
        guard take(":"), let seconds = seconds() else { return nil }
        skipSpace()
        guard let zone = takeUTC() ? 0 : zone(needsMinutes: true) else { return nil }
        skipSpace()
        return isAtEnd ? midnight + minutes + seconds - zone : nil
    }

    /// `T` or any white space, or none, between date and time; nothing behind the last part. All but the date may be
    /// left out from the end on, and the zone's minutes.
    mutating func tightMoment() -> Int64? {
        guard let midnight = date(spaced: false) else { return nil }
        if isAtEnd { return midnight }
        if !take("T") { skipSpace() }
        guard let minutes = hourAndMinute(spaced: false) else { return nil }
        if isAtEnd { return midnight + minutes }
        guard take(":"), let seconds = seconds() else { return nil }
        if isAtEnd { return midnight + minutes + seconds }
        skipSpace()
        guard let zone = zone(needsMinutes: false), isAtEnd else { return nil }
        return midnight + minutes + seconds - zone
    }

    // MARK: Parts, in microseconds

    private mutating func date(spaced: Bool) -> Int64? {
        guard let year = year() else { return nil }
        if spaced { skipSpace() }
        guard take("-"), let month = number(), (1...12).contains(month) else { return nil }
        if spaced { skipSpace() }
        guard take("-"), let day = number(), (1...Timestamp.daysIn(month: month, year: year)).contains(day) else {
            return nil
        }
        return Int64(Timestamp.dayNumber(year: year, month: month, day: day)) * 86_400_000_000
    }

    /// Four digits at most, or any number of them behind a sign.
    private mutating func year() -> Int? {
        skipSpace()
        let isNegative = take("-")
        let isSigned = isNegative || take("+")
        guard let digits = digits(isSigned ? .max : 4) else { return nil }
        let year = isNegative ? -digits : digits
        // The years of the chrono library; their microseconds fit an Int64.
        return (-262_143...262_142).contains(year) ? year : nil
    }

    private mutating func hourAndMinute(spaced: Bool) -> Int64? {
        guard let hour = number(), hour < 24 else { return nil }
        if spaced { skipSpace() }
        guard take(":"), let minute = number(), minute < 60 else { return nil }
        return Int64(hour * 3600 + minute * 60) * 1_000_000
    }

    /// Seconds, of which a leap second is the sixtieth, and their fraction, cut after the sixth digit.
    private mutating func seconds() -> Int64? {
        guard let second = number(), second <= 60 else { return nil }
        guard take(".") else { return Int64(second) * 1_000_000 }
        var fraction: Int64 = 0
        var unit: Int64 = 100_000
        let start = at
        while let digit = digit() {
            fraction += Int64(digit) * unit
            unit /= 10
        }
        return at > start ? Int64(second) * 1_000_000 + fraction : nil
    }

    private mutating func takeUTC() -> Bool {
        guard bytes.count - at >= 3, zip(bytes[at..<at + 3], "utc".utf8).allSatisfy({ $0 | 0x20 == $1 }) else {
            return false
        }
        at += 3
        return true
    }

    /// `Z`, or hours and minutes with or without colons and white space between them.
    private mutating func zone(needsMinutes: Bool) -> Int64? {
        if take("Z") || take("z") { return 0 }
        let isNegative = take("-") || take("\u{2212}")
        guard isNegative || take("+"), let tens = digit(), let ones = digit() else { return nil }
        repeat { skipSpace() } while take(":")
        var minutes = 0
        if !isAtEnd {
            guard let tens = digit(), tens < 6, let ones = digit() else { return nil }
            minutes = tens * 10 + ones
        } else if needsMinutes {
            return nil
        }
        let hours = tens * 10 + ones
        guard hours < 24 else { return nil }
        let offset = Int64(hours * 3600 + minutes * 60) * 1_000_000
        return isNegative ? -offset : offset
    }

    // MARK: Characters

    /// One or two digits behind any white space.
    private mutating func number() -> Int? {
        skipSpace()
        return digits(2)
    }

    /// From one digit to as many as `most`; nil for a number that no year reaches.
    private mutating func digits(_ most: Int) -> Int? {
        let start = at
        var value = 0
        while at - start < most, let digit = digit() {
            value = value * 10 + digit
            if value > 1_000_000 { return nil }
        }
        return at > start ? value : nil
    }

    private mutating func digit() -> Int? {
        guard at < bytes.count, (0x30...0x39).contains(bytes[at]) else { return nil }
        at += 1
        return Int(bytes[at - 1] - 0x30)
    }

    private mutating func take(_ character: Character) -> Bool {
        let wanted = character.utf8
        guard bytes.count - at >= wanted.count, bytes[at..<at + wanted.count].elementsEqual(wanted) else {
            return false
        }
        at += wanted.count
        return true
    }

    private mutating func skipSpace() {
        while at < bytes.count {
            if bytes[at] == 0x20 || (0x09...0x0D).contains(bytes[at]) {
                at += 1
            } else if bytes[at] >= 0x80,
                let space = Self.wideSpaces.first(where: { bytes[at...].starts(with: $0.utf8) })
            {
                at += space.utf8.count
            } else {
                return
            }
        }
    }

    /// Unicode's white space beyond ASCII.
    private static let wideSpaces: [Character] = [
        "\u{85}", "\u{A0}", "\u{1680}", "\u{2000}", "\u{2001}", "\u{2002}", "\u{2003}", "\u{2004}", "\u{2005}",
        "\u{2006}", "\u{2007}", "\u{2008}", "\u{2009}", "\u{200A}", "\u{2028}", "\u{2029}", "\u{202F}", "\u{205F}",
        "\u{3000}",
    ]
}
