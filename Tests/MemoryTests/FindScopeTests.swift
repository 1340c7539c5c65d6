import Embedding
import JSON
import Memory
import Synchronization
import Testing
import VectorEngine

/// Counts the calls of an embedder.
final class CountingEmbedder: Embedder {
    private let inner: WordHashEmbedder
    private let counts = Mutex((calls: 0, texts: [String]()))

    init(_ inner: WordHashEmbedder = WordHashEmbedder()) { self.inner = inner }

    var identity: EmbedderIdentity { inner.identity }
    var calls: Int { counts.withLock { $0.calls } }
    var texts: [String] { counts.withLock { $0.texts } }

    func reset() { counts.withLock { $0 = (0, []) } }

    func embed(_ texts: [String]) async throws -> [[Float]] {
        counts.withLock {
            $0.calls += 1
            $0.texts += texts
        }
        return try await inner.embed(texts)
    }
}

@Suite struct FindScopeTests {
    let world = TestWorld()

    private func note(_ text: String, _ more: JSONObject = [:]) -> JSONValue {
        .object((["kind": "observation", "content": .string(text)] as JSONObject).merging(more) { $1 })
    }

    private func found(
        _ memory: MemoryStore, _ query: String, _ more: JSONObject = [:], from scope: MemoryScope = .empty
    ) async throws -> JSONValue {
        var arguments = more
        arguments["query"] = .string(query)
        let answer = try await memory.callFind(arguments: arguments, context: CallContext(defaultScope: scope))
        _ = try memory.contract.find.result.checked(answer, at: "")
        return answer
    }

    // MARK: Projects

    @Test("a project is found however its name is spelled, and keeps the spelling that came first")
    func projectsAreComparedWithoutCase() async throws {
        let memory = world.memory()
        for (name, text) in [("Alpha", "zebra one"), ("alpha", "zebra two"), ("beta", "zebra three")] {
            _ = try await memory.storeItems([note(text, ["scope": ["project": .string(name)]])])
        }
        for name in ["Alpha", "alpha", "ALPHA"] {
            for mode in ["fast", "auto", "deep"] {
                let answer = try await found(
                    memory, "zebra", ["scope": ["project": .string(name)], "mode": .string(mode)])
                #expect(answer["items"]?.strings("content").sorted() == ["zebra one", "zebra two"])
                #expect(answer["items"]?.arrayValue?.allSatisfy { $0["scope"]?["project"] == "Alpha" } == true)
            }
        }
        let projects = try await memory.callList(arguments: ["what": "projects"], context: CallContext())["projects"]
        #expect(projects == [["name": "Alpha", "count": 2], ["name": "beta", "count": 1]])
    }

    @Test("a scope that matches nothing is answered with the projects that there are")
    func existingProjectsAreNamed() async throws {
        let memory = world.memory()
        for name in ["Alpha", "beta"] {
            _ = try await memory.storeItems([note("zebra \(name)", ["scope": ["project": .string(name)]])])
        }
        let answer = try await found(memory, "zebra", ["scope": ["project": "gamma"]])
        #expect(answer["total"] == 0 && answer["projects"] == ["Alpha", "beta"])
        #expect(try await found(memory, "zebra", ["scope": ["project": "beta"]])["projects"] == nil)
    }

