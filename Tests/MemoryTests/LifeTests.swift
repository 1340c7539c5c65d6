import JSON
import Memory
import Testing

/// Expiry and what it brings with it, truncation, insights, purge and cleanup.
@Suite struct LifeTests {
    let world = TestWorld()

    private func todo(_ text: String, _ more: JSONObject = [:]) -> JSONValue {
        .object((["kind": "todo", "content": .string(text)] as JSONObject).merging(more) { $1 })
    }

    @Test func aReadNearTheEndMovesItAndNotMoreOftenThanAllowed() async throws {
        let memory = world.memory()
        let config: JSONObject = [
            "ttl_config": ["policy": "short", "auto_extend": true, "extend_threshold_days": 1, "max_extensions": 1]
        ]
        let id = try await memory.storeItems([todo("zebra", config)])[0]["id"] ?? .null
        world.advance(seconds: 23 * 3600)
        _ = try await memory.findItems("zebra")
        world.advance(seconds: 20 * 3600)
        #expect(try await memory.runStatus("get_document", ["document_id": id])["document"] != nil)
        world.advance(seconds: 5 * 3600)
        await #expect(throws: MemoryError.self) { try await memory.runStatus("get_document", ["document_id": id]) }
    }

    @Test(arguments: ["hard", "soft", "intelligent"])
    func longTextIsCutWhereItsModeSays(mode: String) async throws {
        let text =
            "one two three four. five six seven eight nine ten eleven twelve. thirteen fourteen fifteen sixteen "
            + "seventeen eighteen nineteen twenty"
        let memory = world.memory()
        let result = try await memory.storeItems([
            todo(text, ["truncation_config": ["max_chars": 104, "mode": .string(mode)]])
        ])[0]
        let document = try await memory.runStatus("get_document", ["document_id": result["id"] ?? .null])["document"]
        let content = document?["content"]?.stringValue ?? ""
        let kept = String(content.dropLast())
        #expect(content.unicodeScalars.count <= 104 && content.hasSuffix("…") && text.hasPrefix(kept))
        switch mode {
        case "hard": #expect(content.count == 104)
        case "soft": #expect(text.dropFirst(kept.count).first == " " && kept.hasSuffix("sixteen"))
        default: #expect(kept.hasSuffix("twelve."))
        }
        #expect(result["warnings"]?.arrayValue?.first?.stringValue?.contains("cut from") == true)
    }

    @Test func insightsAreCountedOnlyWhereAsked() async throws {
        let memory = world.memory()
        let results = try await memory.storeItems([
            todo("zebra zebra zebra stripes", ["insights_config": ["insight_types": ["summary", "patterns"]]]),
            todo("okapi"),
        ])
        #expect(results[0]["insights"]?.strings("type") == ["summary", "patterns"] && results[1]["insights"] == nil)
    }

