import VectorEngine

/// What is added to the fused score of a candidate, and taken from it (spec/retrieval: steps 6–10).
///
/// Each reason is one look-up of ids among the pool's candidates by an indexed member; no text is read.
extension MemoryStore {
    func addBonuses(_ union: inout [PointID: Candidate], _ search: Search) async throws {
        let name = search.isOverVersions ? historyCollection : collection
        guard !union.isEmpty, await home.knowsTraits else { return }
        let intent = QueryIntent(search.request.query, now: search.now)
        // "James's" is about James, whose name already ends as the analyser would cut it.
        let possessors = search.request.query.replacing("'s ", with: " ").replacing("’s ", with: " ")
        let authors = Set(lexical.terms(search.request.query) + lexical.terms(possessors)).map {
            MatchValue.keyword($0)
        }
        if !authors.isEmpty {
            let isNamed = Condition.match(path: Member.actorTerms, anyOf: authors)
            try await add("author_bonus", settings.authorBonus, where: isNamed, to: &union, name)
        }
        if let answer = intent.answer {
            let bonus = settings.answerBonus * (answer == .name ? MemorySettings.nameShare : 1)
            try await add("answer_bonus", bonus, where: has(answer), to: &union, name)
        }
        if !intent.spans.isEmpty {
            let during = intent.spans.map { span in
                Condition.range(
                    path: Member.occurredAt,
                    NumericRange(atLeast: Double(span.lowerBound), lessThan: Double(span.upperBound)))
            }
            try await add("date_bonus", settings.dateBonus, where: .filter(Filter(should: during)), to: &union, name)
        }
        try await add("question_penalty", -settings.questionPenalty, where: has(.question), to: &union, name)
        try await add("brevity_penalty", -settings.brevityPenalty, where: has(.scant), to: &union, name)
        try await add("brevity_penalty", -settings.brevityPenalty / 2, where: has(.short), to: &union, name)
    }

    private func has(_ trait: Trait) -> Condition { Narrowing.keyword(Member.traits, trait.rawValue) }

    private func add(
        _ name: String, _ value: Double, where condition: Condition, to union: inout [PointID: Candidate],
        _ collection: String
    ) async throws {
        guard value != 0 else { return }
        let page = try await points.scroll(
            ScrollRequest(
                filter: Filter(must: [.hasID(Set(union.keys)), condition]), limit: union.count, parts: .idOnly),
            in: collection)
        for point in page.points { union[point.id]?.bonuses.append(Candidate.Bonus(name: name, value: value)) }
    }
}
