import JSON
import Testing
import VectorEngine

@Suite("Dates, places, texts and paths of documents")
struct DocumentTests {
    @Test(
        "A date is read with or without zone, time and fraction",
        arguments: [
            ("1970-01-01", 0), ("1970-01-01T00:00:01Z", 1_000_000), ("1970-01-01 00:00:01.5", 1_500_000),
            ("1970-01-01T01:00:00+01:00", 0), ("1970-01-01T00:00", 0),
            ("2024-02-29T12:00:00-0530", 1_709_227_800_000_000),
            ("1969-12-31T23:59:59Z", -1_000_000), ("1970-01-01T02:00:00+02", 0),
        ] as [(String, Int64)])
    func dates(text: String, microseconds: Int64) {
        #expect(Timestamp.parse(text) == microseconds)
    }

    @Test(
        "A text that is no date is none",
        arguments: [
            "", "1970", "1970-13-01", "2023-02-29", "1970-01-01T", "1970-01-01T25:00:00", "1970-01-01T00:00:00+",
        ])
    func noDates(text: String) {
        #expect(Timestamp.parse(text) == nil)
    }

    @Test("A path reaches keys with dots, elements and positions")
    func paths() throws {
        let object: JSONObject = ["a": ["b": [1, [2]]], "c.d": 3, "e": [["f": 4], ["f": [5, 6]]]]
        #expect(try PayloadPath("a.b").values(in: object) == [1, [2]])
        #expect(try PayloadPath("\"c.d\"").values(in: object) == [3])
        #expect(try PayloadPath("e[].f").values(in: object) == [4, 5, 6])
        #expect(try PayloadPath("e[1].f").values(in: object) == [5, 6])
        for bad in ["", "a.", "a[", "a[x]", ".a", "\"a", "a[-1]"] {
            #expect(throws: EngineError.self) { try PayloadPath(bad) }
        }
    }

    @Test("A box crosses the antimeridian, a circle ends before its radius, a hole is outside")
    func places() {
        let tip = GeoPoint(lon: 179, lat: 0)
        let box = GeoRegion.box(topLeft: GeoPoint(lon: 170, lat: 5), bottomRight: GeoPoint(lon: -170, lat: -5))
        #expect(box.contains(tip) && !box.contains(GeoPoint(lon: 0, lat: 0)))
        let distance = tip.distanceMeters(to: GeoPoint(lon: 180, lat: 0))
        #expect(abs(distance - 111_195) < 1)
        #expect(GeoRegion.circle(center: tip, radiusMeters: distance + 1).contains(GeoPoint(lon: 180, lat: 0)))
        #expect(!GeoRegion.circle(center: tip, radiusMeters: distance).contains(GeoPoint(lon: 180, lat: 0)))
        func square(_ half: Double) -> [GeoPoint] {
            [(-half, -half), (half, -half), (half, half), (-half, half), (-half, -half)].map {
                GeoPoint(lon: $0, lat: $1)
            }
        }
        let ring = GeoRegion.polygon(exterior: square(10), interiors: [square(2)])
        #expect(ring.contains(GeoPoint(lon: 5, lat: 5)) && !ring.contains(GeoPoint(lon: 0, lat: 0)))
    }

    @Test("An analyser finds words, beginnings and phrases as it is told")
    func texts() {
        var analyzer = TextAnalyzer()
        #expect(analyzer.tokens(ofDocument: "The Quick, brown-fox!") == ["the", "quick", "brown", "fox"])
        #expect(analyzer.matches(["the quick fox"], phrase: "Quick fox"))
        #expect(!analyzer.matches(["the fox quick"], phrase: "quick fox"))
        #expect(!analyzer.matches(["quick", "fox"], phrase: "quick fox"))
        #expect(analyzer.matches(["quick", "fox"], all: ["quick", "fox"]))
        analyzer.stopWords = ["the"]
        analyzer.minimumLength = 4
        #expect(analyzer.tokens(ofDocument: "The Quick, brown-fox!") == ["quick", "brown"])
        analyzer.tokenizer = .prefix
        analyzer.minimumLength = 2
        analyzer.maximumLength = 4
        #expect(analyzer.tokens(ofDocument: "Quick") == ["qu", "qui", "quic"])
        #expect(analyzer.tokens(ofQuery: "quickest the") == ["quic", "the"])
        var folding = TextAnalyzer()
        folding.tokenizer = .multilingual
        folding.lowercases = false
        #expect(folding.tokens(ofDocument: "Über 2024 Straße x2 世界") == ["uber", "strasse", "x2", "世", "界"])
    }

    @Test("Slices of ids are those of SipHash-2-4 with a zero key")
    func slices() {
        #expect(PointID.number(0).sliceHash == 16_738_165_381_834_614_119)
        #expect(PointID.number(12345).sliceHash == 15_471_894_867_938_797_610)
        let all = (0..<1000).map { PointID.number($0).sliceHash % 4 }
        for slice in 0..<4 { #expect((200...300).contains(all.count { $0 == UInt64(slice) })) }
    }
}
