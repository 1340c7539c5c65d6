import JSON
import VectorEngine

/// What an index of a payload member can answer. Some of it depends on the parameters that the index was made with.
enum IndexAbility: Sendable, CaseIterable {
    case integerMatch, integerRange, floatRange, keywordMatch, keywordPrefix, words, phrases, boolMatch, uuidMatch
    case datetimeRange, geo

    /// The abilities to find a value by itself.
    static let matches: [IndexAbility] = [.integerMatch, .keywordMatch, .boolMatch, .uuidMatch]

    /// The kind of index that has it.
    var kind: PayloadIndexKind {
        switch self {
        case .integerMatch, .integerRange: .integer
        case .floatRange: .float
        case .keywordMatch, .keywordPrefix: .keyword
        case .words, .phrases: .text
        case .boolMatch: .bool
        case .uuidMatch: .uuid
        case .datetimeRange: .datetime
        case .geo: .geo
        }
    }
}

/// What a part of a formula asks of the payload's indexes.
enum IndexNeed: Sendable {
    /// An index on the path that has one of these abilities.
    case member(PayloadPath, [IndexAbility])
    case condition(Condition)
}

extension QdrantCollection {
    /// What the index on a member can do; nothing where there is none.
    func abilities(_ path: PayloadPath) -> Set<IndexAbility> {
        guard let schema = fields[path.description], let kind = FieldSchema.kind(schema) else { return [] }
        var abilities = Set(IndexAbility.allCases.filter { $0.kind == kind })
        if schema["lookup"]?.boolValue == false { abilities.remove(.integerMatch) }
        if schema["range"]?.boolValue == false { abilities.remove(.integerRange) }
        if schema["prefix"]?.boolValue != true { abilities.remove(.keywordPrefix) }
        if schema["phrase_matching"]?.boolValue != true { abilities.remove(.phrases) }
        return abilities
    }
}

extension FieldTest {
    /// The abilities of which one serves this test; none for a list without values, which needs no index.
    var abilities: [IndexAbility] {
        switch self {
        case .anyOf(let values), .noneOf(let values): Self.abilities(values)
        case .text, .textAny: [.words]
        case .phrase: [.phrases]
        case .prefix, .substring: [.keywordPrefix]
        case .range: [.floatRange, .integerRange]
        case .moments: [.datetimeRange]
        case .geo: [.geo]
        }
    }

    private static func abilities(_ values: Set<MatchValue>) -> [IndexAbility] {
        switch values.first {
        case .keyword:
            let areUUIDs = values.allSatisfy {
                if case .keyword(let text) = $0 { UUIDBytes(text) != nil } else { false }
            }
            return areUUIDs ? [.uuidMatch, .keywordMatch] : [.keywordMatch]
        case .integer: return [.integerMatch]
        case .bool: return [.boolMatch]
        case nil: return []
        }
    }
}
