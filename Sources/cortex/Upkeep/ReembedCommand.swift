import ArgumentParser
import Embedding
import Foundation
import JSON
import Memory
import Operations

/// `cortex reembed`: moves the memories to another embedder.
struct ReembedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reembed", abstract: "Move the memories to another embedder.",
        discussion: """
            Every memory gets a vector of the embedder named by --embedder; none takes the vectors away. Searches and \
            stores go on with the old vectors until all new ones are there; then these take their place at once. A run \
            that was interrupted goes on where it was. With the embedder that the memories have already, those that \
            were stored without a vector get theirs. Servers that were started with the former embedder must be \
            started again.
            """)

    @OptionGroup var house: HouseOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        if house.embedder == .builtin, !MiniLM.isPresent {
            throw CommandFailure(
                code: "noModel",
                message: "this binary was built without a model; name a service with --embedder openai, or none")
        }
        try await House.visit(house) { house in
            let bar = Shared(ProgressBar("embedding"))
            let report = try await house.memory.reembed(in: house.points) { done, total in
                bar.withLock { $0.show(done, of: total) }
            }
            bar.withLock { $0.finish() }
            try await house.index()
            if json { print(JSONWriter.text(report.json)) } else { report.show() }
        }
    }
}

extension ReembeddingReport {
    fileprivate var json: JSONValue {
        var members = JSONObject()
        if let former { members["from"] = .string(former) }
        if let current { members["to"] = .string(current) }
        members["points"] = .integer(Int64(points))
        members["embedded"] = .integer(Int64(embedded))
        members["log_ended"] = .bool(endedLog)
        return .object(members)
    }

    fileprivate func show() {
        if former == current {
            print(
                "the memories are embedded by \(current ?? "nothing") already; \(embedded) got the vector they lacked")
        } else {
            print("\(points) points: \(former ?? "no vectors") → \(current ?? "no vectors"), \(embedded) embedded now")
        }
        if endedLog { Terminal.note("the shipped log of changes ended here; begin another: cortex backup create") }
    }
}
