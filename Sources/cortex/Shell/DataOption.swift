import ArgumentParser
import Operations

/// The one flag for the data directory.
struct DataOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The data directory.", discussion: "Default: CORTEX_DATA, else the XDG data directory.", valueName: "dir"),
        completion: .directory)
    var data: String?

    func validate() throws {
        if data?.isEmpty == true { throw ValidationError("--data needs a directory") }
    }

    /// Absolute path of the data directory.
    var directory: String { Environment.current.directory(data) }
}
