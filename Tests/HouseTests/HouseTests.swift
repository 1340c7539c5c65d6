import Testing

@Suite("The walls of the house")
struct HouseTests {
    @Test("Every wall stands", arguments: Wall.all)
    func everyWallStands(wall: Wall) throws {
        let files = try SourceTree.files(in: "Sources") + SourceTree.files(in: "Tests")
        #expect(files.count > 10, "the walk found too few files to mean anything")
        let findings = try files.flatMap(wall.check)
        for finding in findings { Issue.record("\(finding)") }
    }

    @Test("Every wall stops what breaks it, and names the file", arguments: Wall.all)
    func everyWallStopsTrespassers(wall: Wall) throws {
        #expect(!wall.trespasses.isEmpty)
        for trespass in wall.trespasses {
            let findings = try wall.check(trespass)
            #expect(!findings.isEmpty, "let through: \(trespass.text)")
            #expect(findings.allSatisfy { $0.path == trespass.path && $0.line > 0 })
        }
    }

    @Test("No wall stops what only looks alike", arguments: Wall.all)
    func noWallStopsOthers(wall: Wall) throws {
        for file in wall.passes {
            let findings = try wall.check(file)
            #expect(findings.isEmpty, "stopped: \(file.text)")
        }
    }

    @Test("A finding names the line on which it stands")
    func findingNamesItsLine() throws {
        let file = SourceFile(path: "Sources/A/B.swift", text: "let é = 1\n\n/* try!\n */ let b = try! load()\n")
        let findings = try file.findings(#"\btry!"#, "forced")
        #expect(findings == [Finding(path: "Sources/A/B.swift", line: 4, message: "forced: try!")])
    }

    @Test("Every folder that may hold unsafe pointers holds one", arguments: Exceptions.unsafePointers)
    func exceptionsAreNeeded(folder: String) throws {
        let wall = try #require(Wall.contents.last)
        #expect(folder.hasSuffix("/"), "the list is of folders")
        let files = try SourceTree.files(in: String(folder.dropLast()))
        // The same text under a name that no list holds.
        let holders = try files.filter {
            try !wall.check(SourceFile(path: "Sources/Memory/Elsewhere.swift", text: $0.text)).isEmpty
        }
        #expect(!holders.isEmpty, "\(folder) holds no unsafe pointer: take it off the list")
    }
}

@Suite("The table of rooms")
struct RoomTests {
    @Test("The targets of Package.swift are the folders under Sources, and depend only downwards")
    func manifestMatchesTable() throws {
        let file = try SourceTree.file("Package.swift")
        let manifest = try PackageManifest(file)
        #expect(manifest.targets.contains { $0.name == "HouseTests" && $0.isTest })
        for finding in manifest.findings(path: file.path, folders: try SourceTree.folders(in: "Sources")) {
            Issue.record("\(finding)")
        }
    }

    @Test("Every Swift target is built under strict memory safety, but for the listed ones, which hold pointers")
    func targetsAreSafe() throws {
        let file = try SourceTree.file("Package.swift")
        #expect(file.text.contains("let safe: [SwiftSetting] = strict + [.strictMemorySafety()]"))
        for target in try PackageManifest(file).targets where !target.isTest {
            let room = try #require(Room.named(target.name), "\(target.name)")
            let isListed = Exceptions.unmarkedTargets.contains(room.name)
            #expect(target.isSafe == !(isListed || room.isC), "\(room.name)")
            let holdsPointers = Exceptions.unsafePointers.contains { $0.hasPrefix("Sources/\(room.name)/") }
            #expect(holdsPointers || !isListed, "\(room.name) holds no pointers: build it with `safe`")
        }
    }

    @Test("Every test target has a folder under Tests")
    func testTargetsHaveFolders() throws {
        let manifest = try PackageManifest(try SourceTree.file("Package.swift"))
        let folders = try SourceTree.folders(in: "Tests")
        for target in manifest.targets where target.isTest {
            #expect(folders.contains(target.name), "\(target.name)")
        }
        // The clients and the tools that make fixtures are Python, the demonstration server is what clients talk to;
        // any other folder holds tests that never run.
        let targets = Set(manifest.targets.map(\.name))
        #expect(folders.subtracting(targets).subtracting(["Clients", "MCPDemo", "tools"]) == [])
    }

    @Test("A dependency upwards, an unknown target and a folder without a target are found")
    func manifestTrespassesAreFound() throws {
        let text = """
            targets: [
                .target(name: "JSON", dependencies: [collections]),
                .target(name: "Vectors", dependencies: ["CKernels", "Memory"]),
                .executableTarget(
                    name: "Attic", dependencies: ["Vectors"]),
                // .target(name: "CBLAS"),
                .executableTarget(name: "Prop", dependencies: ["Vectors"], path: "Tests/Prop"),
                .testTarget(name: "VectorsTests", dependencies: ["Vectors", .product(name: "A", package: "b")]),
            ]
            """
        let manifest = try PackageManifest(SourceFile(path: "Package.swift", text: text))
        #expect(manifest.targets.map(\.name) == ["JSON", "Vectors", "Attic", "Prop", "VectorsTests"])
        #expect(manifest.targets.last?.dependencies == ["Vectors"])
        let findings = manifest.findings(path: "Package.swift", folders: ["JSON", "Vectors", "CBLAS"])
        #expect(
            findings.map(\.description) == [
                "Package.swift:3: Vectors may not depend on Memory",
                "Package.swift:4: Attic is not in the table of rooms (Rooms.swift)",
                "Package.swift:1: Sources/CBLAS is no target",
            ])
    }

    @Test("No room stands on itself, and every room that is stood on is in the table")
    func tableHasNoCycles() {
        for room in Room.all {
            #expect(!room.below.contains(room.name), "\(room.name)")
            for name in room.standsOn { #expect(Room.named(name) != nil, "\(room.name) → \(name)") }
        }
        #expect(Set(Room.all.map(\.name)).count == Room.all.count)
    }
}
