import Files
import Foundation
import TestSupport
import Testing

@Suite("What is under a name")
struct PathKindTests {
    @Test("A link is what it leads to, and nothing where it leads nowhere")
    func kinds() throws {
        let scratch = ScratchDirectory()
        try PrivateFile.makeFolder(scratch.path + "/folder")
        try PrivateFile.create(scratch.path + "/file")
        for name in ["folder", "file", "absent"] {
            try FileManager.default.createSymbolicLink(
                atPath: scratch.path + "/to-" + name, withDestinationPath: scratch.path + "/" + name)
        }
        for prefix in ["/", "/to-"] {
            #expect(PathKind(of: scratch.path + prefix + "folder") == .folder)
            #expect(PathKind(of: scratch.path + prefix + "file") == .file)
            #expect(PathKind(of: scratch.path + prefix + "absent") == nil)
        }
        #expect(PathKind(of: "") == nil)
        PrivateFile.discard(scratch.path + "/file")
        PrivateFile.discard(scratch.path + "/file")
        #expect(PathKind(of: scratch.path + "/file") == nil)
    }
}
