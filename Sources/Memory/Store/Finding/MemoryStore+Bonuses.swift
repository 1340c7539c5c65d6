import VectorEngine

/// What is added to the fused score of candidates, and taken from it (spec/retrieval: steps 6–10).
///
/// Each reason is a look-up among the pool's candidates by an indexed member, all of them one call; no text is read.
extension MemoryStore {
    func bonuses(for search: Search) async -> [Reason] {
        guard await home.knowsTraits else { return [] }
        let intent = QueryIntent(search.request.query, now: search.now)
        // "James's" is about James, whose name already ends as the analyser would cut it.
        let possessors = search.request.query.replacing("'s ", with: " ").replacing("’s ", with: " ")
        let authors = Set(lexical.terms(search.request.query) + lexical.terms(possessors)).map {
            MatchValue.keyword($0)
        }
        var reasons: [Reason] = []
        if !authors.isEmpty {
            let isNamed = Condition.match(member: Member.actorTerms, anyOf: authors)
            reasons.append(Reason("author_bonus", settings.authorBonus, isNamed))
        }
        if let answer = intent.answer {
            let bonus = settings.answerBonus * (answer == .name ? MemorySettings.nameShare : 1)
            reasons.append(Reason("answer_bonus", bonus, has(answer)))
        }
        if !intent.spans.isEmpty {
            let during = intent.spans.map { span in
                Condition.range(
                    member: Member.occurredAt,
                    NumericRange(atLeast: .integer(span.lowerBound), lessThan: .integer(span.upperBound)))
            }
            reasons.append(Reason("date_bonus", settings.dateBonus, .filter(Filter(should: during))))
        }
        reasons.append(Reason("question_penalty", -settings.questionPenalty, has(.question)))
        reasons.append(Reason("brevity_penalty", -settings.brevityPenalty, has(.scant)))
        reasons.append(Reason("brevity_penalty", -settings.brevityPenalty / 2, has(.short)))
        reasons.removeAll { $0.bonus.value == 0 }
        return reasons
    }

    /// What is added to the score of candidates that meet a condition.
    struct Reason {
        let bonus: Candidate.Bonus
        let condition: Condition

        var filter: Filter { Filter(must: [condition]) }

        init(_ name: String, _ value: Double, _ condition: Condition) {
            bonus = Candidate.Bonus(name: name, value: value)
            self.condition = condition
        }
    }

    private func has(_ trait: Trait) -> Condition { Narrowing.keyword(Member.traits, trait.rawValue) }
}