    @Test("a branch hides a memory only where it is asked for")
    func branchesDoNotHide() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([note("zebra", ["scope": ["project": "p", "branch": "feature"]])])
        let here = MemoryScope(["project": "P", "branch": "main"])
        var request = FindRequest("zebra")
        request.narrowing.scope = MemoryScope(["project": "here"])
        let inside = try await memory.find(request, context: CallContext(defaultScope: here))
        #expect(inside.items.count == 1)
        let other = CallContext(defaultScope: MemoryScope(["project": "q"]))
        #expect(try await memory.find(request, context: other).items.isEmpty)
        await #expect { try await memory.find(request, context: CallContext()) } throws: {
            ($0 as? MemoryError)?.field == "scope"
        }
        #expect(try await found(memory, "zebra", ["scope": ["project": "p", "branch": "main"]])["total"] == 0)
    }

    @Test("at similar relevance the current project's memories go first", arguments: ["fast", "auto", "deep"])
    func theCurrentProjectGoesFirst(mode: String) async throws {
        let memory = world.memory()
        for name in ["c", "b", "a"] {
            _ = try await memory.storeItems([
                note("the deploy of service \(name) starts at noon", ["scope": ["project": .string(name)]])
            ])
        }
        _ = try await memory.storeItems([note("unrelated words", ["scope": ["project": "a"]])])
        for home in ["a", "b", "c"] {
            let scope = MemoryScope(["project": home.uppercased()])
            let answer = try await found(memory, "when does the deploy start", ["mode": .string(mode)], from: scope)
            let projects = answer["items"]?.arrayValue?.compactMap { $0["scope"]?["project"]?.stringValue } ?? []
            #expect(projects.first == home && projects.count >= 3, "\(home): \(projects)")
        }
    }

    // MARK: Fields

    @Test("filters match the fields of the kinds, as filters of their own and as metadata")
    func filtersMatchFields() async throws {
        let memory = world.memory()
        for status in ["pending", "done"] {
            _ = try await memory.storeItems([
                ["kind": "todo", "data": ["title": .string("feed the zebra \(status)"), "status": .string(status)]]
            ])
        }
        let answer = try await found(memory, "zebra", ["filters": ["metadata": ["status": "pending"]]])
        #expect(answer["items"]?.arrayValue?.map { $0["data"]?["status"] } == ["pending"])
        var request = FindRequest("zebra")
        request.narrowing.fields = ["status": "done"]
        let result = try await memory.find(request, context: CallContext())
        #expect(result.items.count == 1 && result.total == 1)
    }

    // MARK: Closeness

    @Test("when no word is stored and nothing is near by meaning, the answer says so and marks its items weak")
    func nothingIsClose() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([note("zebra stripes"), note("okapi tongue")])
        let strange = try await found(memory, "qqqq zzzz")
        #expect(strange["note"] == "nothing stored is close to this")
        #expect(strange["items"]?.arrayValue?.allSatisfy { $0["relevance"] == "weak" } == true)
        let known = try await found(memory, "zebra qqqq")
        #expect(known["note"] == nil && known["items"]?.arrayValue?.first?["relevance"] == "likely")
        #expect(try await found(memory, "qqqq", ["mode": "fast"])["note"] != nil)
    }

    @Test("where the hits were said in a conversation, an answer does not claim that nothing is close")
    func conversationsHaveNoFloor() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([note("zebra stripes", ["source": ["session": "s"]])])
        let answer = try await found(memory, "qqqq zzzz")
        #expect(answer["note"] == nil && answer["items"]?.arrayValue?.count == 1)
    }

    // MARK: Contradictions

    @Test("memories of one page that contradict each other say so and which is newer, in the order they had")
    func contradictionsAreNoted() async throws {
        let memory = world.memory()
        for text in ["Retries are automatic", "Retries are manual", "Retries are logged in the cluster"] {
            _ = try await memory.storeItems([note(text)])
            world.advance(seconds: 60)
        }
        let items = try await found(memory, "retries")["items"]?.arrayValue ?? []
        let manual = try #require(items.first { $0["content"] == "Retries are manual" })
        let automatic = try #require(items.first { $0["content"] == "Retries are automatic" })
        for (item, other) in [(manual, automatic), (automatic, manual)] {
            let noted = item["contradictions"]?.arrayValue ?? []
            #expect(noted.count == 1 && noted[0]["memory_id"] == other["id"] && noted[0]["newer"] == manual["id"])
            #expect(noted[0]["type"] == "opposite")
        }
        #expect(items.first { $0["content"] == "Retries are logged in the cluster" }?["contradictions"] == nil)
    }

    // MARK: Cost

    @Test("a find makes two calls of the store at most", arguments: ["fast", "auto"])
    func aFindCostsTwoCalls(mode: String) async throws {
        let memory = world.memory()
        let words = ["zebra", "okapi", "horse", "mule"]
        for i in 0..<60 {
            let text = "\(words[i % 4]) \(words[(i / 4) % 4]) number \(i)"
            _ = try await memory.storeItems([
                note(text, ["scope": ["project": .string("p\(i % 3)")], "source": ["actor": "Ana"]])
            ])
        }
        func calls() -> Int { world.points.state.withLock { $0.calls.values.reduce(0, +) } }
        for query in ["zebra", "what did Ana say of the okapi number 7", "qqqq"] {
            let before = calls()
            _ = try await found(memory, query, ["mode": .string(mode)], from: MemoryScope(["project": "p1"]))
            #expect(calls() - before <= 2, "\(query)")
        }
    }

    @Test("a store costs one call of the embedder, which embeds each text once, and one transaction")
    func aStoreCostsOneCall() async throws {
        let embedder = CountingEmbedder()
        let memory = world.memory(embedder: embedder)
        _ = try await memory.storeItems([note("warm up")])
        let long = (0..<400).map { "the zebra of herd \($0) drinks." }.joined(separator: " ")
        let items = (0..<5).map { note("okapi \($0)", ["source": ["session": "s"]]) } + [note(long), note("okapi 1")]
        for round in 0..<2 {
            embedder.reset()
            let before = world.points.state.withLock { $0.batches }
            let results = try await memory.storeItems(items + [note("fresh \(round)")])
            #expect(results.allSatisfy { ["stored", "skipped_dedupe"].contains($0["status"]?.stringValue ?? "") })
            #expect(embedder.calls == 1 && Set(embedder.texts).count == embedder.texts.count)
            #expect(world.points.state.withLock { $0.batches } == before + 1)
        }
    }
}
