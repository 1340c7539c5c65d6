import Foundation

/// Why a file cannot be changed, as far as the system says so before a write.
package enum WriteObstacle {
    /// A sentence without a full stop; nil where nothing is known to be in the way.
    ///
    /// - Parameter path: A file that is there. Its folder is looked at too, because a write makes files beside it.
    package static func reason(at path: String) -> String? {
        let folder = (path as NSString).deletingLastPathComponent
        for place in [folder, path] where unsafe access(place, W_OK) != 0 {
            return
                "nothing can be stored: \(place) cannot be written; check its owner, its mode and whether its volume "
                + "is mounted read-only"
        }
        guard let volume = FreeSpace.now(at: folder) else { return nil }
        let reserve = FreeSpace.watermark(totalBytes: volume.totalBytes)
        guard volume.freeBytes <= reserve else { return nil }
        return "nothing can be stored: the disk under \(folder) has \(FreeSpace.shown(volume.freeBytes)) free, and "
            + "\(FreeSpace.shown(reserve)) are kept in reserve; free some space"
    }
}
