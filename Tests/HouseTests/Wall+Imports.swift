extension Wall {
    static let imports = [importsGoDownwards, includesStayInside, indexKnowsNoClock, onlyBuildersLock, noURLSession]

    private static let importsGoDownwards = Wall(
        "imports go only downwards, as the table of rooms says",
        trespasses: [
            SourceFile(path: "Sources/Vectors/A.swift", text: "import Foundation\n"),
            SourceFile(path: "Sources/Vectors/A.swift", text: "import JSON\n"),
            SourceFile(path: "Sources/HNSW/A.swift", text: "package import VectorEngine\n"),
            SourceFile(path: "Sources/VectorEngine/A.swift", text: "@preconcurrency import struct Memory.Item\n"),
            SourceFile(path: "Sources/JSON/A.swift", text: "import Foundation\n"),
            SourceFile(path: "Sources/Memory/A.swift", text: "#if os(Linux)\n    import GRDB\n#endif\n"),
            SourceFile(path: "Sources/Bench/A.swift", text: "import MCPServer\n"),
            SourceFile(path: "Sources/Embedding/A.swift", text: "import NIOCore\n"),
            SourceFile(path: "Sources/Attic/A.swift", text: "let a = 1\n"),
        ],
        passes: [
            SourceFile(path: "Sources/Vectors/A.swift", text: "import CBLAS\n// import Foundation\n"),
            SourceFile(path: "Sources/Memory/A.swift", text: "import HNSW\nimport Foundation\n"),
            SourceFile(path: "Sources/Outbound/A.swift", text: "import NIOCore\nimport AsyncHTTPClient\n"),
            SourceFile(path: "Sources/cortex/A.swift", text: "import MCPServer\nlet important = 1\n"),
        ]
    ) { file in
        guard let name = file.room, file.isSwift else { return [] }
        guard let room = Room.named(name) else {
            return [Finding(path: file.path, line: 1, message: "\(name) is not in the table of rooms (Rooms.swift)")]
        }
        let pattern =
            #"^[ \t]*(?:@\w+(?:\([^)\n]*\))?[ \t]+)*(?:(?:public|package|internal|fileprivate|private)[ \t]+)?"#
            + #"import[ \t]+(?:(?:struct|class|enum|protocol|func|var|let|typealias)[ \t]+)?(\w+)"#
        return try SourceFile.matches(of: pattern, in: file.code).compactMap { match in
            let module = match.groups[1]
            if room.mayImport(module) { return nil }
            return Finding(path: file.path, line: match.line, message: "\(name) may not import \(module)")
        }
    }

    private static let includesStayInside = Wall(
        "a C room includes its own headers and the C library, and CBLAS alone knows BLAS",
        trespasses: [
            SourceFile(path: "Sources/CKernels/a.c", text: "#include <cblas.h>\n"),
            SourceFile(path: "Sources/CKernels/a.c", text: "#include \"../CBLAS/shim.h\"\n"),
            SourceFile(path: "Sources/CModel/a.h", text: "  # include <sqlite3.h>\n"),
        ],
        passes: [
            SourceFile(path: "Sources/CKernels/a.c", text: "#include \"ckernels.h\"\n#include <immintrin.h>\n"),
            SourceFile(path: "Sources/CBLAS/shim.h", text: "#include <cblas.h>\n"),
        ]
    ) { file in
        guard file.isC, file.room != "CBLAS" else { return [] }
        // A quoted include that climbs out, or a library's header.
        return try file.findings(
            #"^[ \t]*#[ \t]*include[ \t]*(?:"\.\.[^"]*|<(?:cblas|lapacke|sqlite3)[^>]*>)"#, in: .uncommented,
            "a C room may not include this")
    }

    private static let indexKnowsNoClock = Wall(
        "Vectors and HNSW know no file and no clock",
        trespasses: [
            SourceFile(path: "Sources/HNSW/A.swift", text: "let began = ContinuousClock.now\n"),
            SourceFile(path: "Sources/Vectors/A.swift", text: "clock_gettime(CLOCK_MONOTONIC, &t)\n"),
            SourceFile(path: "Sources/HNSW/A.swift", text: "let file = fopen(path, \"r\")\n"),
        ],
        passes: [
            SourceFile(path: "Sources/HNSW/A.swift", text: "// fopen and ContinuousClock\nlet a = \"fopen\"\n"),
            SourceFile(path: "Sources/Bench/A.swift", text: "let began = ContinuousClock.now\n"),
        ]
    ) { file in
        guard ["Vectors", "HNSW"].contains(file.room) else { return [] }
        return try file.findings(
            #"\b(ContinuousClock|SuspendingClock|clock_gettime|gettimeofday|mach_absolute_time|DispatchTime|Date"#
                + #"|FileManager|FileHandle|fopen|openat|fread|fwrite|fsync)\b"#,
            "the index knows no file and no clock")
    }

    private static let onlyBuildersLock = Wall(
        "the graph's builder alone holds a lock in Vectors and HNSW",
        trespasses: [
            SourceFile(path: "Sources/Vectors/A.swift", text: "let lock = Mutex(0)\n"),
            SourceFile(path: "Sources/HNSW/GraphSearch.swift", text: "pthread_mutex_lock(&lock)\n"),
            SourceFile(path: "Sources/HNSW/Search/HNSWGraph.swift", text: "let coming = DispatchGroup()\n"),
            SourceFile(path: "Sources/Vectors/GraphBuilder.swift", text: "actor Rows {}\n"),
        ],
        passes: [
            SourceFile(path: "Sources/HNSW/Build/GraphBuilder.swift", text: "let lock = Mutex(0)\n"),
            SourceFile(path: "Sources/Memory/A.swift", text: "let lock = Mutex(0)\n"),
        ]
    ) { file in
        guard ["Vectors", "HNSW"].contains(file.room), !Exceptions.contain(file.path, in: Exceptions.locks)
        else { return [] }
        return try file.findings(
            #"\b(Mutex|NSLock|NSRecursiveLock|OSAllocatedUnfairLock|os_unfair_lock\w*|pthread_(?:mutex|rwlock|spin)\w*"#
                + #"|DispatchSemaphore|DispatchGroup|actor)\b"#,
            "only the builder locks")
    }

    private static let noURLSession = Wall(
        "no room speaks to the network but through the remote embedder and the remote store",
        trespasses: [SourceFile(path: "Sources/Memory/A.swift", text: "let a = URLSession.shared\n")],
        passes: [SourceFile(path: "Sources/Memory/A.swift", text: "/// No URLSession here.\nlet session = 1\n")]
    ) { file in
        try file.room == nil ? [] : file.findings(#"\b(URLSession|URLRequest|CFSocket)\b"#, "a client of the network")
    }
}
