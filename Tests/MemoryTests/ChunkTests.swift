import JSON
import Memory
import Testing
import VectorEngine

@Suite struct ChunkTests {
    let world = TestWorld()

    // MARK: Cutting

    static let texts: [String] = [
        "", "x", String(repeating: "x", count: 1_200), String(repeating: "x", count: 1_201),
        String(repeating: "x", count: 5_000), String(repeating: " ", count: 5_000),
        String(repeating: "\r\n", count: 3_000),
        String(repeating: "👩‍👩‍👧‍👦 é ", count: 2_000),
        String(repeating: "one two three. ", count: 500),
        String(repeating: "a line\nand another\n\n", count: 300), String(repeating: "漢字。", count: 2_000),
    ]

    @Test(arguments: texts)
    func chunksCoverTheTextInOrderAndWithinTheirSize(text: String) {
        let chunker = Chunker()
        let ranges = chunker.ranges(of: text)
        #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == text.utf8.count)
        for range in ranges {
            let bytes = Array(text.utf8)[range]
            #expect(String(validating: bytes, as: UTF8.self) != nil)
            #expect(String(decoding: bytes, as: UTF8.self).count <= chunker.size)
        }
        for (a, b) in zip(ranges, ranges.dropFirst()) {
            #expect(a.lowerBound < b.lowerBound && b.lowerBound <= a.upperBound && a.upperBound < b.upperBound)
        }
        #expect(ranges.count <= text.count / 400 + 1)
    }

    @Test func cutsFallOnParagraphsBeforeSentencesBeforeWords() {
        func firstChunk(_ text: String) -> String {
            let bytes = Array(text.utf8)
            return String(decoding: bytes[Chunker().ranges(of: text)[0]], as: UTF8.self)
        }
        let words = String(repeating: "word ", count: 400)
        #expect(firstChunk(words).hasSuffix("word "))
        let sentence = String(repeating: "word ", count: 150) + "end. " + words
        #expect(firstChunk(sentence).hasSuffix("end. "))
        let paragraph = String(repeating: "word ", count: 130) + "end\n\n" + "more. " + words
        #expect(firstChunk(paragraph).hasSuffix("end\n\n"))
    }

    // MARK: Stored and found

    /// A text of `count` characters or a little more, with `word` near its end.
    private func long(_ count: Int, ending word: String) -> String {
        var text = ""
        var i = 0
        while text.count < count - word.count {
            text += "filler "
            i += 1
        }
        return text + word
    }

    @Test(arguments: [(2_400, false), (2_401, true)])
    func contentBeyondTheLimitIsCut(length: Int, isCut: Bool) async throws {
        let result = try await world.memory().storeItems([
            ["kind": "todo", "content": .string(String(repeating: "y", count: length))]
        ])[0]
        #expect((result["chunks"] != nil) == isCut)
        #expect(world.points.points().count == 1 + (result["chunks"]?.integerValue.map { Int($0) } ?? 0))
    }

    @Test func aLongTextIsFoundOnceByItsEndWithThePlace() async throws {
        let memory = world.memory()
        let text = long(9_000, ending: "okapi grazing")
        let stored = try await memory.storeItems([
            ["kind": "todo", "content": .string(text)], ["kind": "todo", "content": "horse"],
        ])
        for mode in ["auto", "deep"] {
            let found = try await memory.findItems("okapi grazing", ["mode": .string(mode)])
            #expect(found["total"] == 2 && found["items"]?.arrayValue?.count == 2)
            let first = found["items"]?.arrayValue?.first
            #expect(first?["id"] == stored[0]["id"])
            #expect(first?["match"]?["text"]?.stringValue?.hasSuffix("okapi grazing") == true)
            #expect(first?["match"]?["end"] == .integer(Int64(text.utf8.count)))
        }
        let found = try await memory.findItems("okapi", ["mode": "fast"])
        let first = found["items"]?.arrayValue?.first
        #expect(found["total"] == 1)
        #expect(first?["match"]?["text"]?.stringValue?.hasSuffix("okapi grazing") == true)
    }

