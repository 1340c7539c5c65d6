import Foundation
import Memory
import TestSupport
import Testing

@Suite("Folders that are read")
struct FolderWalkTests {
    private let scratch = ScratchDirectory()

    private func write(_ path: String, _ text: String = "x") throws {
        try write(path, Array(text.utf8))
    }

    private func write(_ path: String, _ bytes: [UInt8]) throws {
        let full = scratch.path + "/" + path
        try FileManager.default.createDirectory(
            atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: full))
    }

    private func walk(_ folder: String = "", userRules: String? = nil) throws -> FolderWalk {
        try FolderWalk(
            scratch.path + (folder.isEmpty ? "" : "/" + folder), suffixes: ["md", "txt"], userRules: userRules)
    }

    @Test(
        "A rule leaves out what git leaves out",
        arguments: [
            ("*.txt", "a.txt", true), ("*.txt", "d/a.txt", true), ("*.txt", "a.md", false),
            ("/a.md", "a.md", true), ("/a.md", "d/a.md", false), ("d/a.md", "d/a.md", true),
            ("d/a.md", "e/d/a.md", false), ("d/", "d/a.md", true), ("d/", "e/d/a.md", true), ("a.md/", "a.md", false),
            ("**/d", "e/f/d/a.md", true), ("d/**", "d/e/a.md", true), ("d/**/a.md", "d/a.md", true),
            ("d/**/a.md", "d/e/f/a.md", true), ("d/*/a.md", "d/e/f/a.md", false), ("d/*", "d/e/a.md", true),
            ("a?.md", "ab.md", true), ("a?.md", "a.md", false), ("[a-c].md", "b.md", true),
            ("[!a-c].md", "b.md", false),
            ("[^a-c].md", "d.md", true), ("\\#a.md", "#a.md", true), ("#a.md", "#a.md", false),
            ("\\!a.md", "!a.md", true),
            ("a.md  ", "a.md", true), ("a\\ b.md", "a b.md", true), ("*.md\n!keep.md", "keep.md", false),
            ("*.md\n!keep.md", "a.md", true), ("!keep.md\n*.md", "keep.md", true),
            ("d/\n!d/keep.md", "d/keep.md", true),
            ("d/*\n!d/keep.md", "d/keep.md", false), ("", "a.md", false), ("/", "a.md", false),
            ("a*b*c.md", "axxbyyc.md", true),
            ("a*b*c.md", "axxbyy.md", false), ("*[", "a[", false), ("Ä.md", "Ä.md", true),
        ])
    func rules(rules: String, path: String, isLeftOut: Bool) throws {
        try write(".git/HEAD", "ref: refs/heads/main\n")
        try write(".gitignore", rules + "\n")
        try write(path)
        #expect(
            try walk().files.contains(path) != isLeftOut || !["md", "txt"].contains((path as NSString).pathExtension))
    }

    @Test("A rule of many ** costs no more than its length times that of the path", .timeLimit(.minutes(1)))
    func manyStars() throws {
        try write(".git/HEAD", "ref: refs/heads/main\n")
        try write(".gitignore", String(repeating: "**/a/", count: 14) + "nothing.md\n")
        let path = String(repeating: "a/", count: 40) + "kept.md"
        try write(path)
        #expect(try walk().files == [path])
    }

    @Test("A linked worktree keeps the rules of its repository")
    func rulesOfAWorktree() throws {
        try write("main/.git/info/exclude", "excluded.md\n")
        try write("main/.git/worktrees/w/commondir", "../..\n")
        try write("w/.git", "gitdir: \(scratch.path)/main/.git/worktrees/w\n")
        try write("w/excluded.md")
        try write("w/kept.md")
        #expect(try walk("w").files == ["kept.md"])
    }

    @Test("A document's file is gone when nothing is there, and not when it cannot be looked at")
    func goneDocuments() throws {
        try write("notes/kept.md")
        let loop = scratch.path + "/notes/sub"
        try FileManager.default.createSymbolicLink(atPath: loop, withDestinationPath: loop)
        let nowhere = scratch.path + "/notes/away.md"
        try FileManager.default.createSymbolicLink(atPath: nowhere, withDestinationPath: scratch.path + "/unmounted.md")
        let source = TextSource(kind: "observation", splitsLines: false)
        #expect(!source.isGone(scratch.path + "/notes/kept.md"))
        #expect(!source.isGone(loop + "/deep.md"))
        #expect(!source.isGone(nowhere))
        #expect(source.isGone(scratch.path + "/notes/former.md"))
        #expect(source.isGone(scratch.path + "/notes/former/deep.md"))
    }

    @Test("Only a line feed ends a line of JSON")
    func linesOfJSON() {
        let text = "{\"a\":\"x\u{2028}y\u{85}z\"}\r\n\n {\"b\":\"\u{C}\"}"
        #expect(TextSource.lines(text).map(\.number) == [1, 3])
        #expect(TextSource.lines(text).map(\.text) == ["{\"a\":\"x\u{2028}y\u{85}z\"}", "{\"b\":\"\u{C}\"}"])
    }

    @Test("Rules of the user, of the repository, of folders above and below all count, the nearest most")
    func rankOfRules() throws {
        try write("r/.git/info/exclude", "excluded.md\n")
        try write("r/.gitignore", "*.txt\n/docs/secret.md\n")
        try write("r/docs/.gitignore", "!kept.txt\n")
        try write("r/docs/deep/.gitignore", "kept.txt\n")
        try write("ignore", "mine.md\n")
        for name in [
            "a.md", "mine.md", "excluded.md", "secret.md", "kept.txt", "b.txt", "deep/kept.txt", "deep/secret.md",
        ] {
            try write("r/docs/" + name)
        }
        let found = try walk("r/docs", userRules: scratch.path + "/ignore")
        #expect(found.files == ["a.md", "deep/secret.md", "kept.txt"])
        #expect(
            found.skipped.filter { $0.reason == "git ignores it" }.map(\.path)
                == ["b.txt", "deep/kept.txt", "excluded.md", "mine.md", "secret.md"])
    }

    @Test("Other people's folders, binary files, pipes and dangling links are passed over, each with its reason")
    func skipped() throws {
        try write("a.md")
        try write("node_modules/m/readme.md")
        try write("picture.png", [0x89, 0x50, 0, 1])
        try write("code.swift", "let a = 1\n")
        try write(".hidden/a.md")
        let path = scratch.path
        #expect(mkfifo(path + "/pipe.md", 0o600) == 0)
        try FileManager.default.createSymbolicLink(atPath: path + "/gone.md", withDestinationPath: "nowhere.md")
        try FileManager.default.createSymbolicLink(atPath: path + "/up", withDestinationPath: "..")
        try FileManager.default.createSymbolicLink(atPath: path + "/link.md", withDestinationPath: "a.md")
        let found = try walk()
        #expect(found.files == ["a.md", "link.md"])
        let reasons = Dictionary(uniqueKeysWithValues: found.skipped.map { ($0.path, $0.reason) })
        #expect(
            Set(reasons.keys) == ["node_modules", "picture.png", "code.swift", "pipe.md", "gone.md", "up"])
        #expect(reasons["picture.png"] == "is a binary file")
        #expect(reasons["pipe.md"]?.contains("pipe") == true)
        #expect(reasons["gone.md"] == "is a link to nowhere.md, which does not exist")
        #expect(reasons["up"] == "is a link to a folder")
    }

    @Test(
        "A file that is no UTF-8 text is refused with what it is and how to convert it",
        arguments: [
            ([0xFF, 0xFE, 0x61, 0, 0x62, 0], "iconv -f UTF-16 -t UTF-8"),
            (Array("abcdefgh".utf8.flatMap { [$0, 0] }), "iconv -f UTF-16LE -t UTF-8"),
            (Array("abcdefgh".utf8.flatMap { [0, $0] }), "iconv -f UTF-16BE -t UTF-8"),
            (Array("caf".utf8) + [0xE9, 0x0A], "line 1 looks like Latin-1"),
            (Array("one\ncaf".utf8) + [0xE9, 0x0A], "iconv -f LATIN1 -t UTF-8"),
            ([0x61, 0, 0x62], "is a binary file"),
        ] as [([UInt8], String)])
    func encodings(bytes: [UInt8], part: String) throws {
        let error = #expect(throws: MemoryError.self) { try TextFile.text(of: bytes, named: "a.md") }
        #expect(
            error?.message.contains(part) == true && error?.message.contains("a.md") == true, "\(error?.message ?? "")")
    }

    @Test("A byte order mark and carriage returns are no part of the text")
    func lines() throws {
        #expect(try TextFile.text(of: [0xEF, 0xBB, 0xBF] + Array("a\r\nb\n".utf8), named: "a") == "a\nb\n")
        #expect(try TextFile.text(of: [], named: "a").isEmpty)
    }

    @Test("A missing path, a link to nothing, a folder and a pipe are told apart")
    func sorts() throws {
        try write("a.md")
        #expect(TextFile.sort(scratch.path + "/a.md", named: "a.md") == .file)
        #expect(TextFile.sort(scratch.path, named: "d") == .folder)
        #expect(TextFile.sort(scratch.path + "/b", named: "b") == .missing("there is no file or folder b"))
        try FileManager.default.createSymbolicLink(atPath: scratch.path + "/l", withDestinationPath: "l")
        #expect(TextFile.sort(scratch.path + "/l", named: "l") == .missing("l is a link that leads to itself"))
        for (path, part) in [("/dev/null", "device"), (scratch.path, "folder")] {
            let error = #expect(throws: MemoryError.self) { try TextFile.text(at: path, named: "it") }
            #expect(error?.message.contains(part) == true)
        }
    }
}
