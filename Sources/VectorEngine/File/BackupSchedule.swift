import Foundation

/// The schedule of automatic full backups: the five fields of crontab(5) (minute, hour, day of the month, month, day of
/// the week), in local time.
///
/// A field is `*`, a number, a range `a-b`, each with an optional step `/n`, or several of these with commas. Sunday is
/// 0 or 7. As in cron, if both day fields are restricted, a day fits when one of them fits.
package struct BackupSchedule: Sendable, Equatable {
    /// The schedule as it was given.
    package let text: String
    private let minutes, hours, days, months, weekdays: Set<Int>
    private let anyDay, anyWeekday: Bool

    package static let nightly = "0 2 * * *"
    /// Longer than the longest gap of any schedule that ever comes: 29 February, across a century without one.
    private static let horizonMinutes: Int64 = 9 * 366 * 24 * 60
    private static let minute: Int64 = 60_000_000

    /// - Throws: `invalidArgument` if the text is not a schedule, or if the schedule never comes.
    package init(_ text: String) throws(EngineError) {
        let fields = text.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
        let refusal = EngineError(
            .invalidArgument,
            "a backup schedule has five fields as in crontab, for example '\(Self.nightly)' (nightly at two)")
        guard fields.count == 5,
            let minutes = Self.numbers(fields[0], 0...59), let hours = Self.numbers(fields[1], 0...23),
            let days = Self.numbers(fields[2], 1...31), let months = Self.numbers(fields[3], 1...12),
            let weekdays = Self.numbers(fields[4], 0...7)
        else { throw refusal }
        self.text = text
        (self.minutes, self.hours, self.days, self.months) = (minutes, hours, days, months)
        self.weekdays = weekdays.contains(7) ? weekdays.union([0]) : weekdays
        (anyDay, anyWeekday) = (fields[2].hasPrefix("*"), fields[4].hasPrefix("*"))
        // A day that no month has, such as 30 February.
        let longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        let comes = !anyWeekday || months.contains { month in days.contains { $0 <= longest[month - 1] } }
        guard comes else { throw refusal }
    }

    private static func numbers(_ field: String, _ range: ClosedRange<Int>) -> Set<Int>? {
        var found: Set<Int> = []
        for part in field.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "/", omittingEmptySubsequences: false)
            guard halves.count <= 2, let span = span(halves[0], range, isStepped: halves.count == 2),
                let step = halves.count == 2 ? Int(halves[1]) : 1, step > 0
            else { return nil }
            found.formUnion(stride(from: span.lowerBound, through: span.upperBound, by: step))
        }
        return found.isEmpty ? nil : found
    }

    private static func span(_ text: Substring, _ range: ClosedRange<Int>, isStepped: Bool) -> ClosedRange<Int>? {
        if text == "*" { return range }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard ends.count <= 2, let first = ends[0], range.contains(first) else { return nil }
        guard ends.count == 2 else { return first...(isStepped ? range.upperBound : first) }
        guard let last = ends[1], range.contains(last), first <= last else { return nil }
        return first...last
    }

    /// The first moment of the schedule after `time`; both in microseconds since 1970.
    ///
    /// Nil only if the machine's calendar has no such moment within nine years.
    package func next(after time: Int64) -> Int64? {
        var minute = time / Self.minute - (time % Self.minute < 0 ? 1 : 0) + 1
        let end = minute + Self.horizonMinutes
        while minute < end {
            let (fits, skip) = fits(minute)
            if fits { return minute * Self.minute }
            minute += skip
        }
        return nil
    }

    /// Whether the schedule has this minute since 1970; if not, the number of minutes until the next one that may fit.
    private func fits(_ minute: Int64) -> (Bool, Int64) {
        var seconds = time_t(minute * 60)
        var parts = tm()
        localtime_r(&seconds, &parts)
        let (hour, at) = (Int(parts.tm_hour), Int(parts.tm_min))
        let day = days.contains(Int(parts.tm_mday))
        let weekday = weekdays.contains(Int(parts.tm_wday))
        let fitsDay = anyDay || anyWeekday ? day && weekday : day || weekday
        // Only to the next hour: a day may have 23 or 25 hours.
        guard fitsDay, months.contains(Int(parts.tm_mon) + 1), hours.contains(hour) else {
            return (false, Int64(60 - at))
        }
        return (minutes.contains(at), 1)
    }
}
