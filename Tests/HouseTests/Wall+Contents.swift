extension Wall {
    static let contents = [
        sqlInEngine, environmentInOneFolder, printingInPrograms, valuesInCore, oneWayToOpen,
        unsafeInListedFolders, pointersInListedFolders,
    ]

    private static let sqlInEngine = Wall(
        "SQL is written in VectorEngine alone",
        trespasses: [
            SourceFile(path: "Sources/Memory/A.swift", text: #"let a = "SELECT id FROM points""#),
            SourceFile(path: "Sources/cortex/A.swift", text: #"run("PRAGMA integrity_check")"#),
            SourceFile(
                path: "Sources/Memory/A.swift", text: "let a = \"\"\"\n    INSERT OR REPLACE INTO t\n    \"\"\"\n"),
            SourceFile(path: "Sources/cortex/A.swift", text: #"run("DELETE FROM points WHERE id = ?")"#),
        ],
        passes: [
            SourceFile(path: "Sources/VectorEngine/A.swift", text: #"let a = "SELECT id FROM points""#),
            SourceFile(
                path: "Sources/Memory/A.swift", text: "// SELECT id FROM points\nlet a = \"Select one from these\"\n"),
        ]
    ) { file in
        guard file.isSwift, file.room != nil, !Exceptions.contain(file.path, in: Exceptions.sql) else { return [] }
        return try file.findings(
            #"\b(SELECT\s[^"]*\bFROM\b|INSERT\s+(?:OR\s+\w+\s+)?INTO\b|UPDATE\s+\w+\s+SET\b|DELETE\s+FROM\b"#
                + #"|PRAGMA\s+\w|(?:CREATE|DROP|ALTER)\s+(?:UNIQUE\s+|VIRTUAL\s+)?(?:TABLE|INDEX|TRIGGER|VIEW)\b)"#,
            in: .uncommented, "SQL outside VectorEngine")
    }

    private static let environmentInOneFolder = Wall(
        "the environment is read in one folder",
        trespasses: [
            SourceFile(path: "Sources/cortex/A.swift", text: "let a = ProcessInfo.processInfo.environment[\"HOME\"]\n"),
            SourceFile(path: "Sources/CKernels/a.c", text: "const char *level = getenv(\"LEVEL\");\n"),
            SourceFile(path: "Sources/Embedding/A.swift", text: "setenv(\"A\", \"1\", 1)\n"),
        ],
        passes: [
            SourceFile(
                path: "Sources/Operations/Settings/Environment.swift", text: "ProcessInfo.processInfo.environment\n"),
            SourceFile(path: "Sources/cortex/A.swift", text: "child.environment = [:]\n// getenv(x)\n"),
        ]
    ) { file in
        guard file.room != nil, !Exceptions.contain(file.path, in: Exceptions.environment) else { return [] }
        return try file.findings(
            #"\bprocessInfo\s*\.\s*environment\b|\b(?:secure_getenv|getenv|setenv|putenv|unsetenv)\s*\(|\benviron\b"#,
            "the environment belongs to Operations/Settings")
    }

    private static let printingInPrograms = Wall(
        "only the programs print",
        trespasses: [
            SourceFile(path: "Sources/MCPServer/A.swift", text: "    print(\"hello\")\n"),
            SourceFile(path: "Sources/Memory/A.swift", text: "debugPrint(item)\n"),
            SourceFile(path: "Sources/CKernels/a.c", text: "printf(\"%d\", level);\n"),
        ],
        passes: [
            SourceFile(path: "Sources/cortex/A.swift", text: "print(\"hello\")\n"),
            SourceFile(path: "Sources/MCPServer/A.swift", text: "sprint(1)\nlog.print(2)\nfunc fingerprint() {}\n"),
        ]
    ) { file in
        guard file.room != nil, !Exceptions.contain(file.path, in: Exceptions.printing) else { return [] }
        return try file.findings(
            #"(?<![\w.])(?:print|debugPrint|dump|printf|puts|putchar)\s*\("#, "standard output belongs to the protocol")
    }

    /// What REST and gRPC share: values in, values out. Each edge turns its own bytes into them and back.
    private static let valuesInCore = Wall(
        "the core of QdrantAdapter reads and writes no JSON",
        trespasses: [
            SourceFile(path: "Sources/QdrantAdapter/Core/A.swift", text: "init(_ body: JSONValue) {}\n"),
            SourceFile(path: "Sources/QdrantAdapter/Core/A.swift", text: "let text = JSONWriter.bytes(answer)\n"),
        ],
        passes: [
            SourceFile(path: "Sources/QdrantAdapter/JSON/A.swift", text: "init(_ body: JSONValue) {}\n"),
            SourceFile(
                path: "Sources/QdrantAdapter/Core/A.swift",
                text: "import JSON\n// A JSONValue is read elsewhere.\nlet a = ByteText(name)\n"),
        ]
    ) { file in
        guard file.isSwift, file.path.hasPrefix("Sources/QdrantAdapter/Core/") else { return [] }
        return try file.findings(#"\bJSON[A-Z]\w*"#, "JSON belongs to QdrantAdapter/JSON")
    }

    /// Otherwise two commands read the same flag or variable in two ways.
    private static let oneWayToOpen = Wall(
        "stores are opened in one place",
        trespasses: [
            SourceFile(path: "Sources/cortex/Serve/A.swift", text: "let store = try EmbeddedStore(directory: path)\n"),
            SourceFile(
                path: "Sources/Operations/Health/A.swift", text: "EmbeddedStore(\n    directory: path, settings: a)\n"),
        ],
        passes: [
            SourceFile(path: "Sources/Operations/House/A.swift", text: "try EmbeddedStore(directory: path)\n"),
            SourceFile(path: "Sources/cortex/Serve/A.swift", text: "let store: EmbeddedStore = try opened()\n"),
        ]
    ) { file in
        guard file.isSwift, file.room != nil, !Exceptions.contain(file.path, in: Exceptions.opening) else { return [] }
        return try file.findings(#"\bEmbeddedStore\s*\("#, "commands open stores by Environment.store(in:for:)")
    }

    private static let unsafeInListedFolders = Wall(
        "what the compiler cannot check is in the listed folders alone",
        trespasses: [
            SourceFile(path: "Sources/Memory/A.swift", text: "let a = unsafe open(path, 0)\n"),
            SourceFile(path: "Sources/Points/A.swift", text: "@unsafe struct A {}\n"),
            SourceFile(path: "Sources/QdrantAdapter/Core/A.swift", text: "return unsafe \"\\(reason)\"\n"),
        ],
        passes: [
            SourceFile(path: "Sources/Files/A.swift", text: "guard unsafe stat(path, &facts) == 0 else { return }\n"),
            SourceFile(path: "Sources/Memory/A.swift", text: "let unsafeName = a.unsafe // unsafe open\n"),
        ]
    ) { file in
        let places = Exceptions.unsafePointers + Exceptions.unsafeCalls
        guard file.isSwift, file.room != nil, !Exceptions.contain(file.path, in: places) else { return [] }
        return try file.findings(
            #"(?<![\w.(])unsafe[ \t]+\S|@(?:unsafe|safe)\b"#, "not in a folder with unsafe calls (Exceptions.swift)")
    }

    private static let pointersInListedFolders = Wall(
        "unsafe pointers are in the listed folders alone",
        trespasses: [
            SourceFile(path: "Sources/Memory/A.swift", text: "func f(_ a: UnsafePointer<Float>) {}\n"),
            SourceFile(path: "Sources/Memory/A.swift", text: "text.withUnsafeBytes { hash($0) }\n"),
            SourceFile(path: "Sources/HNSW/A.swift", text: "let a = unsafeBitCast(b, to: Int.self)\n"),
            SourceFile(path: "Sources/VectorEngine/Store/A.swift", text: "nonisolated(unsafe) var a = 1\n"),
        ],
        passes: [
            SourceFile(path: "Sources/Vectors/Rows/VectorBlock.swift", text: "let a: UnsafePointer<Float>\n"),
            SourceFile(path: "Sources/Memory/A.swift", text: "/// Takes no UnsafePointer.\nlet unsafeName = 1\n"),
        ]
    ) { file in
        guard file.isSwift, file.room != nil, !Exceptions.contain(file.path, in: Exceptions.unsafePointers)
        else { return [] }
        let findings = try file.findings(
            #"\bUnsafe(?:Mutable)?(?:Raw)?(?:Buffer)?Pointer\b|\bwithUnsafe\w+|\bunsafeBitCast\b|\bUnmanaged\b"#
                + #"|\bOpaquePointer\b|\bnonisolated\s*\(\s*unsafe\s*\)|\bunsafelyUnwrapped\b"#,
            "not in a folder with unsafe pointers (Exceptions.swift)")
        // One finding for each file is enough.
        return Array(findings.prefix(1))
    }
}
