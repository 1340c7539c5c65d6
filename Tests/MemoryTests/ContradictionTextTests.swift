import JSON
import Memory
import Testing

/// What the words of two texts show, whatever their vectors say.
@Suite struct ContradictionTextTests {
    private func told(_ first: String, _ second: String) async throws -> [String] {
        let world = TestWorld()
        let memory = MemoryStore(
            points: world.points, embedder: ConstantEmbedder(), lexical: .bm25(), now: { world.now },
            random: { world.draw() })
        _ = try await memory.storeItems([["kind": "observation", "content": .string(first)]])
        let answer = try await memory.callStore(
            arguments: ["items": [["kind": "observation", "content": .string(second)]]], context: CallContext())
        #expect(answer["summary"]?["stored"] == 1, "nothing is merged or blocked")
        return answer["autonomous_context"]?["contradictions"]?.strings("type") ?? []
    }

    @Test(
        "two texts that cannot both hold are told",
        arguments: [
            ("Retries are automatic", "Retries are manual", "opposite"),
            ("Retries are automatic.", "Retries are manual.", "opposite"),
            ("The feature flag is enabled for all users", "The feature flag is disabled for all users", "opposite"),
            ("The sidebar is on the left", "The sidebar is on the right", "opposite"),
            ("Ana always reviews migrations", "Ana never reviews migrations", "negation"),
            ("The schema is stable", "The schema is unstable", "opposite"),
            ("The cache survives a restart", "The cache does not survive a restart", "negation"),
            ("We support IPv6", "We don't support IPv6", "negation"),
            ("The token is encrypted", "The token isn't encrypted", "negation"),
            ("There are open bugs", "There are no open bugs", "negation"),
            ("The timeout is 30 seconds", "The timeout is 60 seconds", "different_value"),
            ("The timeout is 30 seconds", "The timeout is 2 minutes", "different_value"),
            ("The server listens on port 8080", "The server listens on port 9090", "different_value"),
            ("The standup is on Monday", "The standup is on Tuesday", "different_value"),
            ("The release is in May", "The release is in June", "different_value"),
            ("The owner of the billing service is Ana", "The owner of the billing service is Boris", "different_value"),
            ("The primary database is Postgres", "The primary database is MySQL", "different_value"),
            ("There are three replicas", "There are five replicas", ""),
        ])
    func contradictionsAreTold(first: String, second: String, reason: String) async throws {
        #expect(try await told(first, second) == (reason.isEmpty ? [] : [reason]))
    }

    @Test(
        "facts about two things, and the same fact in other words, are no contradiction",
        arguments: [
            ("The left sidebar is 200 pixels wide", "The right sidebar is 300 pixels wide"),
            ("The left sidebar is blue", "The right sidebar is blue"),
            ("Server 1 runs nginx", "Server 2 runs nginx"),
            ("The first build is slow", "The last build is slow"),
            ("The public gateway is in Oslo", "The private gateway is in Oslo"),
            ("The importer reads the feed at dawn", "The exporter reads the feed at dawn"),
            ("Ana reviews the plan", "Boris reviews the plan"),
            ("Ana likes tea", "Ana likes coffee"),
            ("Ana has 3 cats", "Ana has 2 dogs"),
            ("The timeout is 60 seconds", "The timeout is 1 minute"),
            ("There are ten workers", "There are 10 workers"),
            ("The team is tired", "The team is happy"),
            ("We met at 5", "We met at 6"),
            ("Version 2 is stable", "Version 3 is stable"),
            ("The timeout for reads is 30 seconds", "The timeout for writes is 60 seconds"),
            ("There is a left sidebar", "There is a right sidebar"),
            ("Deploys run on Fridays and tests run daily", "Backups run on Sundays and reports run weekly"),
            ("The API is documented", "The API was not documented"),
            ("Start the server", "Stop the server"),
        ])
    func otherFactsAreNot(first: String, second: String) async throws {
        #expect(try await told(first, second).isEmpty)
    }
}
