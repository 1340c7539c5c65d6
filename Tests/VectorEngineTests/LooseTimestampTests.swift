import Testing
import VectorEngine

@Suite("Dates of payloads and filters")
struct LooseTimestampTests {
    @Test(
        "White space, zones and missing zeros are read as Qdrant's engine reads them",
        arguments: [
            ("2001-01-28 10:02:24 +0000", 980_676_144_000_000), ("2001-01-28 10:02:24 UTC", 980_676_144_000_000),
            (" \t\u{2003}2001-1-28", 980_640_000_000_000), ("2001-01-28\t10:02:24Z", 980_676_144_000_000),
            ("2001-01-2810:02:24", 980_676_144_000_000), ("2001-01-28T1:2:3+02 :30", 980_634_723_000_000),
            ("2001-01-28 10:02:24.999999999+00", 980_676_144_999_999), ("2001-01-28T10:02", 980_676_120_000_000),
            ("2001-01-28T23:59:60Z \n", 980_726_400_000_000), ("-0001-01-01", -62_198_755_200_000_000),
            ("+12001-01-28", 316_550_160_000_000_000), ("2001-01-28T10:02:24\u{2212}02:00", 980_683_344_000_000),
        ] as [(String, Int64)])
    func read(text: String, microseconds: Int64) {
        #expect(Timestamp.parseLoosely(text) == microseconds)
    }

    @Test(
        "What Qdrant's engine does not read is no date",
        arguments: [
            "", " ", "2001-01-28 ", "2001-01-28T", "2001-01-28T10", "2001-01-28T10:02Z", "2001-01-28T10:02:24 ",
            "2001-01-28T10:02:24,5", "2001-01-28T10:02:24.", "2001-01-28T10:02:61", "2001-01-28T24:00:00",
            "2001-01-28t10:02:24", "2001-02-29", "12001-01-28", "2001-01-28T10:02:24+24:00", "2001-01-28T10:02:24+2:00",
            "2001-01-28T10:02:24+00:60", "2001-01-28T10:02:24 GMT", "+999999999999999999999-01-01", "+262143-01-01",
            "２００１-01-28", "2001-01-28T10:02:24+",
        ])
    func refused(text: String) {
        #expect(Timestamp.parseLoosely(text) == nil)
    }

    @Test("A UUID is read in Qdrant's spellings and no others")
    func uuids() {
        let dashed = "12345678-90ab-cdef-1234-567890abcdef"
        let plain = dashed.filter { $0 != "-" }
        for text in [dashed, dashed.uppercased(), plain, "{\(dashed)}", "urn:uuid:\(dashed)", "URN:Uuid:\(dashed)"] {
            #expect(UUIDBytes(text)?.description == dashed)
        }
        for text in ["urn:uuid:\(plain)", "{\(plain)}", " \(dashed)", "{\(dashed)", String(dashed.dropLast()), ""] {
            #expect(UUIDBytes(text) == nil)
        }
    }
}
