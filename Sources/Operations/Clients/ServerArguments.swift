/// The arguments that a client starts the server with.
enum ServerArguments {
    private static let data = "--data"

    /// The arguments that are there, with those that are wanted in them: what the person added stays.
    ///
    /// - Parameters:
    ///   - wanted: `mcp`, and perhaps a data directory.
    ///   - present: nil where there are none; arguments that start something else are replaced.
    static func joined(wanted: [String], present: [String]?) -> [String] {
        guard let present, let first = wanted.first, present.first == first else { return wanted }
        guard let flag = wanted.firstIndex(of: data), wanted.indices.contains(flag + 1) else { return present }
        let directory = wanted[flag + 1]
        var joined = present
        if let i = joined.firstIndex(of: data), joined.indices.contains(i + 1) {
            joined[i + 1] = directory
        } else if let i = joined.firstIndex(where: { $0.hasPrefix(data + "=") }) {
            joined[i] = "\(data)=\(directory)"
        } else {
            joined.insert(contentsOf: [data, directory], at: 1)
        }
        return joined
    }
}

/// How the lines of a text end: as its first one does.
struct LineEnd {
    let text: String

    init(of bytes: [UInt8]) {
        let first = bytes.firstIndex(of: 0x0A)
        text = first.map { $0 > 0 && bytes[$0 - 1] == 0x0D } == true ? "\r\n" : "\n"
    }
}
