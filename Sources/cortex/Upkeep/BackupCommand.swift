import ArgumentParser
import Files
import Foundation
import JSON
import Operations
import VectorEngine
import enum Points.Timestamp

/// `cortex backup`: full copies of the store, and the log of every change since the first of them.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Make, list, check and prune backups.",
        subcommands: [
            BackupCreateCommand.self, BackupListCommand.self, BackupVerifyCommand.self, BackupPruneCommand.self,
            BackupDrillCommand.self,
        ])
}

/// `cortex backup create`
struct BackupCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Copy the whole store, while it is in use.",
        discussion: """
            Each collection is copied as of one moment and read back row by row. After the first backup to the \
            standard place, every change is shipped to a log beside it within ten seconds while any cortex process \
            runs, so that cortex restore can go back to any later moment.
            """)

    @OptionGroup var store: StoreOptions

    func run() async throws {
        try await StoreOptions.reporting {
            let points = try store.opened(for: .keyless)
            let names = try await points.collectionNames()
            guard !names.isEmpty else {
                throw EngineError(
                    .collectionNotFound, "nothing is stored in \(store.directory): there is nothing to back up")
            }
            let archive = store.archive
            let manifest = try archive.create(
                ofDirectory: store.directory, collections: names,
                beginsLog: archive.location == store.standardLocation, now: WallClock.microseconds
            ) { if Terminal.showsProgress { Terminal.note("copying \($0)") } }
            if store.json {
                print(JSONWriter.text(.object(manifest.json)))
            } else {
                print("\(manifest.name)  \(manifest.sizeBytes >> 10) KiB  \(archive.location)")
                for copy in manifest.copies {
                    print("  \(copy.collection): \(copy.points) points, change \(copy.sequence), sha256 \(copy.sha256)")
                }
            }
            if let complaint = manifest.complaint { throw complaint }
        }
    }
}

/// `cortex backup list`
struct BackupListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the backups, oldest first.")

    @OptionGroup var store: StoreOptions

    func run() async throws {
        try await StoreOptions.reporting {
            let listed = try store.archive.list()
            let next = try nextBackup()
            if store.json {
                let rows = listed.map { backup -> JSONValue in
                    switch backup.manifest {
                    case .success(let manifest): .object(manifest.json)
                    case .failure(let error): ["name": .string(backup.name), "damaged": .string(error.message)]
                    }
                }
                print(
                    JSONWriter.text([
                        "location": .string(store.archive.location), "backups": .array(rows),
                        "next_at": next.map { .string(Timestamp.format($0)) } ?? .null,
                    ]))
                return
            }
            if listed.isEmpty { print("there are no backups at \(store.archive.location)") }
            for backup in listed {
                switch backup.manifest {
                case .success(let manifest):
                    let points = manifest.copies.reduce(0) { $0 + $1.points }
                    let state = manifest.verifiedAt == nil ? "not verified" : "verified"
                    print("\(manifest.name)  \(points) points  \(manifest.sizeBytes >> 10) KiB  \(state)")
                    for missing in manifest.missing ?? [] { print("  without \(missing.collection): it was damaged") }
                case .failure(let error): print("\(backup.name)  DAMAGED: \(error.message)")
                }
            }
            if let next {
                print("the next is made at \(Timestamp.format(next)) by any cortex mcp or serve that runs then")
            }
        }
    }

    /// When the next full is due by schedule; nil at a place that no schedule fills.
    private func nextBackup() throws -> Int64? {
        guard store.archive.location == store.standardLocation else { return nil }
        return try store.opened(for: .writing).nextBackup(at: store.archive.location)
    }
}

/// `cortex backup verify`
struct BackupVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Compare backups and log with what was written. Exit code 1 when they differ.")

    @OptionGroup var store: StoreOptions

    @Argument(help: "Names of backups; all when none is given.")
    var names: [String] = []

    @Flag(help: "Also restore them to a place of their own, and read every row.")
    var deep = false

    func run() async throws {
        try await StoreOptions.reporting {
            let archive = store.archive
            let wanted = names.isEmpty ? try archive.list().map(\.name) : names
            var results: [JSONValue] = []
            var isSound = true
            for name in wanted {
                var found = try archive.verify(name, isDeep: deep, now: WallClock.microseconds())
                if deep, found.isSound { try await rehearse(name, &found) }
                isSound = isSound && found.isSound
                results.append([
                    "name": .string(name), "sound": .bool(found.isSound),
                    "findings": .array(found.findings.map { .string($0) }),
                ])
                if !store.json {
                    print("\(found.isSound ? "sound  " : "DAMAGED")  \(name)")
                    for finding in found.findings { print("         \(finding)") }
                }
            }
            let logFindings = try archive.verifyLogs()
            isSound = isSound && logFindings.isEmpty
            if store.json {
                print(
                    JSONWriter.text([
                        "sound": .bool(isSound), "backups": .array(results),
                        "log_findings": .array(logFindings.map { .string($0) }),
                    ]))
            } else {
                for finding in logFindings { print("DAMAGED  \(finding)") }
                if wanted.isEmpty { print("there are no backups at \(archive.location)") }
            }
            guard isSound else { throw ExitCode(1) }
        }
    }

    private func rehearse(_ name: String, _ found: inout BackupArchive.Verification) async throws {
        let place = store.archive.location + "/.partial-verify-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: place) }  // the next prune removes what stays
        do {
            _ = try Restoration(archive: store.archive, target: .latest).run(into: place, backup: name)
            let restored = try Environment.current.store(in: place, for: .keyless)
            for collection in try await restored.collectionNames() {
                let report = try await restored.verify(collection)
                if !report.isSound { found.findings.append("restored '\(collection)': \(report.summary)") }
            }
            try await restored.close()
        } catch let error as EngineError {
            found.findings.append("it cannot be restored: \(error.message)")
        }
    }
}

