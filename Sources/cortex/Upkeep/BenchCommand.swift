import ArgumentParser
import Foundation

/// `cortex bench`: hands its arguments to the Bench executable beside this one.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Run a benchmark (by the Bench executable beside this one).")

    @ArgumentParser.Argument(
        parsing: .captureForPassthrough, help: "What Bench is told; `--help` lists its benchmarks.")
    var arguments: [String] = []

    func run() throws {
        let own = URL(fileURLWithPath: Self.executablePath).deletingLastPathComponent()
        let folders = [own.path] + Environment.current.searchPath
        guard let path = folders.map({ $0 + "/Bench" }).first(where: FileManager.default.isExecutableFile) else {
            throw CommandFailure(
                code: "notFound", message: "there is no Bench executable beside cortex; `make build` makes both")
        }
        let strings = ([path] + arguments).map { strdup($0) } + [nil]
        execv(path, strings)
        throw CommandFailure(code: "failed", message: "cannot start \(path): \(String(cString: strerror(errno)))")
    }

    /// Absolute path of the running program.
    static var executablePath: String {
        #if os(Linux)
            // The link is there on every Linux with /proc; without it the name we were called by has to do.
            if let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") { return path }
        #endif
        return URL(fileURLWithPath: CommandLine.arguments[0]).standardizedFileURL.path
    }
}
