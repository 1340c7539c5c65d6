import ArgumentParser
import Foundation
import JSON
import Operations

/// `cortex doctor`: does everything work here that the memory stands on? Exit code 1 when a check fails.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check libraries, model, data directory and collections.",
        discussion: """
            Each check passes, warns or fails, and says what to do about it. Nothing is written but a file that is \
            removed again. Exit code 1 when a check fails.
            """)

    @OptionGroup var house: HouseOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let settings = house.settings
        let checks = await HealthCheck.all(settings)
        if json {
            print(JSONWriter.text(["data": .string(settings.directory), "checks": .array(checks.map(\.json))]))
        } else {
            for check in checks {
                print("\(check.status.shown)  \(check.name): \(check.message)")
                if let remedy = check.remedy { print("      \(remedy)") }
            }
        }
        guard checks.allSatisfy({ $0.status != .fail }) else { throw ExitCode(1) }
    }
}
