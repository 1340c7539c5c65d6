import ArgumentParser
import Foundation
import JSON
import VectorEngine

/// `cortex verify`: reads every byte of the store and names what is damaged. Exit code 1 when there is
/// any.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Read every stored byte and name what is damaged.",
        discussion: """
            Exit code 0: everything is what was written. 1: something is not; it is named. With --repair, points come \
            back from the shipped log and the backups where these have them; the others are set aside, and named.
            """)

    @OptionGroup var store: StoreOptions

    @Flag(help: "Rebuild what can be rebuilt and set the rest aside.")
    var repair = false

    func run() async throws {
        try await StoreOptions.reporting {
            let points = try store.opened(for: .looking)
            var isSound = true
            var shown: [JSONValue] = []
            for name in try await points.collectionNames() {
                let report = try await points.verify(name)
                var facts = report.json(collection: name)
                if !store.json { report.show(collection: name) }
                if repair, !report.isSound {
                    let receipt = try await points.repair(name, report, backups: store.archive.location)
                    let after = try await points.verify(name)
                    facts["repair"] = receipt.json
                    facts["sound_after_repair"] = .bool(after.isSound)
                    if !store.json { receipt.show(after) }
                    isSound = isSound && after.isSound
                } else {
                    isSound = isSound && report.isSound
                }
                shown.append(.object(facts))
            }
            try await points.close()
            if store.json {
                print(JSONWriter.text(["sound": .bool(isSound), "collections": .array(shown)]))
            } else if shown.isEmpty {
                print("nothing is stored in \(store.directory)")
            }
            guard isSound else { throw ExitCode(1) }
        }
    }
}

extension VerificationReport {
    fileprivate func json(collection: String) -> JSONObject {
        [
            "collection": .string(collection), "path": .string(path), "sound": .bool(isSound),
            "format": .integer(Int64(format)), "points": .integer(Int64(pointCount)), "sequence": .integer(sequence),
            "damaged": .array(
                damagedRows.map { row in
                    ["id": row.id.map { .string($0.description) } ?? .null, "sequence": .integer(row.sequence)]
                }),
            "findings": .array(findings.map { .string($0) }),
            "damaged_caches": .array(damagedCaches.map { .string($0) }),
            "set_aside": .integer(Int64(setAsideCount)),
        ]
    }

    fileprivate func show(collection: String) {
        print("\(isSound ? "sound  " : "DAMAGED")  \(collection): \(pointCount) points, change \(sequence)")
        for finding in findings { print("         \(finding)") }
        for row in damagedRows { print("         damaged: \(row.id?.description ?? "row \(row.sequence)")") }
        for cache in damagedCaches { print("         \(cache) is damaged and is rebuilt by itself") }
        if setAsideCount > 0 { print("         \(setAsideCount) points were set aside by a repair") }
    }
}

extension RepairReceipt {
    fileprivate var json: JSONValue {
        [
            "restored": .integer(Int64(restored)),
            "set_aside": .array(setAside.map { $0.map { .string($0.description) } ?? .null }),
            "lost_changes": .integer(lostChanges), "kept_file": keptFile.map { .string($0) } ?? .null,
            "doubts": .array(doubts.map { .string($0) }),
        ]
    }

    private static func points(_ count: Int) -> String { count == 1 ? "1 point" : "\(count) points" }

    fileprivate func show(_ after: VerificationReport) {
        var parts: [String] = []
        if restored > 0 { parts.append("\(Self.points(restored)) came back from the log or a backup") }
        if !setAside.isEmpty {
            let verb = setAside.count == 1 ? "was" : "were"
            parts.append("\(Self.points(setAside.count)) \(verb) set aside: no copy was found")
        }
        print("repaired " + (parts.isEmpty ? "what is rebuilt; no point was damaged" : parts.joined(separator: "; ")))
        for id in setAside { print("         set aside: \(id?.description ?? "a row whose id cannot be read")") }
        if lostChanges > 0 {
            print(
                lostChanges == 1
                    ? "         1 acknowledged change is lost: nothing holds it any more"
                    : "         \(lostChanges) acknowledged changes are lost: nothing holds them any more")
        }
        for doubt in doubts { print("         \(doubt)") }
        if let keptFile { print("         the damaged file was kept: \(keptFile)") }
        print(after.isSound ? "sound    \(after.pointCount) points" : "DAMAGED  \(after.summary)")
    }
}
