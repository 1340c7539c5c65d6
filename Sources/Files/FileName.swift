import Foundation

/// The name of one file in a folder, checked: joined to the path of a folder, it leads to something in that folder.
///
/// A text from outside (a request, a manifest) becomes a part of a path only as one of these. The system reads a path
/// as bytes: it ends at the first zero byte, and a slash separates folders also where Swift sees one character of it
/// and the accent that follows. So bytes are checked here, not characters.
package struct FileName: Sendable {
    package let text: String

    /// The longest name that file systems take.
    package static let longestBytes = 255

    /// - Parameter ending: what the name ends with, byte by byte.
    /// - Returns: nil for a text that is not the name of a file in whichever folder it is joined to.
    package init?(_ text: String, ending: String = "") {
        let bytes = text.utf8
        guard (1...Self.longestBytes).contains(bytes.count), !bytes.contains(0), !bytes.contains(UInt8(ascii: "/")),
            text != ".", text != "..", bytes.suffix(ending.utf8.count).elementsEqual(ending.utf8)
        else { return nil }
        self.text = text
    }

    package func path(in folder: String) -> String { folder + "/" + text }
}
