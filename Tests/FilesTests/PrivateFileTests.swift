import Files
import Foundation
import TestSupport
import Testing

@Suite("Private files")
struct PrivateFileTests {
    private let scratch = ScratchDirectory()

    private func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test("A private file replaces one that others could read, and copies are private too")
    func replacing() throws {
        let path = scratch.path + "/a"
        try PrivateFile.makeFolder(scratch.path)
        try Data("old and longer".utf8).write(to: URL(fileURLWithPath: path))
        chmod(path, 0o666)
        try PrivateFile.write(Array("new".utf8), to: path)
        #expect(try mode(path) == 0o600)
        #expect(FileManager.default.contents(atPath: path) == Data("new".utf8))
        chmod(path, 0o644)
        try PrivateFile.copy(path, to: path + "-copy")
        #expect(try mode(path + "-copy") == 0o600)
    }

    @Test("A present file, and one in a missing folder, are refused, and the error says which file and why")
    func refusals() throws {
        let path = scratch.path + "/a"
        try PrivateFile.makeFolder(scratch.path)
        try PrivateFile.create(path)
        for (place, reason) in [(path, POSIXErrorCode.EEXIST), (scratch.path + "/absent/a", .ENOENT)] {
            let error = #expect(throws: FileError.self) { try PrivateFile.create(place) }
            #expect(error?.code == .notMade)
            #expect(error?.systemCode == reason)
            #expect(error?.message.hasPrefix("cannot write \(place): ") == true)
        }
    }
}
