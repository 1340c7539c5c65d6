import Files
import Foundation
import TestSupport
import Testing

@Suite("Files that survive")
struct FilesTests {
    private let scratch = ScratchDirectory()

    init() throws {
        try FileManager.default.createDirectory(atPath: scratch.path, withIntermediateDirectories: true)
    }

    @Test("A durable file holds the bytes that were written, replaces the old ones and is for its owner alone")
    func writes() throws {
        let path = scratch.path + "/a"
        for bytes: [UInt8] in [[], [1], Array(repeating: 7, count: 300_000)] {
            try DurableFile.write(bytes, to: path)
            #expect(FileManager.default.contents(atPath: path).map { Array($0) } == bytes)
        }
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["a"])
    }

    @Test("A write that is refused says why and leaves no part of a file")
    func refusedWrite() throws {
        let missing = scratch.path + "/none/a"
        let error = #expect(throws: FileError.self) { try DurableFile.write([1], to: missing) }
        #expect(error?.code == .refused)
        #expect(error?.systemCode == .ENOENT)
        // A directory stands where the file should go: the name cannot be given.
        try FileManager.default.createDirectory(atPath: scratch.path + "/d/e", withIntermediateDirectories: true)
        #expect(throws: FileError.self) { try DurableFile.write([1], to: scratch.path + "/d") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["d"])
        #expect(throws: FileError.self) { try DirectorySync.sync(scratch.path + "/none") }
    }

    @Test("One holder has a lease at a time, and the next one has it after a release")
    func lease() throws {
        let path = scratch.path + "/lease"
        let first = try #require(try Lease(path: path))
        #expect(try Lease(path: path) == nil)
        first.release()
        let second = try #require(try Lease(path: path))
        second.release()
        #expect(throws: FileError.self) { try Lease(path: scratch.path + "/none/lease") }
    }

    @Test(
        "A lease is on the file that has the name, though a holder removes the file that was opened",
        arguments: [1, 2, 5])
    func leasesOfFilesThatAreRemoved(times: Int) throws {
        let path = scratch.path + "/lease"
        var holder = try Lease(path: path)
        var left = times
        let lease = try Lease(path: path) {
            // What has been opened loses its name before it is locked.
            guard left > 0 else { return }
            left -= 1
            unlink(path)
            holder?.release()
            // Another holder, of the file that has the name now; the last one leaves none.
            holder = left > 0 ? try? Lease(path: path) : nil  // its absence fails the test below
        }
        #expect(left == 0)
        let held = try #require(lease)
        // Nobody else gets one as long as it is held.
        #expect(try Lease(path: path) == nil)
        held.release()
        try #require(try Lease(path: path)).release()
    }

    @Test("Two may open at once, and nobody opens a directory's file while somebody deletes one")
    func directoryLock() throws {
        let file = scratch.path + "/file"
        func isFree() throws -> Bool {
            let descriptor = open(scratch.path, O_RDONLY)
            try #require(descriptor >= 0)
            defer { close(descriptor) }
            return flock(descriptor, LOCK_SH | LOCK_NB) == 0
        }
        do {
            let one = try DirectoryLock(.opening, directoryOf: file)
            let other = try DirectoryLock(.opening, directoryOf: file)
            #expect(try isFree())
            withExtendedLifetime((one)) {}
            withExtendedLifetime((other)) {}
        }
        do {
            let deleting = try DirectoryLock(.deleting, directoryOf: file)
            #expect(try !isFree())
            withExtendedLifetime((deleting)) {}
        }
        #expect(try isFree())
        // Where there is no directory there is nothing to keep apart.
        _ = try DirectoryLock(.deleting, directoryOf: scratch.path + "/none/file")
    }

    @Test(
        "The reserve is a share of the volume within its bounds, and of a small volume at most a tenth",
        arguments: [
            (0, 0), (10 << 20, 1 << 20), (40 << 20, 4 << 20), (100 << 20, 4 << 20), (1 << 30, (1 << 30) / 50),
            (1 << 40, 64 << 20),
        ])
    func reserve(totalBytes: Int, reserveBytes: Int) {
        #expect(abs(FreeSpace.watermark(totalBytes: totalBytes) - reserveBytes) <= 1)
    }

    @Test("A write that the volume has no room for is refused, the largest number included")
    func noRoom() throws {
        let volume = try #require(FreeSpace.now(at: scratch.path))
        #expect(volume.freeBytes > 0 && volume.totalBytes >= volume.freeBytes)
        for bytes in [volume.totalBytes, Int.max] {
            let error = #expect(throws: FileError.self) { try FreeSpace.require(bytes, at: scratch.path) }
            #expect(error?.code == .reserveReached)
            #expect(error?.systemCode == nil)
        }
        // Of a path that is not there the system says nothing, and nothing is refused.
        try FreeSpace.require(Int.max, at: scratch.path + "/none")
    }

    @Test("An obstacle to writes is told before the write, and room in a unit that is not rounded to nothing")
    func writeObstacle() throws {
        let path = scratch.path + "/a"
        try PrivateFile.create(path)
        #expect(WriteObstacle.reason(at: path) == nil)
        #expect(WriteObstacle.reason(at: scratch.path + "/none/a")?.contains("cannot be written") == true)
        #expect(FreeSpace.shown(700 << 10) == "700 KiB" && FreeSpace.shown((10 << 20) - 1) == "10239 KiB")
        #expect(FreeSpace.shown(10 << 20) == "10 MiB")
    }

    @Test("The wall clock counts microseconds since 1970")
    func wallClock() {
        let before = Int64(Date().timeIntervalSince1970 * 1_000_000)
        let now = WallClock.microseconds()
        let after = Int64(Date().timeIntervalSince1970 * 1_000_000)
        // Date rounds to a fraction of a microsecond.
        #expect(before - 2...after + 2 ~= now)
    }
}
