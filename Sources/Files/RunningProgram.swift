import Foundation

/// The program that this process runs.
package enum RunningProgram {
    /// Absolute path of its file, whatever name it was called by.
    package static var path: String {
        #if os(Linux)
            // The link is there on every Linux with /proc; without it the name we were called by has to do.
            if let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") { return path }
        #endif
        return URL(fileURLWithPath: CommandLine.arguments.first ?? "").standardizedFileURL.path
    }
}
