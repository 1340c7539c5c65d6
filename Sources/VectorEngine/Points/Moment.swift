// Dates as payloads and filters write them: RFC 3339 with or without zone, a space in place of the T, seconds left out,
// a date alone. What has no zone is UTC. Days are counted by Howard Hinnant's algorithm (days_from_civil).

/// A moment in microseconds since 1970-01-01T00:00Z.
package enum Moment {
    /// nil for a text that is no date.
    package static func microseconds(_ text: String) -> Int64? {
        var reader = Reader(bytes: Array(text.utf8))
        guard let year = reader.digits(4), reader.skip("-"), let month = reader.digits(2), reader.skip("-"),
            let day = reader.digits(2), (1...12).contains(month), (1...daysIn(month, of: year)).contains(day)
        else { return nil }
        let days = self.days(year: year, month: month, day: day)
        if reader.isAtEnd { return days * 86_400_000_000 }
        guard reader.skip("T") || reader.skip("t") || reader.skip(" "), let hour = reader.digits(2), hour < 24,
            reader.skip(":"), let minute = reader.digits(2), minute < 60
        else { return nil }
        var second: Int64 = 0
        var fraction: Int64 = 0
        if reader.skip(":") {
            guard let read = reader.digits(2), read <= 60 else { return nil }
            second = read
            if reader.skip(".") {
                guard let read = reader.fraction() else { return nil }
                fraction = read
            }
        }
        guard let offset = reader.zoneMinutes(), reader.isAtEnd else { return nil }
        let seconds = days * 86_400 + hour * 3600 + (minute - offset) * 60 + second
        return seconds * 1_000_000 + fraction
    }

    private static func daysIn(_ month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private struct Reader {
        let bytes: [UInt8]
        var at = 0

        var isAtEnd: Bool { at == bytes.count }

        mutating func skip(_ character: Character) -> Bool {
            guard at < bytes.count, bytes[at] == character.asciiValue else { return false }
            at += 1
            return true
        }

        /// Exactly `count` digits; few enough never to overflow.
        mutating func digits(_ count: Int) -> Int64? {
            guard at + count <= bytes.count else { return nil }
            var value: Int64 = 0
            for _ in 0..<count {
                guard (0x30...0x39).contains(bytes[at]) else { return nil }
                value = value * 10 + Int64(bytes[at] - 0x30)
                at += 1
            }
            return value
        }

        /// Digits behind the point as microseconds, what is finer cut off.
        mutating func fraction() -> Int64? {
            var value: Int64 = 0
            var unit: Int64 = 100_000
            let start = at
            while at < bytes.count, (0x30...0x39).contains(bytes[at]) {
                value += unit * Int64(bytes[at] - 0x30)
                unit /= 10
                at += 1
            }
            return at > start ? value : nil
        }

        /// `Z`, `+02:00`, `-0530`, `+02` or nothing.
        mutating func zoneMinutes() -> Int64? {
            if isAtEnd || skip("Z") || skip("z") { return 0 }
            let sign: Int64
            if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
            guard let hours = digits(2), hours < 24 else { return nil }
            if isAtEnd { return sign * hours * 60 }
            _ = skip(":")
            guard let minutes = digits(2), minutes < 60 else { return nil }
            return sign * (hours * 60 + minutes)
        }
    }
}
