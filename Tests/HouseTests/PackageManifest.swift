/// Package.swift as far as the walls ask: its targets, and on which other targets each depends.
struct PackageManifest: Sendable {
    struct Target: Sendable, Equatable {
        let name: String
        /// A test target, or one that lives under Tests because only tests use it.
        let isTest: Bool
        /// Dependencies that are written as plain strings: targets of this package.
        let dependencies: [String]
        /// Whether it is built with strict memory safety: with the settings called `safe`.
        var isSafe = false
        let line: Int
    }

    let targets: [Target]

    /// Reads the declarations of `text`, which are calls such as `.target(name: "A", dependencies: ["B", product])`.
    init(_ file: SourceFile) throws {
        let opening = #"\.(target|executableTarget|systemLibrary|testTarget|macro|plugin)\(\s*name:\s*"(\w+)""#
        let openings = try SourceFile.matches(of: opening, in: file.uncommented)
        let pieces = try Self.pieces(of: file.uncommented, startingWith: opening)
        targets = try zip(openings, pieces).map { match, piece in
            let list = try SourceFile.matches(of: #"dependencies:\s*\[([^\]]*)\]"#, in: piece).first?.groups[1] ?? ""
            // `.product(name: "A", package: "b")` names packages, which the wall of imports looks after.
            let names = try SourceFile.matches(of: #"(?<!: )"(\w+)""#, in: list).map { $0.groups[1] }
            let livesWithTests = piece.contains(#/path:\s*"Tests\//#)
            return Target(
                name: match.groups[2], isTest: match.groups[1] == "testTarget" || livesWithTests, dependencies: names,
                isSafe: piece.contains("swiftSettings: safe"), line: match.line)
        }
    }

    /// The text cut before each match, so that a piece holds one declaration.
    private static func pieces(of text: String, startingWith pattern: String) throws -> [String] {
        let starts = try text.ranges(of: Regex(pattern)).map(\.lowerBound)
        return zip(starts, starts.dropFirst() + [text.endIndex]).map { String(text[$0..<$1]) }
    }

    /// What in the targets is against the table, given the folders under Sources.
    func findings(path: String, folders: Set<String>) -> [Finding] {
        let rooms = targets.filter { !$0.isTest }
        var findings: [Finding] = []
        for target in rooms {
            func report(_ message: String) {
                findings.append(Finding(path: path, line: target.line, message: message))
            }
            guard let room = Room.named(target.name) else {
                report("\(target.name) is not in the table of rooms (Rooms.swift)")
                continue
            }
            if !folders.contains(target.name) { report("\(target.name) has no folder under Sources") }
            for dependency in target.dependencies where !room.below.contains(dependency) {
                report("\(target.name) may not depend on \(dependency)")
            }
        }
        for folder in folders.sorted() where !rooms.contains(where: { $0.name == folder }) {
            findings.append(Finding(path: path, line: 1, message: "Sources/\(folder) is no target"))
        }
        return findings
    }
}
