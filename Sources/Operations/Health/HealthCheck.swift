import CBLAS
import Embedding
import Files
import Foundation
import JSON
import Memory
import VectorEngine

/// One finding about what the memory depends on.
package struct HealthCheck: Sendable {
    package enum Status: String, Sendable {
        case pass, warn, fail

        /// As it is shown to people.
        package var shown: String { self == .fail ? "FAIL" : rawValue }
    }

    package let name: String
    package let status: Status
    package let message: String
    /// What to do about it; nil where there is nothing to do.
    package let remedy: String?

    package init(_ name: String, _ status: Status, _ message: String, remedy: String? = nil) {
        self.name = name
        self.status = status
        self.message = message
        self.remedy = status == .pass ? nil : remedy
    }

    package var json: JSONValue {
        var members: JSONObject = [
            "name": .string(name), "status": .string(status.rawValue), "message": .string(message),
        ]
        if let remedy { members["remedy"] = .string(remedy) }
        return .object(members)
    }

    /// Every check, in the order in which they are shown.
    package static func all(_ settings: HouseSettings) async -> [HealthCheck] {
        var checks = [sqlite(), blas(), dataDirectory(settings.directory), freeSpace(settings.directory)]
        do {
            let house = try House(settings)
            checks.append(await model(settings.embedder, house.embedder))
            checks += await collections(house)
            try await house.close()
        } catch {
            checks.append(
                HealthCheck(
                    "settings", .fail, "the memory cannot be opened with these settings: \(text(of: error))",
                    remedy: "correct the flag or the variable named"))
        }
        return checks
    }

    /// An error in its own words, whichever target it comes from.
    static func text(of error: any Error) -> String {
        switch error {
        case let error as EngineError: error.message
        case let error as MemoryError: error.message
        case let error as EmbeddingError: error.message
        default: "\(error)"
        }
    }
}

// MARK: The libraries inside

extension HealthCheck {
    /// SQLite opens a database and answers.
    static func sqlite() -> Self {
        do {
            return Self("sqlite", .pass, "SQLite \(try StorageLibrary.sqliteVersion())")
        } catch {
            return Self("sqlite", .fail, text(of: error), remedy: "install the system's SQLite 3.40 or newer")
        }
    }

    /// BLAS multiplies two matrices of small whole numbers, whose product float32 holds exactly, as three loops do.
    static func blas() -> Self {
        let side = 48
        let left = (0..<side * side).map { Float($0 % 7) - 3 }
        let right = (0..<side * side).map { Float($0 % 5) - 2 }
        var product = [Float](repeating: 0, count: side * side)
        let n = Int32(side)
        unsafe cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, left, n, right, n, 0, &product, n)
        let isRight = (0..<side * side).allSatisfy { cell in
            let (row, column) = cell.quotientAndRemainder(dividingBy: side)
            var sum: Float = 0
            for k in 0..<side { sum += left[row * side + k] * right[k * side + column] }
            return sum == product[cell]
        }
        let message = "a product of \(side) × \(side) is \(isRight ? "exact" : "wrong")"
        return Self("blas", isRight ? .pass : .fail, message, remedy: "install another BLAS, such as OpenBLAS")
    }

    private static let sentence = "This is an example sentence"
    /// The first components of that sentence's vector, as the model's publisher has them.
    private static let published: [Float] = [0.067657, 0.063496, 0.048713, 0.079305]
    private static let tolerance: Float = 0.002

    /// The embedder turns a known sentence into a unit vector; the built-in one into the published vector.
    static func model(_ choice: EmbedderChoice, _ embedder: (any Embedder)?) async -> Self {
        guard let embedder else {
            return Self(
                "model", choice == .none ? .pass : .warn,
                choice == .none
                    ? "none is wanted: words alone are searched"
                    : "this binary was built without a model: words alone are searched",
                remedy: "use a binary with the model, or a service: --embedder openai")
        }
        do {
            let vector = try await embedder.embed([sentence]).first ?? []
            let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let isRight =
                vector.count == embedder.identity.dimension && abs(norm - 1) < tolerance
                && (choice != .builtin || zip(published, vector).allSatisfy { abs($0 - $1) < tolerance })
            let name = "\(embedder.identity.name), \(embedder.identity.dimension) dimensions"
            return Self(
                "model", isRight ? .pass : .fail,
                isRight
                    ? "\(name): a known sentence has the vector it should have" : "\(name) answers with wrong vectors",
                remedy: "install the binary again; it may be damaged")
        } catch {
            return Self(
                "model", .fail, text(of: error), remedy: "correct the service's address, key or model, or use builtin")
        }
    }
}

