import Foundation

/// The log of one store in the archive: consecutive files, and the head that says how far the log goes.
struct ShippedLog: Sendable {
    let directory: String
    let storeID: UUID
    /// The files in order, and the range of changes of each.
    let paths: [String]
    let ranges: [(from: Int64, through: Int64)]

    /// A directory that does not exist is a log without files.
    init(location: String, storeID: UUID) {
        directory = LogShipper.directory(location, storeID: storeID)
        self.storeID = storeID
        // A directory that cannot be listed has no files; the head, which is read separately, says that there should be
        // some.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let found = names.compactMap { name in ChangeLogFile.range(ofName: name).map { (name: name, range: $0) } }
            .sorted { ($0.range.from, $0.range.through) < ($1.range.from, $1.range.through) }
        paths = found.map { [directory] in directory + "/" + $0.name }
        ranges = found.map(\.range)
    }

    /// The stores that have a log at `location`; none where no log was ever begun.
    static func storeIDs(at location: String) throws(EngineError) -> [UUID] {
        let folder = location + "/log"
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        let names = try EngineError.wrapping(folder) { try FileManager.default.contentsOfDirectory(atPath: folder) }
        return names.sorted().compactMap { UUID(uuidString: $0) }
    }

    /// Passes every entry after change `start` to `body`, each once and without a gap, until `body` returns false.
    ///
    /// - Returns: the end of the last complete transaction.
    /// - Throws: `damaged` if a file is damaged or missing.
    func replay(after start: Int64, _ body: (LogEntry) throws -> Bool) throws -> Int64 {
        var reached = start
        for (range, path) in zip(ranges, paths) where range.through > reached {
            guard range.from <= reached else {
                throw EngineError(
                    .damaged, "the shipped log in \(directory) has a gap after change \(reached): a file is missing")
            }
            var reader = try ChangeLogReader(path: path)
            guard reader.storeID == storeID, reader.from == range.from else {
                throw EngineError(.damaged, "the shipped log \(path) has the name of another file")
            }
            var next = range.from
            while let entry = try reader.next() {
                if case .commit = entry {
                    guard entry.sequence == next else { throw Self.outOfOrder(path, next) }
                } else {
                    next += 1
                    guard entry.sequence == next else { throw Self.outOfOrder(path, next) }
                }
                guard entry.sequence > reached else { continue }
                if try !body(entry) { return reached }
                if case .commit = entry { reached = entry.sequence }
            }
            guard next == range.through, reached == next else { throw Self.outOfOrder(path, next) }
        }
        return reached
    }

    private static func outOfOrder(_ path: String, _ sequence: Int64) -> EngineError {
        EngineError(.damaged, "the shipped log \(path) is out of order at change \(sequence)")
    }

    /// A sentence for each file or entry that is damaged or missing.
    func findings() -> [String] {
        do {
            guard let head = try LogHead.read(in: directory) else {
                return paths.isEmpty ? [] : ["the shipped log in \(directory) has lost its head.json"]
            }
            guard head.storeID == storeID else { return ["\(directory) holds the head.json of another store's log"] }
            // Older files belong to a log that was given up; the log of `head` begins at `from`.
            let start = ranges.first { $0.from >= head.from }?.from ?? head.from
            let reached = try replay(after: start) { _ in true }
            guard reached >= head.through else {
                return [
                    "the shipped log in \(directory) ends at change \(reached), but its head.json says \(head.through)"
                ]
            }
            return []
        } catch {
            return [EngineError(wrapping: error, path: directory).message]
        }
    }
}
