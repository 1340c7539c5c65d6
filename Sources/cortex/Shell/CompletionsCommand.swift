import ArgumentParser

/// `cortex completions`: what a shell needs to complete commands, flags and values.
struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions", abstract: "Print the completion script of a shell.",
        discussion: """
            bash: cortex completions bash > ~/.local/share/bash-completion/completions/cortex
            zsh: cortex completions zsh > a file _cortex in a folder of $fpath
            fish: cortex completions fish > ~/.config/fish/completions/cortex.fish
            """)

    enum Shell: String, CaseIterable, ExpressibleByArgument {
        case bash, zsh, fish

        var completed: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() { print(Cortex.completionScript(for: shell.completed)) }
}
