import JSON
import VectorEngine

/// How long a memory lives, resolved from a policy's name.
enum ExpiryPolicy: Equatable {
    case permanent
    case after(Duration)
}

/// What an item or a call says about its own end.
package enum ExpiryChoice: Sendable, Equatable {
    /// `default`, `short`, `long` or `permanent`.
    case policy(String)
    /// Microseconds since 1970.
    case at(Int64)

    /// The policies' names in the contract's order.
    package static let policies = ["default", "short", "long", "permanent"]

    /// The name under which a policy is stored. Earlier versions stored `default` for memories whose expiry nobody had
    /// asked for; a 30-day expiry that was asked for has another name, so that the two can be told apart.
    static func storedName(of policy: String) -> String { policy == "default" ? "asked_default" : policy }

    /// Stored names of expiries that nobody asked for: earlier versions set them. They do not count.
    static let unasked = ["default", "kind"]

    /// The policy of this name, in whatever case; nil where there is none.
    package init?(policy name: String) {
        let name = name.lowercased()
        guard Self.policies.contains(name) else { return nil }
        self = .policy(name)
    }

    /// Reads a checked `ttl_config`; `expires_at` outranks `policy`, and nil says nothing.
    init?(_ members: JSONObject?) {
        if let moment = members?["expires_at"]?.stringValue.flatMap(Timestamp.parse) {
            self = .at(moment)
        } else if let policy = members?["policy"]?.stringValue {
            self = .policy(policy)
        } else {
            return nil
        }
    }
}

/// When one item ends and why.
struct Expiry: Equatable {
    /// Microseconds since 1970; nil for ever.
    var at: Int64?
    /// The policy's stored name, `kind_days` for the setting of the kind, `explicit` for a moment that was given.
    var policy: String

    static let permanent = Expiry(nil, "permanent")

    /// The item's own choice, then the call's, then the setting for the kind; permanent where nobody says anything.
    static func resolve(
        item: ExpiryChoice?, call: ExpiryChoice?, kind: MemoryKind, from now: Int64, _ settings: MemorySettings
    ) -> Expiry {
        switch item ?? call {
        case .at(let moment): return Expiry(at: moment, policy: "explicit")
        case .policy(let name):
            return Expiry(end(of: life(of: name, settings), from: now), ExpiryChoice.storedName(of: name))
        case nil:
            guard let days = settings.kindLifeDays[kind] else { return .permanent }
            return Expiry(end(of: .after(.seconds(86_400) * days), from: now), "kind_days")
        }
    }

    private init(_ at: Int64?, _ policy: String) {
        self.at = at
        self.policy = policy
    }

    private init(at: Int64?, policy: String) { self.init(at, policy) }

    private static func life(of name: String, _ settings: MemorySettings) -> ExpiryPolicy {
        switch name {
        case "short": .after(settings.shortLife)
        case "long": .after(settings.longLife)
        case "permanent": .permanent
        default: .after(settings.defaultLife)
        }
    }

    private static func end(of life: ExpiryPolicy, from now: Int64) -> Int64? {
        guard case .after(let duration) = life else { return nil }
        return now &+ duration.components.seconds &* 1_000_000
    }
}

/// `auto_extend`: a read near an item's end moves the end on by the item's life, some times at most.
struct ExpiryExtension: Sendable, Equatable {
    var thresholdDays: Int64 = 7
    var remaining: Int64 = 3
    /// Microseconds that an extension adds; 0 until the item is stored.
    var span: Int64 = 0

    /// Reads a checked `ttl_config`; nil unless it asks for extension.
    init?(_ members: JSONObject?) {
        guard members?["auto_extend"]?.boolValue == true else { return nil }
        thresholdDays = members?["extend_threshold_days"]?.integerValue ?? thresholdDays
        remaining = members?["max_extensions"]?.integerValue ?? remaining
    }

    /// Reads what ``json`` wrote.
    init?(stored value: JSONValue?) {
        guard let threshold = value?["threshold_days"]?.integerValue, let left = value?["remaining"]?.integerValue,
            let span = value?["span"]?.integerValue
        else { return nil }
        (thresholdDays, remaining, self.span) = (threshold, left, span)
    }

    var json: JSONValue {
        ["threshold_days": .integer(thresholdDays), "remaining": .integer(remaining), "span": .integer(span)]
    }

    /// The new end of an item that is read at `now` and would end at `end`; nil when it is not time.
    func extended(from end: Int64, at now: Int64) -> Int64? {
        guard remaining > 0, span > 0, end > now, end &- now <= thresholdDays &* 86_400_000_000 else { return nil }
        return end &+ span
    }
}
