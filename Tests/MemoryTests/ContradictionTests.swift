import JSON
import Memory
import Testing

@Suite struct ContradictionTests {
    let world = TestWorld()

    private static func item(_ kind: String, _ data: JSONObject) -> JSONValue {
        ["kind": .string(kind), "data": .object(data)]
    }

    static let cases: [(first: JSONValue, second: JSONValue, type: String?)] = [
        (
            item("decision", ["component": "db", "title": "a", "status": "accepted"]),
            item("decision", ["component": "db", "title": "b", "status": "accepted"]), "two_accepted_decisions"
        ),
        (
            item("decision", ["component": "db", "title": "a", "status": "accepted"]),
            item("decision", ["component": "db", "title": "b", "status": "proposed"]), nil
        ),
        (
            item("decision", ["component": "db", "title": "a", "status": "accepted"]),
            item("decision", ["component": "ui", "title": "b", "status": "accepted"]), nil
        ),
        (
            item("entity", ["entity_type": "service", "name": "api", "data": ["port": 80]]),
            item("entity", ["entity_type": "service", "name": "api", "data": ["port": 81]]), "different_value"
        ),
        (
            item("entity", ["entity_type": "service", "name": "api", "data": ["port": 80]]),
            item("entity", ["entity_type": "service", "name": "api", "data": ["host": "x"]]), nil
        ),
        (
            item(
                "observation",
                [
                    "entity_type": "p", "entity_id": "ana", "observation_type": "home", "observation": "Oslo",
                    "valid_from": "2026-01-01", "valid_until": "2026-03-01",
                ]),
            item(
                "observation",
                [
                    "entity_type": "p", "entity_id": "ana", "observation_type": "home", "observation": "Rome",
                    "valid_from": "2026-02-01",
                ]), "overlapping_validity"
        ),
        (
            ["kind": "observation", "content": "the cache survives a restart of the cluster"],
            ["kind": "observation", "content": "the cache never survives a restart of the cluster"], "negation"
        ),
        (
            ["kind": "observation", "content": "the timeout of the public gateway is 30 seconds"],
            ["kind": "observation", "content": "the timeout of the public gateway is 60 seconds"], "different_value"
        ),
    ]

    @Test(arguments: cases.indices, [false, true])
    func aContradictionIsToldAndNothingIsBlocked(index: Int, inOneBatch: Bool) async throws {
        let (first, second, type) = Self.cases[index]
        // Those by meaning need a stored neighbour.
        if inOneBatch, first["content"] != nil { return }
        let memory = world.memory()
        let more: JSONObject = ["deduplication": ["similarity_threshold": 0.7]]
        var firstID: JSONValue?
        var context: JSONValue?
        if inOneBatch {
            let answer = try await memory.callStore(
                arguments: more.merging(["items": [first, second]]) { $1 }, context: CallContext())
            firstID = answer["items"]?.arrayValue?[0]["id"]
            context = answer["autonomous_context"]
            #expect(answer["summary"]?["stored"] == 2)
        } else {
            firstID = try await memory.storeItems([first], more)[0]["id"]
            let answer = try await memory.callStore(
                arguments: more.merging(["items": [second]]) { $1 }, context: CallContext())
            context = answer["autonomous_context"]
            #expect(answer["summary"]?["stored"] == 1)
        }
        let told = context?["contradictions"]?.arrayValue ?? []
        #expect(told.compactMap { $0["type"]?.stringValue } == [type].compactMap { $0 })
        if type != nil {
            #expect(told.first?["memory_id"] == firstID && context?["recommendation"] != nil)
        }
    }

    @Test func aDecisionThatSupersedesContradictsNothing() async throws {
        let memory = world.memory()
        let id = try await memory.storeItems([
            Self.item("decision", ["component": "db", "title": "a", "status": "accepted"])
        ])[0]["id"]
        let answer = try await memory.callStore(
            arguments: [
                "items": [
                    Self.item(
                        "decision",
                        ["component": "db", "title": "b", "status": "accepted", "supersedes": id ?? .null])
                ]
            ], context: CallContext())
        #expect(answer["autonomous_context"]?["contradictions"] == [])
    }

    @Test func todosMayNotDependInACircleByWayOfOthers() async throws {
        let memory = world.memory()
        func todo(_ title: String, _ dependencies: JSONValue) -> JSONValue {
            Self.item("todo", ["title": .string(title), "dependencies": dependencies])
        }
        _ = try await memory.storeItems([todo("paint", ["plaster"]), todo("plaster", ["build"])])
        let closing = try await memory.storeItems([todo("build", ["paint"]), todo("plan", ["paint"])])
        #expect(JSONValue.array(closing).strings("status") == ["business_rule_blocked", "stored"])
        #expect(closing[0]["error"]?["message"]?.stringValue?.hasPrefix("todo_depends_on_itself") == true)
    }
}
