import Crypto
import Foundation
import Serving
import Testing

@Suite("Who may do what")
struct AccessControlTests {
    private let key = "a-key-of-some-length"

    private func base64(_ bytes: some DataProtocol) -> String {
        Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    }

    private func token(_ claims: String, head: String = #"{"alg":"HS256"}"#, key: String) -> String {
        let signed = base64(Data(head.utf8)) + "." + base64(Data(claims.utf8))
        let code = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: SymmetricKey(data: Data(key.utf8)))
        return signed + "." + base64(Data(code))
    }

    private func rights(_ headers: [String: String]) -> Result<AccessRights, AccessControl.Refusal> {
        AccessControl(apiKeys: [key], readOnlyKey: "readers", acceptsTokens: true).rights(
            headers: headers, nowSeconds: 1000)
    }

    @Test("Without a key everybody may do everything")
    func open() {
        let access = AccessControl(apiKeys: [], readOnlyKey: nil, acceptsTokens: true)
        #expect(access.rights(headers: [:], nowSeconds: 0) == .success(.all))
    }

    @Test("A key opens in either header, a read-only key reads, no key and a wrong one are refused")
    func keys() {
        #expect(rights(["api-key": key]) == .success(.all))
        #expect(rights(["authorization": "Bearer \(key)"]) == .success(.all))
        #expect(rights(["api-key": "readers"]) == .success(AccessRights(global: .read, collections: [:])))
        #expect(rights(["api-key": "wrong"]) == .failure(.unauthorized("Invalid API key or JWT")))
        guard case .failure(.unauthorized(let text)) = rights([:]) else {
            Issue.record("no key was accepted")
            return
        }
        #expect(text.hasPrefix("Must provide an API key"))
    }

    @Test(
        "A token gives what its claims say",
        arguments: [
            ("{}", AccessRights.Level.read), (#"{"access":"m"}"#, .manage), (#"{"access":"r","exp":1000}"#, .read),
            (#"{"exp":940,"nbf":1060}"#, .read), (#"{"exp":940.5,"nbf":1059.75}"#, .read), (#"{"exp":1e3}"#, .read),
            (#"{"exp":9223372036854775807}"#, .read), (#"{"exp":18446744073709551615}"#, .read),
            (#"{"exp":1e308,"nbf":-1e308}"#, .read), (#"{"exp":99999999999999999999999999999}"#, .read),
            (#"{"nbf":-9223372036854775808}"#, .read),
        ] as [(String, AccessRights.Level)])
    func tokens(claims: String, level: AccessRights.Level) throws {
        #expect(try rights(["api-key": token(claims, key: key)]).get().global == level)
    }

    @Test("A token for collections gives nothing else")
    func collections() throws {
        let claims =
            #"{"access":[{"collection":"a","access":"rw"},{"collection":"b","access":"r"},"#
            + #"{"collection":"p","access":"prw"},{"collection":"p","access":"r"}]}"#
        let rights = try rights(["api-key": token(claims, key: key)]).get()
        #expect(rights.level(of: "a") == .write && rights.level(of: "b") == .read && rights.level(of: "c") == .none)
        // Points may be written, which is more than reading and less than writing everything.
        let points = rights.level(of: "p")
        #expect(points == .writePoints && points > .read && points < .write)
    }

    @Test("A token that is over, unsigned, signed otherwise or of another algorithm is refused")
    func refusedTokens() {
        for end in ["939", "939.9", "-1", "-1e308", "0", "-9223372036854775808"] {
            #expect(
                rights(["api-key": token(#"{"exp":\#(end)}"#, key: key)]) == .failure(.forbidden("ExpiredSignature")))
        }
        for start in ["1061", "1060.1", "1e308", "18446744073709551615"] {
            #expect(
                rights(["api-key": token(#"{"nbf":\#(start)}"#, key: key)])
                    == .failure(.forbidden("ImmatureSignature")))
        }
        let noNumbers = [#""1000""#, #""9e99""#, "null", "true", "[1000]", "{}", #""""#, "1e999", "-1e999", "0x10"]
        let bad =
            noNumbers.flatMap { [token(#"{"exp":\#($0)}"#, key: key), token(#"{"nbf":\#($0)}"#, key: key)] } + [
                token(#"{"alg":"HS256"}"#, head: #"{"alg":"HS256","crit":["exp"]}"#, key: key),
                token("[]", key: key), token("3", key: key), token("", key: key), token(#"{"access":3}"#, key: key),
                token(#"{"access":"rw"}"#, key: key), token(#"{"access":[{"collection":"a"}]}"#, key: key),
                token(#"{"access":[{"collection":"a","access":"x"}]}"#, key: key), token(#"{"access":[7]}"#, key: key),
                token(#"{"access":[{"collection":"a","access":"r","payload":{"k":1}}]}"#, key: key), "a.b.c.d",
                token("{}", head: "[]", key: key), token("{}", head: #"{"alg":["HS256"]}"#, key: key),
                token("{}", key: "another"), token("{}", head: #"{"alg":"none"}"#, key: key),
                token("{}", head: #"{"alg":"HS512"}"#, key: key), token("no json", key: key), "a.b.c", "..",
            ]
        for token in bad { #expect(rights(["api-key": token]) == .failure(.unauthorized("Invalid API key or JWT"))) }
    }
}
