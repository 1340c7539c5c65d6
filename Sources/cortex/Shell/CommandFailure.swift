import ArgumentParser
import Embedding
import Memory
import Operations
import VectorEngine

/// A failure as a command ends with it: one line on stderr, exit code 1.
struct CommandFailure: Error, CustomStringConvertible {
    let code: String
    let message: String

    var description: String { "\(message) [\(code)]" }
}

extension House {
    /// The house that the options ask for; an option that cannot be used ends the command as one does.
    static func opened(_ options: HouseOptions) throws -> House {
        do {
            return try House(options.settings)
        } catch let error as SettingsError {
            throw ValidationError(error.message)
        }
    }

    /// Indexes what is left flat, with a bar on a terminal.
    func index() async throws {
        let bar = Shared(ProgressBar("indexing"))
        try await index { done, rows in bar.withLock { $0.show(done, of: rows) } }
        bar.withLock { $0.finish() }
    }

    /// Runs `body` with a house and closes its store; errors of the rooms end the command with their own exit code.
    static func visit(_ options: HouseOptions, _ body: (House) async throws -> Void) async throws {
        do {
            let house = try House.opened(options)
            do {
                try await body(house)
            } catch {
                try await house.close()
                throw error
            }
            try await house.close()
        } catch let error as MemoryError {
            let place = error.field.map { "\($0): " } ?? ""
            throw CommandFailure(code: error.code.rawValue, message: place + error.message)
        } catch let error as EngineError {
            throw CommandFailure(code: error.code.rawValue, message: error.message)
        } catch let error as EmbeddingError {
            throw CommandFailure(code: error.code.rawValue, message: error.message)
        }
    }
}
