import JSON
import VectorEngine

/// What narrows a search becomes a filter inside it.
extension Narrowing {
    /// Items that have not expired. Asked the other way round, since few have: a range costs what it holds.
    static func alive(at now: Int64) -> Condition { .filter(Filter(mustNot: [expired(at: now)])) }

    /// Items that have reached an expiry that somebody asked for.
    static func expired(at now: Int64) -> Condition {
        .filter(
            Filter(
                must: [.range(member: Member.expiresAt, NumericRange(atMost: .integer(now)))],
                mustNot: [unaskedExpiry]))
    }

    /// Items to which an earlier version gave an expiry that nobody asked for.
    static let unaskedExpiry = Condition.match(
        member: Member.expiryPolicy, anyOf: ExpiryChoice.unasked.map { .keyword($0) })

    /// - Throws: `pattern` for a metadata key that a path cannot name.
    func filter(now: Int64) throws(MemoryError) -> Filter {
        var must: [Condition] = includesExpired ? [] : [Self.alive(at: now)]
        for key in MemoryScope.keys {
            guard let value = scope.values[key] else { continue }
            must.append(key == "project" ? Self.project(value) : Self.keyword(Member.scope(key), value))
        }
        let ofKinds = Condition.match(member: Member.kind, anyOf: kinds.map { .keyword($0.rawValue) })
        let named = Condition.match(
            member: "\(Member.data).observation_type", anyOf: kindNames.map { .keyword($0) })
        switch (kinds.isEmpty, kindNames.isEmpty) {
        case (true, true): break
        case (false, true): must.append(ofKinds)
        case (true, false): must.append(named)
        case (false, false): must.append(.filter(Filter(should: [ofKinds, named])))
        }
        for (path, bounds) in [
            (Member.createdAt, created), (Member.updatedAt, updated), (Member.expiresAt, expires),
        ] where bounds.after != nil || bounds.before != nil {
            let range = NumericRange(
                greaterThan: bounds.after.map { .integer($0) }, lessThan: bounds.before.map { .integer($0) })
            must.append(.range(member: path, range))
        }
        must += tags.map { Self.keyword(Member.tagIndex, $0) }
        if confidence.minimum != nil || confidence.maximum != nil {
            must.append(
                .range(
                    member: Member.confidence,
                    NumericRange(
                        atLeast: confidence.minimum.map { .real($0) }, atMost: confidence.maximum.map { .real($0) })))
        }
        if !expiryPolicies.isEmpty {
            let stored = expiryPolicies.map { MatchValue.keyword(ExpiryChoice.storedName(of: $0)) }
            must.append(.match(member: Member.expiryPolicy, anyOf: stored))
        }
        // What the kinds call fields is metadata to some callers: both are looked at.
        for (key, value) in metadata {
            var (free, own): ([Condition], [Condition]) = ([], [])
            try Self.append(key, value, under: Member.metadata, at: "filters.metadata", to: &free)
            try Self.append(
                key, MemoryKind.spellings(of: value, in: key), under: Member.data, at: "filters.metadata", to: &own)
            must.append(value.isNull ? .filter(Filter(must: free + own)) : Self.any(of: free, own))
        }
        for (key, value) in fields {
            try Self.append(
                key, MemoryKind.spellings(of: value, in: key), under: Member.data, at: "filters", to: &must)
        }
        return Filter(must: must)
    }

    /// The filter for memories alone, without their chunks.
    func memories(now: Int64) throws(MemoryError) -> Filter {
        var filter = try filter(now: now)
        filter.must.append(Chunk.excluded)
        return filter
    }

    private static func any(of first: [Condition], _ second: [Condition]) -> Condition {
        .filter(Filter(should: [.filter(Filter(must: first)), .filter(Filter(must: second))]))
    }

    /// Memories of a project, however its name is spelled; earlier versions stored it as it was written alone.
    static func project(_ name: String) -> Condition {
        .filter(
            Filter(should: [
                keyword(Member.projectKey, MemoryScope.projectKey(of: name)),
                keyword(Member.scope("project"), name),
            ]))
    }

    static func keyword(_ path: String, _ value: String) -> Condition {
        .match(member: path, anyOf: [.keyword(value)])
    }

    private static func append(
        _ key: String, _ value: JSONValue, under path: String, at place: String, to must: inout [Condition]
    ) throws(MemoryError) {
        guard !key.isEmpty, !key.unicodeScalars.contains(where: { "." == $0 || "[" == $0 || "]" == $0 || "\"" == $0 })
        else {
            throw MemoryError(
                .pattern, "a key to filter by must not be empty or have a dot, bracket or quote in it",
                field: place)
        }
        let path = "\(path).\(key)"
        switch value {
        case .string, .integer, .bool: must.append(.match(member: path, anyOf: matchValues([value])))
        case .number, .unsigned:
            must.append(.range(member: path, NumericRange(atLeast: Number(value), atMost: Number(value))))
        case .null: must.append(.isEmpty(member: path))
        case .object(let members):
            guard !members.isEmpty else {
                throw MemoryError(.outOfRange, "an object to filter by must have a member", field: place)
            }
            for (key, value) in members { try append(key, value, under: path, at: place, to: &must) }
        case .array(let elements):
            let values = matchValues(elements)
            guard values.count == elements.count, !values.isEmpty else {
                throw MemoryError(
                    .wrongType, "a list to filter by must hold strings, whole numbers or booleans", field: place)
            }
            must.append(.match(member: path, anyOf: values))
        }
    }

    private static func matchValues(_ values: [JSONValue]) -> [MatchValue] {
        values.compactMap { value in
            switch value {
            case .string(let text): .keyword(text)
            case .integer(let number): .integer(number)
            case .bool(let flag): .bool(flag)
            default: nil
            }
        }
    }
}
