extension Wall {
    static let style = [
        namesSaySomething, filesAreShort, linesAreShort, nothingIsLeftForLater, nothingIsForced,
        swallowedErrorsHaveReasons, testsUseWhatUsersUse, testsDoNotSleep, commentsArePlain,
    ]

    private static let maximumLines = 500
    private static let maximumColumns = 120

    private static let namesSaySomething = Wall(
        "no type and no file has a name that says nothing",
        trespasses: [
            SourceFile(path: "Sources/Memory/A.swift", text: "final class MemoryManager {}\n"),
            SourceFile(path: "Sources/Memory/A.swift", text: "protocol Handler<Request> {}\n"),
            SourceFile(path: "Sources/Memory/StringUtils.swift", text: "let a = 1\n"),
            SourceFile(path: "Tests/MemoryTests/A.swift", text: "enum TestHelpers {}\n"),
        ],
        passes: [SourceFile(path: "Sources/Memory/A.swift", text: "struct ServiceIdentity {}\nlet handler = 1\n")]
    ) { file in
        let words = "(?:Manager|Service|Helpers?|Utils?|Utility|Utilities|Handler|Common|Impl)"
        let types = try file.findings(
            #"\b(?:class|struct|enum|actor|protocol|typealias)\s+\w*"# + words + #"\b"#, "a name that says nothing")
        let names = try SourceFile.matches(of: words + #"(?=[.+])"#, in: file.name).map { _ in
            Finding(path: file.path, line: 1, message: "a file name that says nothing")
        }
        return types + names
    }

    private static let filesAreShort = Wall(
        "no file is longer than \(maximumLines) lines",
        trespasses: [
            SourceFile(
                path: "Sources/Memory/A.swift", text: String(repeating: "let a = 1\n", count: maximumLines + 1))
        ],
        passes: [
            SourceFile(path: "Sources/Memory/A.swift", text: String(repeating: "let a = 1\n", count: maximumLines))
        ]
    ) { file in
        let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
        if count <= maximumLines { return [] }
        return [Finding(path: file.path, line: maximumLines + 1, message: "\(count) lines: is this one thing?")]
    }

    private static let linesAreShort = Wall(
        "no line is longer than \(maximumColumns) characters",
        trespasses: [
            SourceFile(path: "Sources/Memory/A.swift", text: "\n" + String(repeating: "é", count: maximumColumns + 1))
        ],
        passes: [
            SourceFile(path: "Sources/Memory/A.swift", text: String(repeating: "é", count: maximumColumns) + "\n")
        ]
    ) { file in
        file.lines.enumerated().compactMap { index, line in
            // Bytes first: they are cheap, and a line of few bytes has few characters.
            if line.utf8.count <= maximumColumns || line.count <= maximumColumns { return nil }
            return Finding(path: file.path, line: index + 1, message: "\(line.count) characters")
        }
    }

    /// The words are put together here, so that this file does not hold them.
    private static let laterWords = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]

    private static let nothingIsLeftForLater = Wall(
        "nothing is left for later",
        trespasses: laterWords.map { SourceFile(path: "Sources/Memory/A.swift", text: "// \($0): count\n") },
        passes: [
            SourceFile(path: "Sources/Memory/A.swift", text: "enum Status { case todo }\n"),
            SourceFile(path: "Tests/MemoryTests/A.swift", text: "let kind = \"" + laterWords[0] + "\"\n"),
        ]
    ) { file in
        let pattern = #"\b(?:"# + laterWords.joined(separator: "|") + #")\b"#
        let found = try file.findings(pattern, in: .text, "left for later")
        if found.isEmpty { return [] }
        // A literal is data, not a note.
        let inCode = Set(try file.findings(pattern, in: .code, "").map(\.line))
        let inLiterals = Set(try file.findings(pattern, in: .uncommented, "").map(\.line)).subtracting(inCode)
        return found.filter { !inLiterals.contains($0.line) }
    }