/// `cortex backup prune`
struct BackupPruneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Remove old backups; the newest verified one always stays.")

    @OptionGroup var store: StoreOptions

    @Option(help: ArgumentHelp("Days to keep. Default: BACKUP_RETENTION_DAYS, else 30.", valueName: "n"))
    var keepDays: Int?

    func validate() throws {
        if let keepDays, !(0...36_500).contains(keepDays) { throw ValidationError("--keep-days is 0 to 36500") }
    }

    func run() async throws {
        try await StoreOptions.reporting {
            let days = try keepDays ?? Environment.current.retentionDays()
            let removed = try store.archive.prune(keepDays: days, now: WallClock.microseconds())
            if store.json {
                print(JSONWriter.text(["removed": .array(removed.map { .string($0) })]))
            } else {
                for name in removed { print("removed \(name)") }
                if removed.isEmpty { print("nothing is older than \(days) days, or it is the newest verified backup") }
            }
        }
    }
}

/// `cortex backup drill`
struct BackupDrillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill", abstract: "Rehearse a restore and print RPO and RTO. Exit code 1 when it fails.")

    @OptionGroup var store: StoreOptions

    func run() async throws {
        try await StoreOptions.reporting {
            let live = try store.opened(for: .looking)
            let (drill, restored) = try await rehearsed(live)
            try await live.close()
            if store.json {
                print(
                    JSONWriter.text([
                        "passed": .bool(drill.isPassed), "rto_seconds": .number(drill.recoverySeconds),
                        "rpo_seconds": .number(drill.lossSeconds), "points": .integer(Int64(drill.points)),
                        "collections": .array(restored.map { .object($0.json) }),
                    ]))
            } else {
                for collection in restored { collection.show() }
                print(
                    "RTO \(String(format: "%.2f", drill.recoverySeconds)) s  (restored, opened and counted: "
                        + "\(drill.points) points)")
                print("RPO \(String(format: "%.2f", drill.lossSeconds)) s  (age of the oldest change not in the log)")
                print(drill.isPassed ? "passed" : "FAILED: the restored store does not answer with what was restored")
            }
            guard drill.isPassed else { throw ExitCode(1) }
        }
    }

    /// The drill; after a change of the key, the sentence that there is no backup that the new key opens.
    private func rehearsed(
        _ live: EmbeddedStore
    ) async throws -> (drill: BackupDrill, restored: [RestoredCollection]) {
        do {
            return try await BackupDrill.run(
                store.archive, live: live, key: try Environment.current.storeKey(), now: WallClock.microseconds)
        } catch let error as EngineError where error.code == .keyRefused {
            throw EngineError(
                .keyRefused,
                "the newest backup was made with another key than ENCRYPTION_KEY, or without one. Make one with this "
                    + "key: cortex backup create; the older ones are restored with the key that they were made with",
                cause: error)
        }
    }
}

extension BackupManifest {
    fileprivate var json: JSONObject {
        [
            "name": .string(name), "created_at": .string(Timestamp.format(createdAt)),
            "size_bytes": .integer(Int64(sizeBytes)),
            "verified_at": verifiedAt.map { .string(Timestamp.format($0)) } ?? .null,
            "missing": .array(
                (missing ?? []).map { ["collection": .string($0.collection), "reason": .string($0.reason)] }),
            "collections": .array(
                copies.map { copy in
                    [
                        "collection": .string(copy.collection), "file": .string(copy.file),
                        "points": .integer(Int64(copy.points)), "sequence": .integer(copy.sequence),
                        "sha256": .string(copy.sha256), "digest": .string(copy.digest),
                        "size_bytes": .integer(Int64(copy.sizeBytes)), "format": .integer(Int64(copy.format)),
                    ]
                }),
        ]
    }
}
