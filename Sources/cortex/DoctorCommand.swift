import ArgumentParser
import CBLAS
import JSON
import VectorEngine

/// `cortex doctor`: does what the binary stands on work here? Exit code 1 when a check fails.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check that the libraries inside this binary work on this machine.")

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let checks = [Check.sqlite(), Check.blas()]
        if json {
            print(JSONWriter.text(["checks": .array(checks.map(\.jsonValue))]))
        } else {
            for check in checks { print("\(check.passed ? "pass" : "FAIL")  \(check.name): \(check.message)") }
        }
        guard checks.allSatisfy(\.passed) else { throw ExitCode(1) }
    }
}

extension DoctorCommand {
    /// One finding.
    struct Check {
        let name: String
        let passed: Bool
        let message: String

        var jsonValue: JSONValue {
            ["name": .string(name), "status": .string(passed ? "pass" : "fail"), "message": .string(message)]
        }

        /// SQLite opens a database and answers.
        static func sqlite() -> Check {
            do {
                return Check(name: "sqlite", passed: true, message: "SQLite \(try StorageLibrary.sqliteVersion())")
            } catch {
                return Check(name: "sqlite", passed: false, message: "\(error)")
            }
        }

        /// BLAS multiplies two matrices of small whole numbers, whose product float32 holds exactly, as three loops do.
        static func blas() -> Check {
            let side = 48
            let left = (0..<side * side).map { Float($0 % 7) - 3 }
            let right = (0..<side * side).map { Float($0 % 5) - 2 }
            var product = [Float](repeating: 0, count: side * side)
            let n = Int32(side)
            cblas_sgemm(
                CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, left, n, right, n, 0, &product, n)
            let isRight = (0..<side * side).allSatisfy { cell in
                let (row, column) = cell.quotientAndRemainder(dividingBy: side)
                var sum: Float = 0
                for k in 0..<side { sum += left[row * side + k] * right[k * side + column] }
                return sum == product[cell]
            }
            let message =
                isRight ? "a product of \(side) × \(side) is exact" : "a product of \(side) × \(side) is wrong"
            return Check(name: "blas", passed: isRight, message: message)
        }
    }
}
