import Testing

@Suite("The walls between folders")
struct FolderTests {
    private static let layered = Room.all.filter { !$0.layers.isEmpty }

    @Test("A file uses types of its own folder and of lower ones alone", arguments: layered)
    func arrowsGoDownwards(room: Room) throws {
        let files = try SourceTree.files(in: "Sources/\(room.name)")
        let layers = try FolderLayers(room: room.name, folders: room.layers, files: files)
        #expect(layers.typeCount > 5, "too few types were found to mean anything")
        for file in files {
            for arrow in try layers.arrows(in: file) { Issue.record("\(arrow)") }
        }
    }

    @Test("Every folder is in the table of its target, and every file of a layered target is in a folder")
    func foldersAreInTable() throws {
        for file in try SourceTree.files(in: "Sources") where file.isSwift {
            let room = try #require(file.room.flatMap(Room.named), "\(file.path)")
            if let folder = file.folder {
                #expect((room.layers + room.peers).contains(folder), "\(file.path): not in the table of rooms")
            } else {
                #expect(room.layers.isEmpty, "\(file.path) is in no folder")
            }
        }
    }

    @Test("A use upwards is found with its line; comments, members, private types and other targets are not uses")
    func negativeControls() throws {
        let high = SourceFile(
            path: "Sources/House/High/Upper.swift",
            text: """
                package struct Upper {}
                @frozen public enum Choice { struct Inner {} }
                private struct Own {}
                typealias Name = String
                final class Lower {}

                """)
        let low = SourceFile(
            path: "Sources/House/Low/Lower.swift",
            text: """
                struct Lower {}
                // An Upper is above.
                let text = "Upper"
                let own = Own.self, inner = other.Upper, deeper = Inner()
                func f(_ a: Choice, b: [Upper]) -> Name { Upper() }

                """)
        let other = SourceFile(path: "Sources/Other/Low/A.swift", text: "let a = Upper()\n")
        let layers = try FolderLayers(room: "House", folders: ["Low", "High"], files: [high, low, other])
        #expect(
            try layers.arrows(in: low).map(\.description) == [
                "Sources/House/Low/Lower.swift:5: uses Choice, which High declares: a higher folder",
                "Sources/House/Low/Lower.swift:5: uses Upper, which High declares: a higher folder",
                "Sources/House/Low/Lower.swift:5: uses Name, which High declares: a higher folder",
            ])
        let user = SourceFile(path: "Sources/House/High/User.swift", text: "let a = Lower(), b = Upper()\n")
        #expect(try layers.arrows(in: user).isEmpty)
        #expect(try layers.arrows(in: other).isEmpty)
        // A folder inside a folder is of its layer.
        let deep = SourceFile(path: "Sources/House/Low/Deep/A.swift", text: "let a = Lower(), b = Upper()\n")
        #expect(try layers.arrows(in: deep).map(\.name) == ["Upper"])
    }
}
