import Foundation

/// The limit of free space below which writes are refused, so that SQLite never runs out of space in the middle of one:
/// the contents of the write-ahead log must still fit into the file.
package enum FreeSpace {
    /// Kept free: this share of the volume, within these bounds.
    package static let reservedShare = 0.02
    package static let reservedBytes = (4 << 20)...(64 << 20)
    /// On a small volume at most this share is kept free.
    package static let smallVolumeShare = 0.1
    /// Writes that remove data, or that fit into free pages of the file, may use all of the reserve except this share,
    /// so that a full store can be made smaller.
    package static let freeingShare = 0.25

    /// Bytes of the volume of `path` that are free for this process, and in all; nil if the system does not say.
    package static func now(at path: String) -> (freeBytes: Int, totalBytes: Int)? {
        var facts = statvfs()
        guard unsafe statvfs(path, &facts) == 0 else { return nil }
        let block = UInt64(facts.f_frsize)
        func bytes(_ blocks: UInt64) -> Int {
            Int(clamping: blocks.multipliedReportingOverflow(by: block).partialValue)
        }
        return (bytes(UInt64(facts.f_bavail)), bytes(UInt64(facts.f_blocks)))
    }

    /// A number of bytes in KiB, from 10 MiB on in MiB.
    package static func shown(_ bytes: Int) -> String {
        bytes < 10 << 20 ? "\(bytes >> 10) KiB" : "\(bytes >> 20) MiB"
    }

    /// The bytes that stay free on a volume of this size.
    package static func watermark(totalBytes: Int) -> Int {
        let share = Int(Double(totalBytes) * reservedShare)
        let wanted = min(max(share, reservedBytes.lowerBound), reservedBytes.upperBound)
        return min(wanted, Int(Double(totalBytes) * smallVolumeShare))
    }

    /// - Parameter bytes: The bytes that will be written under `path`, the log included.
    /// - Parameter isFreeing: Whether the write frees space; it may go down to the lower limit.
    /// - Throws: `reserveReached` if less than the limit would be left on the volume.
    package static func require(_ bytes: Int, at path: String, isFreeing: Bool = false) throws(FileError) {
        guard let volume = now(at: path) else { return }
        let watermark = watermark(totalBytes: volume.totalBytes)
        let kept = isFreeing ? Int(Double(watermark) * freeingShare) : watermark
        let (needed, overflow) = kept.addingReportingOverflow(bytes)
        guard overflow || volume.freeBytes < needed else { return }
        throw FileError(
            .reserveReached,
            "the disk under \(path) has \(shown(volume.freeBytes)) free and this write needs \(shown(needed)) "
                + "with the reserve; nothing of this call was kept. Reading goes on; free some space, or delete some "
                + "of what is stored, a little at a time, and repeat it")
    }
}
