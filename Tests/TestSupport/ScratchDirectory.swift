import Foundation

/// A directory that goes when its owner goes.
package final class ScratchDirectory: Sendable {
    package let path = NSTemporaryDirectory() + "cortex-test-" + UUID().uuidString

    package init() {}

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { print("left behind: \(path)") }
    }
}