// MARK: The data directory

extension HealthCheck {
    /// The directory can be written, or made.
    static func dataDirectory(_ path: String) -> Self {
        let existing = nearestDirectory(to: path)
        let probe = existing + "/.cortex-doctor-\(UUID().uuidString)"
        do {
            try PrivateFile.write(Array("probe".utf8), to: probe)
            try FileManager.default.removeItem(atPath: probe)
        } catch {
            return Self(
                "data", .fail, "\(existing) cannot be written",
                remedy: "check its owner and mode and that it is a directory, or choose another with --data")
        }
        return Self(
            "data", .pass, existing == path ? "\(path) can be written" : "\(path) is made with the first memory")
    }

    /// The volume has room beyond the reserve that every write leaves.
    static func freeSpace(_ path: String) -> Self {
        guard let volume = FreeSpace.now(at: nearestDirectory(to: path)) else {
            return Self("space", .warn, "the system does not say how much is free", remedy: "look at: df")
        }
        let reserve = FreeSpace.watermark(totalBytes: volume.totalBytes)
        let message = "\(volume.freeBytes >> 20) MiB free, \(reserve >> 20) MiB of them kept in reserve"
        if volume.freeBytes <= reserve {
            return Self("space", .fail, message, remedy: "free some space: nothing can be stored")
        }
        let isTight = volume.freeBytes < 4 * reserve
        return Self("space", isTight ? .warn : .pass, message, remedy: "free some space before it runs out")
    }

    private static func nearestDirectory(to path: String) -> String {
        var path = path
        while path.count > 1, !FileManager.default.fileExists(atPath: path) {
            path = (path as NSString).deletingLastPathComponent
        }
        return path
    }
}

// MARK: The collections

extension HealthCheck {
    /// Each collection opens and is whole; the memory's fits the embedder; nobody sits on the lease for nothing.
    static func collections(_ house: House) async -> [Self] {
        do {
            var checks: [Self] = []
            let names = try await house.points.collectionNames()
            if names.isEmpty { checks.append(Self("collections", .pass, "nothing is stored yet")) }
            for name in names { checks.append(await collection(name, house.points)) }
            if names.contains(House.collection) { checks.append(await embedder(house)) }
            return checks
        } catch {
            return [
                Self("collections", .fail, text(of: error), remedy: "check the owner and mode of the data directory")
            ]
        }
    }

    private static func collection(_ name: String, _ points: EmbeddedStore) async -> Self {
        let title = "collection \(name)"
        do {
            guard let facts = try await points.describe(name) else {
                return Self(title, .warn, "was deleted a moment ago", remedy: "run cortex doctor again")
            }
            let state = try points.isBeingSealed(name) ? "; a process is indexing it" : ""
            guard facts.damagedPointCount == 0 else {
                return Self(
                    title, .fail, "\(facts.damagedPointCount) of \(facts.pointCount) points are damaged",
                    remedy: "run: cortex verify --repair")
            }
            return Self(title, .pass, "\(facts.pointCount) points, \(facts.sizeBytes >> 10) KiB\(state)")
        } catch {
            return Self(title, .fail, text(of: error), remedy: remedy(for: error))
        }
    }

    private static func embedder(_ house: House) async -> Self {
        do {
            let health = try await house.memory.health()
            if let reason = health["degraded_reason"]?.stringValue {
                return Self("memories", .warn, reason, remedy: remedy(forDegraded: health, house))
            }
            return Self("memories", .pass, "words and meaning are searched")
        } catch {
            return Self(
                "memories", .fail, error.message,
                remedy: error.code == .dependency
                    ? "use the embedder named there, or move the memories to this one: cortex reembed"
                    : "run: cortex verify")
        }
    }

    /// What helps against an error of opening a collection.
    private static func remedy(for error: any Error) -> String {
        switch (error as? EngineError)?.code {
        case .keyRefused: "set ENCRYPTION_KEY to the key of this store"
        case .unsupportedFormat: "use the cortex that wrote it, or a newer one"
        case .notWritable: "check the owner and mode of the data directory"
        default: "run: cortex verify"
        }
    }

    private static func remedy(forDegraded health: JSONObject, _ house: House) -> String {
        if health["damaged"] != nil { return "run: cortex verify --repair" }
        if house.embedder == nil { return "use a binary with the model, or a service: --embedder openai" }
        return "run: cortex reembed"
    }
}
