import Foundation
import GRDB

// The table `meta` has one row for each fact; `check` is the CRC-32C of all other facts, in the order of their keys:
//
//     key | 0x00 | value        numbers as i64 little-endian, text as UTF-8, bytes as they are
//
// They are read together, and written together with a new check, always within a transaction.

/// One value of `meta`.
enum MetaValue: Sendable, Equatable {
    case number(Int64)
    case text(String)
    case bytes([UInt8])

    fileprivate init(_ value: DatabaseValue) {
        switch value.storage {
        case .int64(let number): self = .number(number)
        case .string(let text): self = .text(text)
        case .blob(let data): self = .bytes(Array(data))
        case .double, .null: self = .bytes([])
        }
    }

    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .number(let number): number.databaseValue
        case .text(let text): text.databaseValue
        case .bytes(let bytes): Data(bytes).databaseValue
        }
    }
}

/// All facts of `meta` as one transaction read them.
struct MetaFacts: Sendable {
    private(set) var values: [String: MetaValue] = [:]
    /// Whether `check` exists and is right; a file of format 1 has none.
    let isChecked: Bool

    /// - Parameter isNew: Whether the first check is about to be written.
    /// - Throws: `damaged` if the check is wrong or missing.
    init(_ db: Database, path: String, isNew: Bool = false) throws {
        let rows = try Row.fetchCursor(db.cachedStatement(sql: "SELECT key, value FROM meta"))
        while let row = try rows.next() {
            let key: String = row[0]
            values[key] = MetaValue(row[1])
        }
        let damaged = EngineError(
            .damaged,
            "the description of \(path) is damaged. Run: cortex verify --repair; or restore a backup")
        guard let stored = values.removeValue(forKey: Self.checkKey) else {
            // Format 1 had neither a check nor a tally.
            guard isNew || values["count"] == nil else { throw damaged }
            isChecked = false
            return
        }
        isChecked = true
        guard stored == .number(Self.check(of: values)) else {
            throw damaged
        }
    }

    private static let checkKey = "check"

    func number(_ key: String) -> Int64? {
        if case .number(let number) = values[key] { return number }
        return nil
    }

    func text(_ key: String) -> String? {
        if case .text(let text) = values[key] { return text }
        return nil
    }

    func bytes(_ key: String) -> [UInt8]? {
        if case .bytes(let bytes) = values[key], !bytes.isEmpty { return bytes }
        return nil
    }

    /// Writes the facts that have changed, and the new check.
    mutating func write(_ changes: [String: MetaValue], to db: Database) throws {
        for (key, value) in changes where values[key] != value {
            values[key] = value
            try Self.put(key, value, db)
        }
        // A file of format 1 gets its check only when it is brought to format 2.
        if isChecked { try Self.put(Self.checkKey, .number(Self.check(of: values)), db) }
    }

    /// Writes the first check of a file.
    static func seal(_ db: Database, path: String) throws {
        let facts = try MetaFacts(db, path: path, isNew: true)
        try put(checkKey, .number(check(of: facts.values)), db)
    }

    private static func put(_ key: String, _ value: MetaValue, _ db: Database) throws {
        try db.cachedStatement(
            sql: "INSERT INTO meta(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value"
        ).execute(arguments: [key, value.databaseValue])
    }

    private static func check(of values: [String: MetaValue]) -> Int64 {
        var check: UInt32 = 0
        for key in values.keys.sorted() {
            check = crc32c(Array(key.utf8) + [0], seed: check)
            switch values[key] {
            case .number(let number): check = crc32c(number.littleEndianBytes, seed: check)
            case .text(let text): check = crc32c(Array(text.utf8), seed: check)
            case .bytes(let bytes): check = crc32c(bytes, seed: check)
            case nil: break
            }
        }
        return Int64(check)
    }
}

/// The facts of a damaged file, as far as they can be read, for a repair.
struct SalvagedFacts: Sendable {
    private(set) var values: [String: MetaValue] = [:]
    /// Keys of facts that are there and cannot be read.
    private(set) var unreadable: [String] = []
    /// Whether all facts were read and match their check.
    private(set) var areSound = false
    /// Facts that are looked for where not even the keys can be listed.
    private static let vital = ["schema", "store_id", "sequence", "data_key"]

    init() {}

    init(_ db: Database, path: String) {
        let keys: [String]
        do {
            keys = try String.fetchAll(db, sql: "SELECT key FROM meta")
        } catch {
            // The repair takes what can be read, and its receipt says that the description was not checked.
            keys = Self.vital
        }
        for key in keys {
            do {
                let row = try Row.fetchOne(db, sql: "SELECT value FROM meta WHERE key = ?", arguments: [key])
                if let row { values[key] = MetaValue(row[0]) }
            } catch {
                unreadable.append(key)
            }
        }
        do {
            areSound = try MetaFacts(db, path: path).isChecked
        } catch {
            // They stay unsound, which the receipt says.
            areSound = false
        }
    }

    func text(_ key: String) -> String? { if case .text(let text) = values[key] { text } else { nil } }

    func number(_ key: String) -> Int64? { if case .number(let number) = values[key] { number } else { nil } }

    func bytes(_ key: String) -> [UInt8]? {
        if case .bytes(let bytes) = values[key], !bytes.isEmpty { bytes } else { nil }
    }
}

extension FixedWidthInteger {
    /// The bytes of this number, lowest first.
    var littleEndianBytes: [UInt8] {
        (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) }
    }

    /// Reads a number from bytes in ascending order; nil if there are too few.
    init?(littleEndianBytes bytes: some Collection<UInt8>) {
        guard bytes.count == Self.bitWidth / 8 else { return nil }
        self = bytes.reversed().reduce(0) { $0 << 8 | Self(truncatingIfNeeded: $1) }
    }
}
