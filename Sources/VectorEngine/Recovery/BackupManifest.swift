import Files
import Foundation

// A full backup is a directory `<location>/full-<UTC time>` with a copy of each collection's file and `manifest.json`:
// one line of JSON, and its CRC-32C on the next. The directory gets its name when everything in it is on disk.

/// The contents of a full backup.
package struct BackupManifest: Sendable, Equatable, Codable {
    /// One collection's copy.
    package struct Copy: Sendable, Equatable, Codable {
        package let collection: String
        /// The file's name in the backup's directory.
        package let file: String
        package let sizeBytes: Int
        /// SHA-256 of the file, in lower-case hexadecimal digits.
        package let sha256: String
        package let storeID: UUID
        /// Format of the collection file.
        package let format: Int
        /// The last change it holds.
        package let sequence: Int64
        package let points: Int
        /// The tally of the points (PointTally), in hexadecimal digits.
        package let digest: String
    }

    package var version = 1
    package let name: String
    /// Microseconds since 1970, after the last copy was made: all changes in the copies were committed before.
    package let createdAt: Int64
    package let copies: [Copy]
    /// A collection that is not in the backup.
    package struct Missing: Sendable, Equatable, Codable {
        package let collection: String
        package let reason: String
    }

    /// Collections that were too damaged to be copied; nil if all were copied.
    package var missing: [Missing]?
    /// The time of the last verification that found no damage, in microseconds since 1970.
    package var verifiedAt: Int64?

    package static let fileName = "manifest.json"
    static let prefix = "full-"
    package static let currentVersion = 1

    func holds(_ collection: String) -> Bool { copies.contains { $0.collection.hasSameBytes(as: collection) } }

    /// What is said of a backup that lacks collections; nil if it lacks none.
    package var complaint: EngineError? {
        guard let missing, !missing.isEmpty else { return nil }
        let reasons = missing.map { "'\($0.collection)': \($0.reason)" }.joined(separator: "; ")
        return EngineError(
            .damaged, "the backup \(name) was made without \(missing.count) of the collections: \(reasons)")
    }

    package var sizeBytes: Int { copies.reduce(0) { $0 + $1.sizeBytes } }

    func write(in directory: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        try DurableFile.write(CheckedText.seal(try encoder.encode(self)), to: directory + "/" + Self.fileName)
    }

    /// - Throws: `damaged`, `unsupportedFormat`.
    static func read(in directory: String) throws(EngineError) -> BackupManifest {
        let path = directory + "/" + fileName
        do {
            let text = try CheckedText.open(try Data(contentsOf: URL(fileURLWithPath: path)), path: path)
            let manifest = try JSONDecoder().decode(BackupManifest.self, from: text)
            guard manifest.version <= currentVersion else {
                throw EngineError(.unsupportedFormat, "\(path) was written by a newer cortex; use that one")
            }
            // Names in a file become paths: they must not lead out of the directory, or to a file that is no backup.
            guard FileName(manifest.name) != nil, manifest.name.hasPrefix(prefix),
                manifest.copies.allSatisfy({ FileName($0.file) != nil && !$0.file.hasPrefix(".") })
            else {
                throw EngineError(.damaged, "\(path) names a file outside of its directory")
            }
            return manifest
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError(.damaged, "\(path) is missing or damaged", cause: error)
        }
    }
}
