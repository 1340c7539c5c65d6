import Crypto
import Foundation
import JSON

/// A token (JWT, RFC 7519) that was signed with one of our keys, with HS256 alone (RFC 7515).
struct SignedToken {
    private let claims: JSONObject

    /// How far clocks may differ, for `exp` and for `nbf`.
    static let leewaySeconds = 60.0

    /// nil for a text that is no token, a token signed with another key or algorithm, and claims that are not
    /// understood.
    init?(_ text: String, signedWith key: SymmetricKey) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.object(parts[0]), let signature = Self.bytes(parts[2]),
            header["alg"] == "HS256", header["crit"] == nil,
            HMAC<SHA256>.isValidAuthenticationCode(
                signature, authenticating: Data("\(parts[0]).\(parts[1])".utf8), using: key),
            let claims = Self.object(parts[1])
        else { return nil }
        self.claims = claims
    }

    private static func object(_ part: Substring) -> JSONObject? {
        guard let bytes = bytes(part) else { return nil }
        // What is wrong with it does not matter: the token is refused.
        return (try? JSONParser.parse(bytes))?.objectValue
    }

    private static func bytes(_ part: Substring) -> [UInt8]? {
        var text = part.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        text += String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Data(base64Encoded: text).map(Array.init)
    }

    /// What its claims allow at the moment `nowSeconds` (Unix time).
    func rights(nowSeconds: Int64) -> Result<AccessRights, AccessControl.Refusal> {
        let now = Double(nowSeconds)
        for (name, refusal) in [("exp", "ExpiredSignature"), ("nbf", "ImmatureSignature")] {
            guard let claim = claims[name] else { continue }
            // Any number, also one with a fraction or beyond every date; nothing but a number.
            guard let moment = claim.doubleValue else { return .failure(.invalid) }
            let isInTime = name == "exp" ? moment + Self.leewaySeconds >= now : moment - Self.leewaySeconds <= now
            guard isInTime else { return .failure(.forbidden(refusal)) }
        }
        var rights = AccessRights(global: .none, collections: [:], mustExist: claims["value_exists"])
        switch claims["access"] {
        case nil, .string("r"): rights.global = .read
        case .string("m"): rights.global = .manage
        case .array(let entries):
            for entry in entries {
                // A restriction to some payloads, which older releases knew, is not kept here: refused, not ignored.
                guard let name = entry["collection"]?.stringValue, entry["payload"] == nil,
                    let level = entry["access"]?.stringValue.flatMap({ Self.levels[$0] })
                else { return .failure(.invalid) }
                rights.collections[text: name] = max(rights.collections[text: name] ?? .none, level)
            }
        default: return .failure(.invalid)
        }
        return .success(rights)
    }

    private static let levels: [String: AccessRights.Level] = ["r": .read, "rw": .write, "prw": .writePoints]
}
