import Foundation

/// What there is under a name; a link is what it leads to.
package enum PathKind: Sendable {
    case folder
    /// A file, or whatever else can be read: a pipe, a device.
    case file

    /// nil where there is nothing, or a link that leads nowhere.
    package init?(of path: String) {
        var isFolder: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return nil }
        self = isFolder.boolValue ? .folder : .file
    }
}
