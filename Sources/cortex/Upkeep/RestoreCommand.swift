import ArgumentParser
import Foundation
import JSON
import Memory
import Operations
import VectorEngine

/// `cortex restore`: a backup and the log after it, brought to any moment, in a new data directory.
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Bring the store back to a moment, into a new directory.",
        discussion: """
            Without a moment: as far as backups and log reach. Nothing is overwritten: the directory must be new or \
            empty, and appears whole or not at all. Then use it with --data, or put it in the place of the old one.
            """)

    @OptionGroup var store: StoreOptions

    @Option(
        help: ArgumentHelp("A place with backups, or one backup's directory. Default: --location.", valueName: "dir"))
    var from: String?

    @Option(help: ArgumentHelp("The new data directory.", valueName: "dir"))
    var into: String

    @Option(
        help: ArgumentHelp("The last moment to keep: RFC 3339, for example 2026-11-21T22:00:00Z.", valueName: "time"))
    var toTime: String?

    @Option(help: ArgumentHelp("The last change to keep, by its number; of one collection.", valueName: "n"))
    var toSeq: Int64?

    @Option(help: ArgumentHelp("Only these collections.", valueName: "name"))
    var collection: [String] = []

    func validate() throws {
        guard toTime == nil || toSeq == nil else { throw ValidationError("--to-time or --to-seq, not both") }
        if let toSeq, toSeq < 0 { throw ValidationError("--to-seq is 0 or more") }
        if into.isEmpty { throw ValidationError("--into needs a directory") }
    }

    func run() async throws {
        let target = try target()
        var archive = store.archive
        var backup: String?
        if let from {
            let path = Environment.current.absolute(from)
            let isOne = FileManager.default.fileExists(atPath: path + "/" + BackupManifest.fileName)
            archive = BackupArchive(location: isOne ? (path as NSString).deletingLastPathComponent : path)
            backup = isOne ? (path as NSString).lastPathComponent : nil
        }
        try await StoreOptions.reporting {
            let place = Environment.current.absolute(into)
            let restored = try Restoration(archive: archive, target: target).run(
                into: place, backup: backup, collections: collection.isEmpty ? nil : collection)
            if store.json {
                print(
                    JSONWriter.text([
                        "data": .string(place), "collections": .array(restored.map { .object($0.json) }),
                    ]))
            } else {
                for collection in restored { collection.show() }
                print("restored into \(place)")
            }
        }
    }

    private func target() throws -> RestoreTarget {
        if let toSeq { return .sequence(toSeq) }
        guard let toTime else { return .latest }
        guard let time = Timestamp.parse(toTime) else {
            throw ValidationError("--to-time is a time like 2026-11-21T22:00:00Z")
        }
        return .time(time)
    }
}

extension RestoredCollection {
    var json: JSONObject {
        [
            "collection": .string(collection), "backup": .string(base), "points": .integer(Int64(points)),
            "sequence": .integer(sequence), "replayed": .integer(Int64(replayed)), "proven": .bool(isProven),
            "skipped": .array(skipped.map { .string($0) }),
        ]
    }

    func show() {
        for name in skipped { print("\(collection): passed over \(name), which is damaged") }
        print("\(collection): \(points) points at change \(sequence); \(base) and \(replayed) changes from the log")
    }
}