    @Test("The place of a match is the chunk that has the query's rare words", arguments: ["fast", "auto", "deep"])
    func rareWordsChooseTheChunk(mode: String) async throws {
        let memory = world.memory()
        let text = (0..<120).map { i in
            "Part \(i). " + String(repeating: "The zebra ran fast over the hill with the number \(i). ", count: 8)
        }
        _ = try await memory.storeItems([["content": .string(text.joined(separator: "\n\n"))]])
        for query in ["zebra hill number 77", "number 77 hill"] {
            let found = try await memory.findItems(query, ["mode": .string(mode)])
            let match = found["items"]?.arrayValue?.first?["match"]?["text"]?.stringValue
            #expect(match?.contains("number 77") == true, "\(match ?? "no match")")
        }
    }

    @Test("A memory that is not cut has no place of a match")
    func shortTextsHaveNoPlace() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([["content": "the okapi is grazing"]])
        let found = try await memory.findItems("okapi", ["mode": "fast"])
        #expect(found["total"] == 1 && found["items"]?.arrayValue?.first?["match"] == nil)
    }

    @Test func pagesStayFullAmongManyChunks() async throws {
        var settings = MemorySettings()
        settings.pool = 5
        settings.widePool = 10
        let memory = world.memory(settings: settings)
        var items: [JSONValue] = (0..<3).map { ["kind": "todo", "content": .string(long(8_000, ending: "n\($0)"))] }
        items += (0..<30).map { ["kind": "todo", "content": .string("short n\($0)")] }
        _ = try await memory.storeItems(items)
        var seen: [String] = []
        for offset in stride(from: 0, to: 33, by: 10) {
            let found = try await memory.findItems("filler", ["offset": .integer(Int64(offset)), "limit": 10])
            #expect(found["total"] == 33 && found["items"]?.arrayValue?.count == min(10, 33 - offset))
            seen += found["items"]?.strings("id") ?? []
        }
        #expect(Set(seen).count == 33)
    }

    @Test func chunksAreReassembledByteForByte() async throws {
        let memory = world.memory()
        let text = long(5_000, ending: "👩‍👩‍👧‍👦 é\r\n\r\nend")
        let id = try await memory.storeItems([["kind": "section", "content": .string(text)]])[0]["id"] ?? .null
        let whole = try await memory.runStatus("reassemble_document", ["document_id": id])
        #expect(whole["document"]?["content"] == .string(text) && whole["sha256"]?.stringValue?.count == 64)
        let parts =
            try await memory.runStatus("get_document_with_chunks", ["document_id": id])["chunks"]?.arrayValue ?? []
        var bytes: [UInt8] = []
        for part in parts {
            let start = Int(part["start"]?.integerValue ?? 0)
            bytes = Array(bytes.prefix(start)) + Array((part["text"]?.stringValue ?? "").utf8)
        }
        #expect(parts.count > 3 && bytes == Array(text.utf8))
    }

    @Test func chunksFollowTheirMemory() async throws {
        let memory = world.memory()
        func item(_ version: Int64) -> JSONValue {
            [
                "kind": "todo", "content": .string(long(6_000, ending: "okapi")), "metadata": ["v": .integer(version)],
                "ttl_config": ["policy": "long"],
            ]
        }
        let first = try await memory.storeItems([item(1), ["kind": "todo", "content": "horse"]])
        _ = try await memory.storeItems([item(2)])
        let found = try await memory.findItems("okapi", ["filters": ["metadata": ["v": 2]]])
        #expect(found["items"]?.arrayValue?.first?["match"] != nil && found["total"] == 1)
        #expect(try await memory.findItems("okapi", ["filters": ["metadata": ["v": 1]]])["total"] == 0)
        let stats = try await memory.runStatus("stats")["stats"]
        #expect(stats?["items"] == 2 && stats?["by_kind"] == ["todo": 2])
        #expect(try await MemoryResources(memory).list().entries.count == 2)
        let dry = try await memory.runStatus("delete", ["types": ["todo"]])["deletion"]
        #expect(dry?["count"] == 2)
        let gone = try await memory.runStatus("delete", ["document_id": first[0]["id"] ?? .null, "dry_run": false])
        #expect(gone["deletion"]?["count"] == 1 && world.points.points().count == 1)
    }
}
