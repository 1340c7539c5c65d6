import Memory
import Testing
import VectorEngine

@Suite struct TimestampTests {
    @Test(
        arguments: [
            ("1970-01-01", 0), ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59.999999Z", -1),
            ("2000-02-29T12:00:00Z", 951_825_600_000_000), ("2026-01-31T12:00:00+02:00", 1_769_853_600_000_000),
            ("2026-01-31T12:00:00-0130", 1_769_866_200_000_000), ("2026-01-31 12:00", 1_769_860_800_000_000),
            ("2026-01-31T12:00:00.123456789Z", 1_769_860_800_123_456), ("9999-12-31", 253_402_214_400_000_000),
        ] as [(String, Int64)])
    func readsISO8601(text: String, microseconds: Int64) { #expect(Timestamp.parse(text) == microseconds) }

    @Test(arguments: [
        "", "2026", "2026-1-1", "2026-13-01", "2026-00-01", "2026-02-29", "2026-01-31T", "2026-01-31T24:00",
        "2026-01-31T12:60", "2026-01-31T12:00:00.", "2026-01-31T12:00:00X", "2026-01-31T12:00:00+25:00",
        "2026-01-31T12:00:00Z ", "２０２６-01-31",
    ])
    func refusesWhatIsNotATimestamp(text: String) { #expect(Timestamp.parse(text) == nil) }

    @Test func everyDayOfFourCenturiesReadsBackAsWritten() {
        for day in stride(from: Int64(-80_000), through: 80_000, by: 7) {
            let moment = day * 86_400_000_000 + 43_200_123_000
            #expect(Timestamp.parse(Timestamp.format(moment)) == moment)
        }
    }

    @Test func aDateIsSpokenAsPeopleWriteIt() {
        #expect(Timestamp.parse("2023-05-08T23:59:59Z").map(Timestamp.spokenDate) == "8 may 2023")
    }
}
