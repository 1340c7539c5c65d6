/// Moments as microseconds since 1970-01-01T00:00:00Z, read and written.
///
/// `parse` reads ISO 8601 (the profile of RFC 3339, and dates alone) with some leniency, for the memory and the command
/// line; payloads and filters are read by `parseLoosely`.
///
/// Days are counted in the proleptic Gregorian calendar by the era method of Howard Hinnant's `days_from_civil`.
public enum Timestamp {
    /// Years that are read: all of them fit an `Int64` of microseconds and a `Double` exactly enough for filters.
    package static let years = 0...9999

    /// Reads `2026-01-31`, `2026-01-31T12:00Z`, `…T12:00:00.123+02:00`, `2026-01-31 12:00:00 +0000`; without a zone it
    /// is UTC. nil for a text that is no date.
    public static func parse(_ text: String) -> Int64? {
        var reader = Reader(bytes: Array(text.utf8))
        reader.skipSpace()
        guard let year = reader.digits(4), years.contains(year), reader.take("-"), let month = reader.digits(2),
            (1...12).contains(month), reader.take("-"), let day = reader.digits(2),
            (1...daysIn(month: month, year: year)).contains(day)
        else { return nil }
        let midnight = Int64(dayNumber(year: year, month: month, day: day)) * 86_400_000_000
        if reader.isAtEnd { return midnight }
        guard reader.take("T") || reader.take("t") || reader.take(" "), let time = reader.timeOfDay(),
            let zone = reader.zoneSeconds(), reader.isAtEnd
        else { return nil }
        return midnight + time - Int64(zone) * 1_000_000
    }

    /// `2026-01-31T12:00:00.123Z`: UTC with milliseconds.
    public static func format(_ microseconds: Int64) -> String {
        let (days, inDay) = split(microseconds)
        let date = civil(day: days)
        let milliseconds = inDay / 1000
        let time = [milliseconds / 3_600_000, milliseconds / 60_000 % 60, milliseconds / 1000 % 60]
        return padded(date.year, 4) + "-" + padded(date.month, 2) + "-" + padded(date.day, 2) + "T"
            + time.map { padded(Int($0), 2) }.joined(separator: ":") + "." + padded(Int(milliseconds % 1000), 3) + "Z"
    }

    /// The day as people write it, for the sparse vector's date field: `8 may 2023`.
    package static func spokenDate(_ microseconds: Int64) -> String {
        let date = civil(day: split(microseconds).days)
        return "\(date.day) \(monthNames[date.month - 1]) \(date.year)"
    }

    package static let monthNames = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ]

    package static func split(_ microseconds: Int64) -> (days: Int, inDay: Int64) {
        let days = microseconds / 86_400_000_000
        let rest = microseconds % 86_400_000_000
        return rest < 0 ? (Int(days) - 1, rest + 86_400_000_000) : (Int(days), rest)
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    package static func daysIn(month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01; the year begins in March, so that the leap day is its last.
    package static func dayNumber(year: Int, month: Int, day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    package static func civil(day: Int) -> (year: Int, month: Int, day: Int) {
        let z = day + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private struct Reader {
        let bytes: [UInt8]
        var at = 0

        var isAtEnd: Bool { at == bytes.count }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard at < bytes.count, UInt32(bytes[at]) == character.value else { return false }
            at += 1
            return true
        }

        mutating func digits(_ count: Int) -> Int? {
            guard count <= bytes.count - at else { return nil }
            var value = 0
            for byte in bytes[at..<at + count] {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            at += count
            return value
        }

        /// Microseconds since midnight; digits beyond the sixth of a fraction are passed over.
        mutating func timeOfDay() -> Int64? {
            guard let hour = digits(2), hour < 24, take(":"), let minute = digits(2), minute < 60 else { return nil }
            var second = 0
            var fraction: Int64 = 0
            if take(":") {
                guard let read = digits(2), read <= 60 else { return nil }
                second = read
                if take(".") || take(",") {
                    guard let read = fractionDigits() else { return nil }
                    fraction = read
                }
            }
            return Int64(hour * 3600 + minute * 60 + second) * 1_000_000 + fraction
        }

        private mutating func fractionDigits() -> Int64? {
            var unit: Int64 = 100_000
            var value: Int64 = 0
            let start = at
            while let digit = digits(1) {
                value += Int64(digit) * unit
                unit /= 10
            }
            return at > start ? value : nil
        }

        mutating func skipSpace() { while take(" ") || take("\t") {} }

        mutating func zoneSeconds() -> Int? {
            if isAtEnd { return 0 }
            skipSpace()
            if take("Z") || take("z") { return 0 }
            if bytes[at...].elementsEqual("UTC".utf8) || bytes[at...].elementsEqual("utc".utf8) {
                at = bytes.count
                return 0
            }
            let sign = take("+") ? 1 : take("-") ? -1 : 0
            guard sign != 0, let hours = digits(2), hours < 24 else { return nil }
            _ = take(":")
            guard let minutes = isAtEnd ? 0 : digits(2), minutes < 60 else { return nil }
            return sign * (hours * 3600 + minutes * 60)
        }
    }
}
