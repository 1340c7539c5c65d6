import Foundation

/// The log of one store as it lies in the archive: files that follow each other, and the head that says how far it
/// goes.
struct ShippedLog: Sendable {
    let directory: String
    let storeID: UUID
    /// The files in order, and the changes each holds.
    let paths: [String]
    let ranges: [(from: Int64, through: Int64)]

    /// A directory that is not there is a log without files.
    init(location: String, storeID: UUID) {
        directory = LogShipper.directory(location, storeID: storeID)
        self.storeID = storeID
        // What cannot be listed has no files; the head, which is read apart, says that there should be some.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let found = names.compactMap { name in ChangeLogFile.range(ofName: name).map { (name: name, range: $0) } }
            .sorted { ($0.range.from, $0.range.through) < ($1.range.from, $1.range.through) }
        paths = found.map { [directory] in directory + "/" + $0.name }
        ranges = found.map(\.range)
    }

    static func storeIDs(at location: String) -> [UUID] {
        // No log was ever begun here.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: location + "/log")) ?? []
        return names.sorted().compactMap { UUID(uuidString: $0) }
    }

    /// Hands every entry after change `start` to `body`, each once and without a gap, until `body` says to stop.
    ///
    /// - Returns: the last transaction's end that was met.
    /// - Throws: `damaged` when a file is not what was written or one is missing in between.
    func replay(after start: Int64, _ body: (LogEntry) throws -> Bool) throws -> Int64 {
        var reached = start
        for (range, path) in zip(ranges, paths) where range.through > reached {
            guard range.from <= reached else {
                throw EngineError(
                    .damaged, "the shipped log in \(directory) has a gap after change \(reached): a file is missing")
            }
            var reader = try ChangeLogReader(path: path)
            guard reader.storeID == storeID, reader.from == range.from else {
                throw EngineError(.damaged, "the shipped log \(path) bears another file's name")
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

    /// A sentence for each thing that is not what was written.
    func findings() -> [String] {
        do {
            guard let head = try LogHead.read(in: directory) else {
                return paths.isEmpty ? [] : ["the shipped log in \(directory) has lost its head"]
            }
            guard head.storeID == storeID else { return ["\(directory) holds the head of another store's log"] }
            // Older files belong to a log that was given up; the one that `head` speaks of begins at `from`.
            let start = ranges.first { $0.from >= head.from }?.from ?? head.from
            let reached = try replay(after: start) { _ in true }
            guard reached >= head.through else {
                return ["the shipped log in \(directory) ends at change \(reached), its head says \(head.through)"]
            }
            return []
        } catch {
            return [EngineError(wrapping: error, path: directory).message]
        }
    }
}