    @Test func aPurgeRemovesWhatHasExpiredAndReportsIt() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems(
            (0..<5).map { todo("zebra \($0)", ["ttl_config": ["policy": "short"]]) } + [todo("horse")])
        world.advance(seconds: 25 * 3600)
        let dry = try await memory.runStatus("run_purge")["purge"]
        #expect(dry?["dry_run"] == true && dry?["expired"] == 5 && world.points.points().count == 6)
        let run: JSONObject = ["purge_config": ["dry_run": false, "batch_size": 2, "max_batches": 2]]
        let first = try await memory.runStatus("run_purge", run)["purge"]
        #expect(first?["deleted"] == 4 && first?["has_more"] == true)
        world.advance(seconds: 1)
        let second = try await world.memory().runStatus("run_purge", run)["purge"]
        #expect(second?["deleted"] == 1 && second?["has_more"] == false && world.points.points().count == 1)
        let reports = try await world.memory().runStatus("get_purge_reports", ["report_limit": 1])["reports"]
        #expect(reports?.arrayValue?.count == 1 && reports?.arrayValue?[0]["deleted"] == 1)
        let statistics = try await memory.runStatus("get_purge_statistics")["statistics"]
        #expect(statistics?["runs"] == 2 && statistics?["deleted"] == 5)
    }

    @Test func theSweeperRemovesOnlyWhatHasExpired() async throws {
        let memory = world.memory()
        _ = try await memory.storeItems([todo("a", ["ttl_config": ["policy": "short"]]), todo("b")])
        #expect(try await memory.sweep() == 0)
        world.advance(seconds: 25 * 3600)
        #expect(try await memory.sweep() == 1 && world.points.points().count == 1)
    }

    @Test func aCleanupNeedsTheTokenOfExactlyItsWork() async throws {
        let memory = world.memory()
        let off: JSONObject = ["deduplication": ["enabled": false]]
        _ = try await memory.storeItems([todo("copy"), todo("copy"), todo("other")], off)
        let config: JSONObject = ["cleanup_config": ["operations": ["duplicate", "orphaned", "expired"]]]
        let dry = try await memory.runStatus("run_cleanup", config)["cleanup"]
        #expect(dry?["would_remove"] == ["duplicate": 1, "orphaned": 0, "expired": 0])
        let token = dry?["cleanup_token"] ?? .null
        await #expect(throws: MemoryError.self) {
            try await memory.runStatus("confirm_cleanup", ["cleanup_token": "1.duplicate.abc"])
        }
        _ = try await memory.storeItems([todo("copy")], off)
        await #expect(throws: MemoryError.self) {
            try await memory.runStatus("confirm_cleanup", ["cleanup_token": token])
        }
        let again = try await memory.runStatus("run_cleanup", config)["cleanup"]?["cleanup_token"] ?? .null
        let done = try await memory.runStatus("confirm_cleanup", ["cleanup_token": again])["cleanup"]
        #expect(done?["deleted"] == 2 && world.points.points().count == 2)
        #expect(try await memory.runStatus("get_cleanup_history")["reports"]?.arrayValue?.count == 1)
        #expect(try await memory.runStatus("get_cleanup_statistics")["statistics"]?["deleted"] == 2)
    }

    @Test func everyOtherOperationAnswersByItsSchema() async throws {
        let memory = world.memory()
        let id = try await memory.storeItems([todo("zebra", ["metadata": ["a": 1]])])[0]["id"] ?? .null
        #expect(try await memory.runStatus("telemetry")["telemetry"]?["calls"]?["memory_store"] == 1)
        #expect(try await memory.runStatus("metrics")["metrics"]?["tools"]?["memory_store"]?["count"] == 1)
        #expect(try await memory.runStatus("get_performance_trends")["trends"]?.arrayValue?.count == 1)
        #expect(try await memory.runStatus("system_diagnostics")["diagnostics"]?.arrayValue?.isEmpty == false)
        #expect(try await memory.runStatus("get_rate_limit_status")["rate_limits"]?["enabled"] == false)
        let merged = try await memory.runStatus(
            "upsert_merge", ["document_id": id, "merge": ["metadata": ["b": 2], "content": "zebra and okapi"]])
        #expect(merged["document"]?["metadata"] == ["a": 1, "b": 2])
        #expect(try await memory.findItems("okapi", ["mode": "fast"])["items"]?.strings("id") == [id.stringValue ?? ""])
        await #expect {
            try await memory.runStatus("upsert_merge", ["document_id": id, "merge": ["kind": "risk"]])
        } throws: { ($0 as? MemoryError)?.field == "merge.kind" }
    }

    @Test func callsBeyondTheRateAreRefusedUntilTimeHasPassed() async throws {
        var settings = MemorySettings()
        settings.rateLimits = RateLimits()
        let memory = world.memory(settings: settings)
        for _ in 0..<60 { _ = try await memory.runStatus("health") }
        await #expect { try await memory.runStatus("health") } throws: { error in
            let error = error as? MemoryError
            return error?.code == .rateLimit && error?.isRetryable == true && error?.retryAfterMilliseconds == 2_000
        }
        world.advance(seconds: 2)
        _ = try await memory.runStatus("health")
    }
}
