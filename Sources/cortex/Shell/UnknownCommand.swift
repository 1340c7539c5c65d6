import ArgumentParser
import Foundation
import Memory

/// A command that there is not, and the one that was probably meant.
enum UnknownCommand {
    /// The sentence for the first word of `arguments` that names no command; nil where every one does.
    static func refusal(_ arguments: [String], of root: ParsableCommand.Type) -> String? {
        var command = root
        var names = ["cortex"]
        for word in arguments {
            let subcommands = command.configuration.subcommands
            guard !subcommands.isEmpty, !word.hasPrefix("-") else { return nil }
            if let next = subcommands.first(where: { name(of: $0) == word }) {
                command = next
                names.append(word)
                continue
            }
            // A default subcommand takes the word as its argument.
            guard command.configuration.defaultSubcommand == nil, word != "help" else { return nil }
            let known = subcommands.map(name)
            let place = names.joined(separator: " ")
            let hint = Spelling.nearest(to: word, in: known + synonyms.keys).map { synonyms[$0] ?? $0 }
            let help = "\(place) --help lists \(names.count == 1 ? "the commands" : "its commands")"
            return "there is no command '\(place) \(word)'; "
                + (hint.map { "did you mean: \(place) \($0)? " } ?? "") + help
        }
        return nil
    }

    /// What people type for a command that has another name.
    private static let synonyms = [
        "search": "find", "remember": "store", "add": "store", "remove": "delete", "rm": "delete",
    ]

    private static func name(of command: ParsableCommand.Type) -> String {
        command.configuration.commandName ?? "\(command)".lowercased()
    }
}
