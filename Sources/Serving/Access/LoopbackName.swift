/// Which names and addresses mean this machine and no other: `localhost`, 127.0.0.0/8 and `::1`.
///
/// Only these spellings count. A name that merely resolves to a loopback address (DNS rebinding) does not.
package enum LoopbackName {
    /// Whether `host`, an address to listen on or the host of a URL without brackets, is one of them.
    package static func contains(_ host: some StringProtocol) -> Bool {
        let bytes = lowercased(host)
        return bytes == Array("localhost".utf8) || bytes == Array("::1".utf8) || isLoopbackIPv4(bytes[...])
    }

    /// Whether `text` is such a host with an optional port, as in the header `Host` (RFC 9110, 7.2).
    package static func isAuthority(_ text: some StringProtocol) -> Bool { isAuthority(lowercased(text)[...]) }

    /// Whether `text` is an origin (RFC 6454, 7) on such a host, reached by http or https.
    package static func isOrigin(_ text: some StringProtocol) -> Bool {
        let bytes = lowercased(text)
        for scheme in ["http://", "https://"] where bytes.starts(with: scheme.utf8) {
            return isAuthority(bytes.dropFirst(scheme.utf8.count))
        }
        return false
    }

    private static func isAuthority(_ text: ArraySlice<UInt8>) -> Bool {
        if text.first == UInt8(ascii: "[") {
            let address = Array("[::1]".utf8)
            return text.starts(with: address) && isPort(text.dropFirst(address.count))
        }
        let end = text.firstIndex(of: UInt8(ascii: ":")) ?? text.endIndex
        let host = text[..<end]
        return (host.elementsEqual("localhost".utf8) || isLoopbackIPv4(host)) && isPort(text[end...])
    }

    /// Nothing, or a colon and at most five digits.
    private static func isPort(_ text: ArraySlice<UInt8>) -> Bool {
        guard let colon = text.first else { return true }
        let digits = text.dropFirst()
        return colon == UInt8(ascii: ":") && digits.count <= 5 && digits.allSatisfy(isDigit)
    }

    /// Four decimal numbers up to 255 without leading zeros, of which the first is 127.
    private static func isLoopbackIPv4(_ text: ArraySlice<UInt8>) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0].elementsEqual("127".utf8)
            && parts.allSatisfy { part in
                guard (1...3).contains(part.count), part.allSatisfy(isDigit),
                    part.count == 1 || part.first != UInt8(ascii: "0")
                else { return false }
                return UInt8(String(decoding: part, as: UTF8.self)) != nil
            }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Bytes, so that letters that only look like these or are equivalent to them do not count.
    private static func lowercased(_ text: some StringProtocol) -> [UInt8] {
        text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    }
}
