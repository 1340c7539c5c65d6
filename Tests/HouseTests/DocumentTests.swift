import Foundation
import Testing

/// Pages that name paths and targets; both are compared with the tree, so that no page describes code that is gone.
@Suite("The pages about the code")
struct DocumentTests {
    /// ARCHITECTURE.md, README.md and every page under docs, by path.
    static func pages() throws -> [(path: String, text: String)] {
        guard let walk = FileManager.default.enumerator(atPath: SourceTree.root.appendingPathComponent("docs").path)
        else { throw SourceTreeError(missing: "docs") }
        let docs = walk.compactMap { $0 as? String }.filter { $0.hasSuffix(".md") }.sorted().map { "docs/" + $0 }
        return try (["ARCHITECTURE.md", "README.md"] + docs).map { path in
            (path, try String(contentsOf: SourceTree.root.appendingPathComponent(path), encoding: .utf8))
        }
    }

    /// The paths below Sources and Tests that `text` names and that `exists` does not find.
    static func missingPaths(
        in text: String, path: String, exists: (String) -> Bool
    ) throws -> [Finding] {
        try SourceFile.matches(of: #"\b(?:Sources|Tests)/[\w+./-]*\w"#, in: text).compactMap { match in
            let named = match.groups[0]
            return exists(named) ? nil : Finding(path: path, line: match.line, message: "\(named) does not exist")
        }
    }

    /// The names of `targets` that `text` does not have in backticks.
    static func unnamed(_ targets: [String], in text: String) -> [String] {
        targets.filter { !text.contains("`\($0)`") }
    }

    @Test("Every path below Sources and Tests that a page names exists")
    func pathsExist() throws {
        let pages = try Self.pages()
        #expect(pages.count > 10, "the walk found too few pages to mean anything")
        var count = 0
        for page in pages {
            let findings = try Self.missingPaths(in: page.text, path: page.path) { path in
                count += 1
                return FileManager.default.fileExists(atPath: SourceTree.root.appendingPathComponent(path).path)
            }
            for finding in findings { Issue.record("\(finding)") }
        }
        #expect(count > 10, "the pages name too few paths to mean anything")
    }

    @Test("ARCHITECTURE.md names every target of Package.swift")
    func targetsAreNamed() throws {
        let manifest = try PackageManifest(try SourceTree.file("Package.swift"))
        let page = try #require(try Self.pages().first { $0.path == "ARCHITECTURE.md" })
        #expect(manifest.targets.count > 10)
        #expect(Self.unnamed(manifest.targets.map(\.name), in: page.text) == [])
    }

    @Test("A path that does not exist and a target that is not named are found")
    func faultsAreFound() throws {
        let text = "`Sources/HNSW/Build` and\n`Sources/HNSW/Gone.swift`, see Tests/HouseTests/Wall+Style.swift."
        let findings = try Self.missingPaths(in: text, path: "docs/a.md") { !$0.contains("Gone") }
        #expect(findings.map(\.description) == ["docs/a.md:2: Sources/HNSW/Gone.swift does not exist"])
        var seen: [String] = []
        _ = try Self.missingPaths(in: text, path: "docs/a.md") { path in
            seen.append(path)
            return true
        }
        #expect(seen == ["Sources/HNSW/Build", "Sources/HNSW/Gone.swift", "Tests/HouseTests/Wall+Style.swift"])
        #expect(Self.unnamed(["HNSW", "Vectors"], in: "`HNSW` walks over Vectors") == ["Vectors"])
    }
}
