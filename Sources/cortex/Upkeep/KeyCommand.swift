import ArgumentParser
import Files
import Foundation
import JSON
import Operations
import VectorEngine

/// `cortex key`: encryption at rest.
struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Encrypt the store, or change its key.",
        discussion: """
            The key is read from ENCRYPTION_KEY: 64 hexadecimal digits (openssl rand -hex 32). A new store is \
            encrypted from the start when it is set.
            """,
        subcommands: [KeyEncryptCommand.self, KeyRotateCommand.self])

    /// Says that the backups so far need the former key, and makes one with the new key if the person wants it.
    static func offerBackup(_ store: StoreOptions, isNeeded: Bool) async throws {
        guard isNeeded, try !store.archive.list().isEmpty else { return }
        Terminal.note(
            "The backups so far are opened with the former key only, and cortex backup drill fails until there is a "
                + "new one.")
        let isAsked = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && !store.json
        guard isAsked, Terminal.confirms("Make a backup with the new key now?", unlessSaid: true) ?? true else {
            return Terminal.note("Make one: cortex backup create (with the new key in ENCRYPTION_KEY)")
        }
        let points = try store.opened(for: .keyless)
        let names = try await points.collectionNames()
        let archive = store.archive
        let manifest = try archive.create(
            ofDirectory: store.directory, collections: names,
            beginsLog: archive.location == store.standardLocation, now: WallClock.microseconds)
        try await points.close()
        print("\(manifest.name)  \(manifest.sizeBytes >> 10) KiB  \(archive.location)")
    }

    /// - Throws: `CommandFailure` when the variable is not set.
    static func required(_ hex: String?, _ name: String) throws -> EncryptionKey {
        guard let hex else { throw CommandFailure(code: "keyRefused", message: "\(name) is not set") }
        return try EncryptionKey(hex: hex)
    }
}

/// `cortex key encrypt`
struct KeyEncryptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encrypt", abstract: "Encrypt a plain store with ENCRYPTION_KEY.",
        discussion: """
            Other cortex processes on the store are refused from then on unless they have the key: end them first. \
            Backups made before stay plain: make a new one, then remove them.
            """)

    @OptionGroup var store: StoreOptions

    func run() async throws {
        try await StoreOptions.reporting {
            let key = try KeyCommand.required(Environment.current.encryptionKey, "ENCRYPTION_KEY")
            let points = try store.opened(for: .keyless)
            let names = try await points.encrypt(with: key)
            if store.json {
                print(JSONWriter.text(["encrypted": .array(names.map { .string($0) })]))
            } else {
                print(names.isEmpty ? "nothing is stored plainly" : "encrypted: \(names.joined(separator: ", "))")
            }
            try await KeyCommand.offerBackup(store, isNeeded: !names.isEmpty)
        }
    }
}

/// `cortex key rotate`
struct KeyRotateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Change the key from ENCRYPTION_KEY to ENCRYPTION_KEY_NEW.",
        discussion:
            "One row a collection is written. Backups made before are opened with the old key: keep it with them.")

    @OptionGroup var store: StoreOptions

    func run() async throws {
        try await StoreOptions.reporting {
            let old = try KeyCommand.required(Environment.current.encryptionKey, "ENCRYPTION_KEY")
            let new = try KeyCommand.required(Environment.current.newEncryptionKey, "ENCRYPTION_KEY_NEW")
            let points = try store.opened(for: .keyless)
            let names = try await points.rotateKey(from: old, to: new)
            if store.json {
                print(JSONWriter.text(["rotated": .array(names.map { .string($0) })]))
            } else {
                print(names.isEmpty ? "nothing is encrypted" : "rotated: \(names.joined(separator: ", "))")
            }
            try await KeyCommand.offerBackup(store, isNeeded: !names.isEmpty)
        }
    }
}