    /// Words that nobody says at a desk; together they were two hundred sentences that had to be read twice.
    private static let commentsArePlain = Wall(
        "comments, messages and test names are plain English",
        trespasses: [
            "Reads the file an" + "ew.", "Who" + "ever opens it is told.",
            "Puts it where the id sta" + "nds in the list.",
            "For tho" + "se who read.", "Replaces what is th" + "ere.", "Nil for what is n" + "o path.",
        ].map { SourceFile(path: "Sources/Memory/A.swift", text: "/// \($0)\n") },
        passes: [
            SourceFile(
                path: "Sources/Memory/A.swift", text: "/// What is new; a stand; those of a row; who and what.\n")
        ]
    ) { file in
        let words = [
            "an" + "ew", "who" + "ever", "whose pl" + "ace", "sta" + "nds? (?:there|behind|before|beside|in)",
            "tho" + "se who",
            "what (?:is|was|has|had|comes|stands|lies) (?:n" + "o|th" + "ere|i" + "n)",
        ]
        return try file.findings(#"(?i)\b(?:"# + words.joined(separator: "|") + #")\b"#, in: .text, "not plain English")
    }

    private static let nothingIsForced = Wall(
        "nothing is forced: no try! and no as!",
        trespasses: [
            SourceFile(path: "Sources/Memory/A.swift", text: "let a = try! load()\n"),
            SourceFile(path: "Tests/MemoryTests/A.swift", text: "let a = b as! Int\n"),
        ],
        passes: [SourceFile(path: "Sources/Memory/A.swift", text: "let a = \"try! and as!\" // try!\n")]
    ) { file in
        try file.isSwift ? file.findings(#"\b(?:try|as)!"#, "forced") : []
    }

    private static let swallowedErrorsHaveReasons = Wall(
        "a try? has a comment that says why, on its line or just above",
        trespasses: [
            SourceFile(path: "Sources/Memory/A.swift", text: "let url = \"a//b\"\nlet a = try? load()\n"),
            SourceFile(
                path: "Sources/Memory/A.swift", text: "// A reason for the next line.\nlet b = 1\ntry? load()\n"),
        ],
        passes: [
            SourceFile(path: "Sources/Memory/A.swift", text: "// The file may be gone already.\ntry? remove()\n"),
            SourceFile(path: "Sources/Memory/A.swift", text: "try? remove()  // it may be gone already\n"),
            SourceFile(path: "Tests/MemoryTests/A.swift", text: "try? remove()\n"),
        ]
    ) { file in
        guard file.room != nil, file.isSwift else { return [] }
        let written = file.lines
        let uncommented = file.uncommented.split(separator: "\n", omittingEmptySubsequences: false)
        func hasComment(_ line: Int) -> Bool {
            line >= 0 && line < written.count && !written[line].utf8.elementsEqual(uncommented[line].utf8)
        }
        return try file.findings(#"\btry\?"#, "an error swallowed without a reason").filter { finding in
            !hasComment(finding.line - 1) && !hasComment(finding.line - 2)
        }
    }

    private static let testsUseWhatUsersUse = Wall(
        "tests use what users of a room use, so that release builds can be tested",
        trespasses: [SourceFile(path: "Tests/MemoryTests/A.swift", text: "@testable import Memory\n")],
        passes: [SourceFile(path: "Tests/MemoryTests/A.swift", text: "import Memory  // not @testable import\n")]
    ) { file in
        try file.findings(#"@testable\b"#, "reaches inside")
    }

    private static let testsDoNotSleep = Wall(
        "no test waits by the clock",
        trespasses: [
            SourceFile(path: "Tests/MemoryTests/A.swift", text: "try await Task.sleep(for: .seconds(1))\n"),
            SourceFile(path: "Tests/MemoryTests/A.swift", text: "usleep(1000)\n"),
        ],
        passes: [SourceFile(path: "Tests/MemoryTests/A.swift", text: "// No Task.sleep here.\nlet sleepy = 1\n")]
    ) { file in
        guard file.path.hasPrefix("Tests/"), !Exceptions.contain(file.path, in: Exceptions.sleeping) else { return [] }
        return try file.findings(#"\b(?:sleep|usleep|nanosleep)\s*\("#, "a test that waits by the clock")
    }
}
