import Crypto
import Foundation
import JSON

/// What a caller may do.
package struct AccessRights: Sendable, Equatable {
    package enum Level: Int, Sendable, Comparable {
        case none, read, write, manage

        package static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    /// Over everything.
    package var global: Level
    /// Over single collections, beside what `global` allows.
    package var collections: [ByteText: Level]
    /// A token that is good only while such a point exists.
    package var mustExist: JSONValue?

    package init(global: Level, collections: [ByteText: Level], mustExist: JSONValue? = nil) {
        self.global = global
        self.collections = collections
        self.mustExist = mustExist
    }

    package static let all = AccessRights(global: .manage, collections: [:])

    package func level(of collection: String) -> Level { max(global, collections[text: collection] ?? .none) }
}

/// API keys, and tokens signed with them. Keys are kept as digests and compared in constant time.
package struct AccessControl: Sendable {
    private let keys: [(digest: Data, level: AccessRights.Level)]
    private let signingKeys: [SymmetricKey]

    /// Without any key everybody may do everything.
    package init(apiKeys: [String], readOnlyKey: String?, acceptsTokens: Bool) {
        keys =
            apiKeys.map { (Self.digest($0), .manage) } + (readOnlyKey.map { [(Self.digest($0), .read)] } ?? [])
        signingKeys = acceptsTokens ? apiKeys.map { SymmetricKey(data: Data($0.utf8)) } : []
    }

    package var isOpen: Bool { keys.isEmpty }

    /// Whether tokens signed with a key are accepted.
    package var acceptsTokens: Bool { !signingKeys.isEmpty }

    private static func digest(_ key: String) -> Data { Data(SHA256.hash(data: Data(key.utf8))) }

    package enum Refusal: Error, Equatable {
        /// 401 with this text.
        case unauthorized(String)
        /// 403 with this text.
        case forbidden(String)
    }

    /// What the caller with these headers (names in lower case) may do at the moment `nowSeconds` (Unix time).
    package func rights(headers: [String: String], nowSeconds: Int64) -> Result<AccessRights, Refusal> {
        guard !isOpen else { return .success(.all) }
        let bearer = headers["authorization"].flatMap { text in
            text.lowercased().hasPrefix("bearer ") ? String(text.dropFirst(7)) : nil
        }
        guard let secret = headers["api-key"] ?? bearer else {
            return .failure(.unauthorized("Must provide an API key or an Authorization bearer token"))
        }
        let digest = Self.digest(secret)
        var level = AccessRights.Level.none
        for key in keys where Self.areEqual(key.digest, digest) { level = max(level, key.level) }
        if level > .none { return .success(AccessRights(global: level, collections: [:])) }
        for key in signingKeys {
            guard let claims = Self.claims(of: secret, signedWith: key) else { continue }
            return Self.rights(claims, nowSeconds: nowSeconds)
        }
        return .failure(.unauthorized("Invalid API key or JWT"))
    }

    private static func areEqual(_ a: Data, _ b: Data) -> Bool {
        a.count == b.count && zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    // MARK: Tokens (RFC 7519, HS256 alone)

    private static func claims(of token: String, signedWith key: SymmetricKey) -> JSONValue? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        // A head or a signed text that is no JSON is refused like a bad signature.
        guard parts.count == 3, let header = bytes(parts[0]), let payload = bytes(parts[1]),
            let signature = bytes(parts[2]), algorithm(header) == "HS256",
            HMAC<SHA256>.isValidAuthenticationCode(
                signature, authenticating: Data("\(parts[0]).\(parts[1])".utf8), using: key)
        else { return nil }
        // A signed text that is no JSON carries no claims: it is refused like a bad signature.
        return try? JSONParser.parse(payload)
    }

    /// nil for a head that is no JSON.
    private static func algorithm(_ header: [UInt8]) -> String? {
        // What is wrong with it does not matter: the token is refused.
        (try? JSONParser.parse(header))?["alg"]?.stringValue
    }

    private static func bytes(_ part: Substring) -> [UInt8]? {
        var text = part.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        return Data(base64Encoded: text).map(Array.init)
    }

    private static func rights(_ claims: JSONValue, nowSeconds: Int64) -> Result<AccessRights, Refusal> {
        if let end = claims["exp"]?.integerValue, end < nowSeconds { return .failure(.forbidden("ExpiredSignature")) }
        var rights = AccessRights(global: .none, collections: [:], mustExist: claims["value_exists"])
        switch claims["access"] {
        case nil: rights.global = .read
        case .string("r"): rights.global = .read
        case .string("m"): rights.global = .manage
        case .array(let entries):
            for entry in entries {
                guard let name = entry["collection"]?.stringValue, let access = entry["access"]?.stringValue,
                    let level = ["r": AccessRights.Level.read, "rw": .write, "prw": .write][access]
                else { return .failure(.unauthorized("Invalid API key or JWT")) }
                rights.collections[text: name] = max(rights.collections[text: name] ?? .none, level)
            }
        default: return .failure(.unauthorized("Invalid API key or JWT"))
        }
        return .success(rights)
    }
}
