import JSON
import Memory
import Testing

@Suite struct BusinessRuleTests {
    let world = TestWorld()

    /// What is stored before, the item, and the rule that blocks it; nil when it may be stored.
    static let cases: [(before: [JSONValue], item: JSONValue, rule: String?)] = {
        func item(_ kind: String, _ data: JSONObject, _ more: JSONObject = [:]) -> JSONValue {
            var members: JSONObject = ["kind": .string(kind), "data": .object(data)]
            members.merge(more) { $1 }
            return .object(members)
        }
        let approved = item("section", ["title": "T", "heading": "H", "body_md": "old"], ["tags": ["approved"]])
        let draft = item("section", ["title": "T", "heading": "H", "body_md": "old"], ["tags": ["draft"]])
        let rewritten = item("section", ["title": "T", "heading": "H", "body_md": "new"])
        let accepted = item("decision", ["component": "db", "title": "Use X", "status": "accepted", "rationale": "r"])
        let proposed = item("decision", ["component": "db", "title": "Use X", "status": "proposed", "rationale": "r"])
        let changed = item("decision", ["component": "db", "title": "Use X", "status": "rejected", "rationale": "q"])
        return [
            ([], item("incident", ["severity": "critical"]), "incident_commander_required"),
            ([], item("incident", ["severity": "critical", "incident_commander": " "]), "incident_commander_required"),
            ([], item("incident", ["severity": "critical", "incident_commander": "Ana"]), nil),
            ([], item("incident", ["severity": "high"]), nil),
            ([], item("risk", ["risk_level": "critical", "mitigation_strategies": []]), "mitigation_required"),
            ([], item("risk", ["risk_level": "critical", "mitigation_strategies": ["m"]]), nil),
            ([], item("risk", ["status": "accepted"]), "owner_required"),
            ([], item("risk", ["status": "accepted", "owner": "Ana"]), nil),
            ([], item("todo", ["title": "a", "dependencies": ["b", "a"]]), "todo_depends_on_itself"),
            ([], item("todo", ["title": "a", "dependencies": ["b"]]), nil),
            ([approved], rewritten, "approved_section_read_only"), ([draft], rewritten, nil),
            (
                [approved], item("section", ["title": "T", "heading": "H", "body_md": "old"], ["tags": []]),
                "approved_section_read_only"
            ),
            ([approved], item("section", ["title": "T", "heading": "other"]), nil),
            ([accepted], changed, "accepted_decision_immutable"), ([proposed], changed, nil),
            (
                [item("ddl", ["migration_id": "7", "sql": "a"])], item("ddl", ["migration_id": "7", "sql": "b"]),
                "migration_id_unique"
            ),
            ([item("ddl", ["migration_id": "7", "sql": "a"])], item("ddl", ["migration_id": "8", "sql": "b"]), nil),
            (
                [item("ddl", ["migration_id": "7", "sql": "a"])],
                item("ddl", ["migration_id": "7", "sql": "b"], ["scope": ["project": "other"]]), nil
            ),
        ]
    }()

    @Test(arguments: cases.indices, [false, true])
    func aRuleHoldsAgainstTheStoreAndInsideABatch(index: Int, inOneBatch: Bool) async throws {
        let (before, item, rule) = Self.cases[index]
        let memory = world.memory()
        var result: JSONValue = .null
        if inOneBatch {
            result = try await memory.storeItems(before + [item]).last ?? .null
        } else {
            if !before.isEmpty { _ = try await memory.storeItems(before) }
            result = try await memory.storeItems([item])[0]
        }
        #expect(result["status"] == (rule == nil ? "stored" : "business_rule_blocked"))
        #expect(
            (result["error"]?["message"]?.stringValue).map { $0.hasPrefix((rule ?? "?") + ":") }
                == rule.map { _ in true })
        #expect(world.points.points().count == before.count + (rule == nil ? 1 : 0))
    }

    @Test func anAcceptedDecisionIsSupersededByOneThatNamesIt() async throws {
        let memory = world.memory()
        var data: JSONObject = ["component": "db", "title": "Use X", "status": "accepted", "rationale": "r"]
        let first = try await memory.storeItems([["kind": "decision", "data": .object(data)]])[0]
        data["rationale"] = "better"
        data["supersedes"] = first["id"]
        let second = try await memory.storeItems([["kind": "decision", "data": .object(data)]])[0]
        #expect(second["status"] == "stored")
    }

    @Test func anApprovedSectionIsNotDeleted() async throws {
        let memory = world.memory()
        let results = try await memory.storeItems([
            ["kind": "section", "data": ["title": "T"], "tags": ["approved": true]],
            ["kind": "section", "content": "x"],
        ])
        let id = results[0]["id"] ?? .null
        await #expect { try await memory.runStatus("delete", ["document_id": id, "dry_run": false]) } throws: {
            ($0 as? MemoryError)?.code == .denied
        }
        await #expect(throws: MemoryError.self) { try await memory.runStatus("delete", ["types": ["section"]]) }
        #expect(world.points.points().count == 2)
    }
}
