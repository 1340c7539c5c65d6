import JSON
import Memory
import Testing
import VectorEngine

@Suite struct FindTests {
    let world = TestWorld()

    private func note(_ text: String, _ more: JSONObject = [:]) -> JSONValue {
        var item: JSONObject = ["kind": "observation", "content": .string(text)]
        item.merge(more) { $1 }
        return .object(item)
    }

    private func contents(_ found: JSONValue) -> [String] { found["items"]?.strings("content") ?? [] }

    // MARK: Ranking

    @Test func autoPutsSharedWordsAndMeaningBeforeEitherAlone() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems(
            [note("zebra migration"), note("horse"), note("zebra")].enumerated().map { i, item in
                var members = item.objectValue ?? [:]
                members["source"] = ["session": .string("s\(i)")]
                return .object(members)
            })
        let found = try await memory.findItems(
            "zebra migration", ["formatting": ["include_similarity_explanation": true]])
        #expect(contents(found).first == "zebra migration" && contents(found).count == 3)
        let first = found["items"]?.arrayValue?.first
        // The cosine is 1; relevance is what that cosine stands for.
        #expect(first?["match_type"] == "exact" && first?["score"] == 0.7858)
        #expect(first?["explanation"]?["lexical_part"] == 1.0 && first?["explanation"]?["dense_part"] == 1.0)
        #expect(found["items"]?.arrayValue?[1]["match_type"] == "hybrid")
        #expect(found["items"]?.arrayValue?[2]["match_type"] == "semantic")
        #expect(found["total"] == 3 && found["strategy"] == "auto" && found["meta"]?["vector_used"] == true)
    }

    /// The fused scores by the formula, from every item's two scores, without a pool.
    @Test func fusedScoresAreThoseOfTheFormulaOverAllItems() async throws {
        let memory = world.memory()
        let words = ["red", "green", "blue", "cyan", "black", "white", "grey"]
        _ = try await memory.storeItems(
            (0..<60).map { i in
                note(
                    "\(words[i % 7]) \(words[i * i % 5]) \(words[i / 9]) n\(i)",
                    ["source": ["session": .string("s\(i)")]])
            })
        let query = "blue red"
        let vector = try await WordHashEmbedder().embed([query])
        let lists = try await world.points.query(
            [
                PointQuery(target: .dense(name: "text", vector[0]), limit: 1000),
                PointQuery(target: .sparse(name: "lexical", PlainWords.encoding.encodeQuery(query)), limit: 1000),
            ], in: "memories")
        func scaled(_ list: [ScoredPoint], _ all: [PointID]) -> [PointID: Double] {
            let scores = Dictionary(uniqueKeysWithValues: list.map { ($0.id, Double($0.score)) })
            let values = all.map { scores[$0] ?? 0 }
            let low = values.min() ?? 0, high = values.max() ?? 1
            return Dictionary(uniqueKeysWithValues: zip(all, values.map { ($0 - low) / (high - low) }))
        }
        let ids = lists[0].map(\.id)
        let (dense, sparse) = (scaled(lists[0], ids), scaled(lists[1], ids))
        let terms = PlainWords.encoding.encodeQuery(query)
        var read = try await world.points.read([.weights(terms, name: "lexical", corpus: nil)], in: "memories")
        let weights = read.nextWeights()
        let information = weights.reduce(0) { $0 + Double($1) }
        let best = lists[1].map { Double($0.score) }.max() ?? 0
        let cover = min(1, best / (0.6 * information)) * min(1, best / (0.6 * information))
        // The query has each word once: an item with both words has all of it.
        let texts = try await world.points.retrieve(ids, with: .payload, in: "memories")
        let holdsAll = Set(
            texts.filter {
                let words = Set(PlainWords.terms(of: $0.payload.object["content"]?.stringValue ?? ""))
                return words.isSuperset(of: ["blue", "red"])
            }.map(\.id))
        let expected = ids.map {
            ($0, (dense[$0] ?? 0) / 2 + cover * (sparse[$0] ?? 0) / 2 + (holdsAll.contains($0) ? 0.1 : 0))
        }
        .sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }
        for strategy in ["auto", "deep"] {
            let found = try await memory.findItems(query, ["limit": 60, "mode": .string(strategy)])
            #expect(found["items"]?.strings("id") == expected.map { $0.0.description })
        }
    }

    @Test func membersOfEitherHalfGetBothScores() async throws {
        var settings = MemorySettings()
        settings.pool = 3
        let memory = world.memory(settings: settings)
        _ = try await memory.storeItems(
            (0..<30).map { i in
                note(
                    i < 15 ? "zebra n\(i) m\(i)" : "zebra zebra zebra k\(i) l\(i) o\(i) p\(i)",
                    ["source": ["session": .string("s\(i)")]])
            })
        let found = try await memory.findItems(
            "zebra", ["limit": 3, "formatting": ["include_similarity_explanation": true]])
        for item in found["items"]?.arrayValue ?? [] {
            #expect(item["explanation"]?["lexical"] != nil && item["explanation"]?["dense"] != nil)
        }
        #expect(contents(found).count == 3)
    }

    @Test func equalScoresStandInInsertionOrder() async throws {
        let memory = world.memory()
        let items = (0..<10).map { i in
            note("zebra", ["scope": ["project": .string("p\(i)")], "source": ["session": .string("s\(i)")]])
        }
        let stored = try await memory.storeItems(items)
        for mode in ["fast", "auto", "deep"] {
            let found = try await memory.findItems("zebra", ["mode": .string(mode)])
            #expect(found["items"]?.strings("id") == JSONValue.array(stored).strings("id"))
        }
    }

    @Test func anAuthorNamedInTheQueryStandsHigher() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems(
            ["Bo", "Ana", "Cy"].map { name in
                note("likes tea", ["source": ["actor": .string(name), "session": .string(name)]])
            }, ["deduplication": ["enabled": false]])
        let found = try await memory.findItems(
            "what did Ana like", ["formatting": ["include_similarity_explanation": true]])
        let first = found["items"]?.arrayValue?.first
        #expect(first?["source"]?["actor"] == "Ana" && first?["explanation"]?["author_bonus"] == 0.25)
        #expect(found["items"]?.arrayValue?[1]["explanation"]?["author_bonus"] == nil)
    }

    @Test func theDayIsFoundInWords() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems(
            (1...5).map { month in
                note(
                    "met for tea",
                    ["source": ["timestamp": .string("2023-0\(month)-08"), "session": .string("\(month)")]])
            }, ["deduplication": ["enabled": false]])
        let found = try await memory.findItems("tea in may 2023")
        #expect(found["items"]?.arrayValue?.first?["source"]?["timestamp"] == "2023-05-08T00:00:00.000Z")
    }

    @Test func wordsThatStandInDataAloneAreFound() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([
            ["kind": "decision", "content": "we chose", "data": ["title": "Zebra", "rationale": ["deep": ["okapi"]]]],
            ["kind": "runbook", "data": ["steps": [["step_number": 1, "description": "restart quagga"]]]],
        ])
        for (word, kind) in [("zebra", "decision"), ("okapi", "decision"), ("quagga", "runbook")] {
            #expect(try await memory.findItems(word, ["mode": "fast"])["items"]?.strings("kind") == [kind])
        }
    }

    @Test func aQueryOfStopWordsFallsToMeaningOrSaysWhy() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([note("zebra"), note("horse")])
        let auto = try await memory.findItems("what is the")
        #expect(contents(auto).count == 2 && auto["strategy_details"]?.stringValue?.contains("no words") == true)
        let fast = try await memory.findItems("what is the", ["mode": "fast"])
        #expect(contents(fast).isEmpty && fast["strategy_details"]?.stringValue?.contains("stop words") == true)
    }

    @Test func anEmptyMemoryAnswersWithNothing() async throws {
        for mode in ["fast", "auto", "deep"] {
            let found = try await world.memory().findItems("zebra", ["mode": .string(mode)])
            #expect(found["items"] == [] && found["total"] == 0 && found["meta"]?["degraded"] == false)
        }
    }

    // MARK: Pages

    @Test(arguments: ["fast", "auto", "deep"])
    func pagesAreFullAndNeverOverlap(mode: String) async throws {
        var settings = MemorySettings()
        settings.pool = 10
        settings.deepPool = 20
        let memory = world.memory(settings: settings)
        for batch in 0..<2 {
            _ = try await memory.storeItems(
                (0..<60).map { i in
                    note("zebra n\(i % 7) b\(batch) i\(i)", ["tags": [.string(i % 2 == 0 ? "even" : "odd")]])
                })
        }
        var seen: [String] = []
        for offset in stride(from: 0, to: 60, by: 7) {
            let found = try await memory.findItems(
                "zebra n3",
                ["mode": .string(mode), "limit": 7, "offset": .integer(Int64(offset)), "filters": ["tags": ["even"]]])
            #expect(found["total"] == 60)
            #expect(found["items"]?.arrayValue?.count == min(7, 60 - offset))
            seen += found["items"]?.strings("id") ?? []
        }
        #expect(seen.count == 60 && Set(seen).count == 60)
        let beyond = try await memory.findItems("zebra", ["offset": 1000, "mode": .string(mode)])
        #expect(beyond["items"] == [] && beyond["total"] == 120)
    }

    // MARK: Filters

    static let filters: [(JSONObject, [Int])] = [
        (["types": ["todo"]], [0, 1]), (["types": ["todo", "risk"]], [0, 1, 2]), (["types": []], [0, 1, 2, 3]),
        (["scope": ["project": "p"]], [0, 2]), (["scope": ["project": "p", "branch": "b"]], [2]),
        (["filters": ["tags": ["core"]]], [0, 3]), (["filters": ["tags": ["team:db"]]], [1]),
        (["filters": ["tags": ["core", "urgent"]]], [3]), (["filters": ["metadata": ["n": 1]]], [0]),
        (["filters": ["metadata": ["deep": ["flag": true]]]], [1]),
        (["filters": ["metadata": ["n": [1, 2]]]], [0, 2]),
        (["filters": ["metadata": ["w": 0.5]]], [3]), (["filters": ["confidence_min": 0.5]], [2]),
        (["filters": ["confidence_max": 0.5]], [3]), (["filters": ["created_after": "2026-01-31T12:00:15Z"]], [2, 3]),
        (["filters": ["created_before": "2026-01-31T12:00:15Z"]], [0, 1]),
        (["filters": ["updated_after": "2026-02-01"]], []), (["ttl_filters": ["ttl_policies": ["short"]]], [1]),
        (["ttl_filters": ["expires_before": "2026-02-02"]], [1]),
        (["ttl_filters": ["expires_after": "2026-06-01"]], [2]),
    ]

    @Test(arguments: filters)
    func filtersNarrowEveryStrategyAlike(arguments: JSONObject, expected: [Int]) async throws {
        let memory = world.memory()
        let items: [JSONValue] = [
            ["kind": "todo", "content": "zebra 0", "scope": ["project": "p"], "tags": ["core"], "metadata": ["n": 1]],
            [
                "kind": "todo", "content": "zebra 1", "scope": ["project": "q"], "tags": ["team": "db"],
                "metadata": ["deep": ["flag": true]], "ttl_config": ["policy": "short"],
            ],
            [
                "kind": "risk", "content": "zebra 2", "scope": ["project": "p", "branch": "b"],
                "metadata": ["n": 2, "confidence": 0.9], "ttl_config": ["expires_at": "2027-01-01"],
            ],
            [
                "kind": "issue", "content": "zebra 3", "tags": ["core", "urgent"],
                "metadata": ["w": 0.5, "confidence": 0.25],
            ],
        ]
        for item in items {
            _ = try await memory.storeItems([item])
            world.advance(seconds: 10)
        }
        for mode in ["fast", "auto", "deep"] {
            let found = try await memory.findItems("zebra", arguments.merging(["mode": .string(mode)]) { $1 })
            #expect(contents(found).sorted() == expected.map { "zebra \($0)" })
            #expect(found["total"] == .integer(Int64(expected.count)))
        }
    }

    @Test(arguments: ["a.b", "", "a[0]"])
    func aMetadataKeyThatIsNoNameIsRefused(key: String) async throws {
        await #expect(throws: MemoryError.self) {
            try await world.memory().findItems("x", ["filters": ["metadata": [key: 1]]])
        }
    }

    // MARK: Form

    @Test func longContentIsCutWithItsLengthSaid() async throws {
        let memory = world.memory()
        let text = "zebra " + String(repeating: "é", count: 2_500)
        let stored = try await memory.storeItems([note(text), ["kind": "todo", "data": ["t": .string(text)]]])
        #expect(stored[0]["chunks"] != nil && stored[1]["chunks"] == nil)
        let found = try await memory.findItems("zebra", ["mode": "fast"])["items"]?.arrayValue ?? []
        let cut = found.first { $0["kind"] == "observation" }
        #expect(cut?["content"]?.stringValue?.unicodeScalars.count == 1_501 && cut?["content_length"] == 2_506)
        let data = found.first { $0["kind"] == "todo" }
        let shown = try #require(data?["data"]?["t"]?.stringValue)
        #expect(shown.hasPrefix("zebra é") && shown.hasSuffix("é…") && data?["data_length"] == 5_014)
        #expect((1_400...1_504).contains(shown.utf8.count))
        let whole = try await memory.findItems("zebra", ["formatting": ["max_content_length": 2_506]])
        #expect(contents(whole).contains(text))
        let document = try await memory.runStatus("get_document", ["document_id": stored[0]["id"] ?? .null])
        #expect(document["document"]?["content"] == .string(text))
    }

    @Test("data that is too long is shown by its short members and the beginning of its texts")
    func longDataIsCut() async throws {
        let memory = world.memory()
        let body = String(repeating: "zebra crossing ", count: 200)
        _ = try await memory.storeItems([
            [
                "kind": "section",
                "data": [
                    "body_md": .string(body), "list": .array((0..<900).map { .integer($0) }), "title": "Streets",
                    "heading": "Crossings", "document_id": "/r/streets.md",
                ],
            ]
        ])
        for answer in [
            try await memory.findItems("zebra"),
            try await {
                var context = CallContext()
                context.maximumCharacters = 40_000
                return try await memory.callList(arguments: [:], context: context)
            }(),
        ] {
            let item = try #require(answer["items"]?.arrayValue?.first)
            let data = try #require(item["data"]?.objectValue)
            #expect(Array(data.keys) == ["body_md", "title", "heading", "document_id"])
            #expect(data["title"] == "Streets" && data["body_md"]?.stringValue?.hasPrefix("zebra crossing") == true)
            #expect(item["data_length"] != nil && data["body_md"]?.stringValue?.hasSuffix("…") == true)
        }
        let whole = try await memory.callList(arguments: [:], context: CallContext())
        #expect(whole["items"]?.arrayValue?.first?["data"]?["body_md"] == .string(body))
    }

    @Test func formattingLeavesOutWhatIsNotWanted() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([note("the zebra's stripes", ["metadata": ["n": 1], "tags": ["t"]])])
        let bare = try await memory.findItems(
            "zebra", ["formatting": ["include_content": false, "include_metadata": false]])
        #expect(
            (bare["items"]?.arrayValue?.first?.objectValue?.keys).map(Array.init) == [
                "id", "kind", "scope", "created_at", "updated_at", "score", "match_type", "relevance",
            ])
        let marked = try await memory.findItems("stripes", ["formatting": ["highlight_matches": true]])
        #expect(marked["items"]?.arrayValue?.first?["highlight"] == "the zebra's **stripes**")
    }
}
