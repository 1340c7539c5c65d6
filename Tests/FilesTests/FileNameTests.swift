import Files
import Foundation
import TestSupport
import Testing

@Suite("Names of files that come from outside")
struct FileNameTests {
    private static let pieces = [
        "..", ".", "/", "\\", "\0", "\n", "\u{301}", "\u{338}", "\u{FF0F}", "a", "é", "%2F", "%00", "~", " ",
        String(repeating: "x", count: 254), String(repeating: "ß", count: 128),
    ]

    @Test("A name that is taken leads to something in the folder, and to what its bytes say")
    func generated() throws {
        let scratch = ScratchDirectory()
        let folder = scratch.path + "/outer/folder"
        try PrivateFile.makeFolder(folder)
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(seed: seed)
        var taken = 0
        for _ in 0..<3000 {
            let count = Int.random(in: 0...4, using: &random)
            let text = (0..<count).compactMap { _ in Self.pieces.randomElement(using: &random) }.joined()
            let bytes = Array(text.utf8)
            let isSafe =
                !bytes.isEmpty && bytes.count <= 255 && !bytes.contains(0) && !bytes.contains(0x2F)
                && bytes != [0x2E] && bytes != [0x2E, 0x2E]
            let name = FileName(text)
            #expect((name != nil) == isSafe, "seed \(seed), \(text.debugDescription)")
            guard let name else { continue }
            taken += 1
            let path = name.path(in: folder)
            try PrivateFile.write([1], to: path)
            let found = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(found.map { Array($0.utf8) } == [bytes], "seed \(seed), \(text.debugDescription)")
            #expect(try RegularFile.remove(path))
        }
        #expect(taken > 100)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/outer") == ["folder"])
    }

    @Test(
        "An ending is compared by bytes",
        arguments: [
            ("a.snapshot", true), (".snapshot", true), ("a.snapshot\u{301}", false), ("a.snapshot\0", false),
            ("a.Snapshot", false), ("snapshot", false), ("a\0.snapshot", false), ("../a.snapshot", false),
        ])
    func endings(text: String, isTaken: Bool) {
        #expect((FileName(text, ending: ".snapshot") != nil) == isTaken)
    }

    @Test("Only a regular file is removed: no folder, no link, no pipe")
    func regularFilesOnly() throws {
        let scratch = ScratchDirectory()
        try PrivateFile.makeFolder(scratch.path + "/folder/inner")
        try PrivateFile.write([1, 2, 3], to: scratch.path + "/file")
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path + "/link", withDestinationPath: scratch.path + "/file")
        #expect(mkfifo(scratch.path + "/pipe", 0o600) == 0)
        for name in ["folder", "link", "pipe", "nothing", "file\0", ""] {
            let path = scratch.path + "/" + name
            #expect(RegularFile(at: path) == nil, "\(name)")
            #expect(try !RegularFile.remove(path), "\(name)")
        }
        #expect(
            Set(try FileManager.default.contentsOfDirectory(atPath: scratch.path)).isSuperset(
                of: ["folder", "file", "link", "pipe"]))
        #expect(RegularFile(at: scratch.path + "/file")?.sizeBytes == 3)
        #expect(try RegularFile.remove(scratch.path + "/file"))
        #expect(try !RegularFile.remove(scratch.path + "/file"))
    }
}
