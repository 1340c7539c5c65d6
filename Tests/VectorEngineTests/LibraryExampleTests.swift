import Foundation
import LibraryExample
import TestSupport
import Testing
import VectorEngine

/// The program of docs/vector-engine.md. It is a target without access to `package` declarations, so that it compiles
/// only while the public API is enough for it.
@Suite struct LibraryExampleTests {
    @Test("The example of docs/vector-engine.md finds the two nearest vegetarian dishes and deletes a point")
    func exampleRuns() async throws {
        let scratch = ScratchDirectory()
        let names = try await vegetarianDishes(storedIn: scratch.path)
        #expect(
            names == [
                #"{"name": "chilli sin carne", "vegetarian": true}"#,
                #"{"name": "hot and sour soup", "vegetarian": true}"#,
            ])
        let store = try EmbeddedStore(directory: scratch.path)
        #expect(try await store.count(nil, in: "dishes") == 3)
        try await store.close()
    }

    @Test("The Swift block of docs/vector-engine.md is the example, byte for byte")
    func pageShowsTheExample() throws {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        func text(_ path: String) throws -> String {
            try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        }
        let example = try text("Tests/LibraryExample/LibraryExample.swift")
        let blocks = try text("docs/vector-engine.md").components(separatedBy: "```swift\n").dropFirst()
            .compactMap { $0.components(separatedBy: "```").first }
        #expect(blocks.contains { Array($0.utf8) == Array(example.utf8) })
    }
}
