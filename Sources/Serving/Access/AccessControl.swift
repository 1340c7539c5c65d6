import Crypto
import Foundation

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

        static let invalid = Refusal.unauthorized("Invalid API key or JWT")
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
            guard let token = SignedToken(secret, signedWith: key) else { continue }
            return token.rights(nowSeconds: nowSeconds)
        }
        return .failure(.invalid)
    }

    private static func areEqual(_ a: Data, _ b: Data) -> Bool {
        a.count == b.count && zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
