import Dispatch
import Files
import Foundation
import JSON
import Logging
import Synchronization
import Vectors

/// The store inside the process: a directory with one SQLite file for each collection.
///
/// Any number of processes may have the same directory open. A write that has returned is on disk and is seen by every
/// later read of each of them. Collections open when they are first asked for.
public final class EmbeddedStore: PointStore {
    /// The data directory's absolute path.
    public let directory: String
    let settings: EngineSettings
    let upkeep = Mutex(UpkeepStatus())
    let catalog: SharedCatalog
    private let timer: Mutex<UpkeepTimer?> = Mutex(nil)
    private let open: Mutex<[ByteText: OpenCollection]> = Mutex([:])
    private let opening = NamedLocks()
    /// Whether this store has looked for what killed processes left.
    let hasRemovedLeftovers = Atomic<Bool>(false)
    /// Where blocking work runs, so that Swift's own threads stay free.
    private static let blocking = DispatchQueue(label: "cortex.engine", attributes: .concurrent)

    private struct OpenCollection: Sendable {
        let collection: PointCollection
        let sealer: Sealer
        let scrubber = Scrubber()
    }

    /// The directory is made with its first collection.
    ///
    /// - Throws: `notWritable` when its path is something else.
    public init(directory: String, settings: EngineSettings = EngineSettings()) throws(EngineError) {
        let path = URL(fileURLWithPath: directory).standardizedFileURL.path
        var isDirectory: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue {
            throw EngineError(.notWritable, "\(path) is no directory; choose another with --data")
        }
        self.directory = path
        self.settings = settings
        catalog = SharedCatalog(directory: path)
    }

    /// From now on, until the store is closed, ships the change log to `settings.backupLocation` every few seconds and
    /// reads rows against their checksums.
    package func startUpkeep() {
        guard let location = settings.backupLocation else { return }
        timer.withLock { $0 = $0 ?? UpkeepTimer { [weak self] in self?.keepUp(shippingTo: location) } }
    }

    var openScrubbers: [(PointCollection, Scrubber)] {
        open.withLock { $0.values.map { ($0.collection, $0.scrubber) } }
    }

    func makeDirectory() throws(EngineError) {
        do {
            // Every directory that is made here is a new name in its parent, which must survive a power cut as well.
            var made: [String] = []
            var path = directory
            while path.count > 1, !FileManager.default.fileExists(atPath: path) {
                path = (path as NSString).deletingLastPathComponent
                made.append(path)
            }
            try PrivateFile.makeFolder(directory)
            for parent in made { try DirectorySync.sync(parent) }
        } catch {
            throw EngineError(
                .notWritable,
                "cannot make the data directory \(directory). Check the owner and mode of its parent, or choose "
                    + "another with --data", cause: error)
        }
    }

    // MARK: Collections

    public func collectionNames() async throws -> [String] {
        try await Self.offPool { [directory] in try CollectionFileName.names(in: directory) }
    }

    public func describe(_ collection: String) async throws -> CollectionDescription? {
        try await Self.offPool { [self] in
            do {
                let entry = try entry(collection)
                return try entry.collection.telling { try described(entry) }
            } catch let error as EngineError where error.code == .collectionNotFound {
                return nil
            }
        }
    }

    private func described(_ entry: OpenCollection) throws -> CollectionDescription {
        let searcher = try entry.collection.searcher()
        var description = CollectionDescription(
            schema: searcher.schema, pointCount: searcher.pointCount,
            indexedPointCount: searcher.segments.reduce(0) { $0 + ($1.isSealed ? $1.liveCount : 0) },
            segmentCount: searcher.segments.count, damagedPointCount: try entry.collection.damagedRowCount(),
            sequence: UInt64(clamping: searcher.sequence), sizeBytes: entry.collection.file.sizeBytes,
            location: entry.collection.file.path)
        description.scrub = entry.scrubber.status
        description.upkeep = upkeepStatus
        description.writeObstacle = WriteObstacle.reason(at: entry.collection.file.path)
        description.version = CollectionVersion(
            identity: entry.collection.file.storeID, generation: entry.collection.generation,
            sequence: UInt64(clamping: searcher.sequence))
        return description
    }

    public func createCollection(_ collection: String, schema: CollectionSchema) async throws {
        try await Self.offPool { [self] in try makeCollection(collection, CollectionDefinition(schema: schema)) }
    }

    /// Makes a collection with its notes, whole or not at all. Blocks.
    package func makeCollection(_ name: String, _ definition: CollectionDefinition) throws(EngineError) {
        try Self.check(name)
        try definition.schema.requireValid()
        try makeDirectory()
        let path = path(of: name)
        do throws(EngineError) {
            try CollectionFile.create(path: path, name: name, definition: definition, key: settings.encryptionKey)
        } catch {
            guard error.code == .collectionExists, try CollectionFile.removeDropped(path) else { throw error }
            try CollectionFile.create(path: path, name: name, definition: definition, key: settings.encryptionKey)
        }
    }

    public func deleteCollection(_ collection: String) async throws {
        try await Self.offPool { [self] in try removeCollection(collection) }
    }

    /// Deletes a collection. Blocks.
    package func removeCollection(_ collection: String) throws {
        let path = try markRemoved(collection)
        do {
            // Another caller may have ended the deletion since, and made a collection of that name, which stays.
            _ = try CollectionFile.removeDropped(path)
        } catch {
            throw EngineError(wrapping: error, path: path)
        }
    }

    /// Marks a collection as deleted and lets go of it. Where nobody else reads it, its files are closed when this
    /// returns: removing them takes room for other open files.
    ///
    /// - Returns: the path of its file.
    private func markRemoved(_ collection: String) throws -> String {
        // The collection that has the name now: the one that this process has open may have been replaced.
        let removed = try retrying(collection) { opened in
            open.withLock { $0[text: collection]?.sealer }?.stop()
            try opened.file.markDropped()
            opened.noteRemoved()
            return opened
        }
        forget(collection, removed)
        removed.leave()
        return removed.file.path
    }

    /// The open collection of that name, for benchmarks and for work that reports progress.
    package func collection(_ name: String) throws(EngineError) -> PointCollection { try entry(name).collection }

    /// Seals every flat row now and waits for it; `progress` counts rows that are linked.
    ///
    /// - Returns: false when another process is sealing the collection.
    @discardableResult
    public func sealNow(
        _ collection: String, threads: Int? = nil, progress: (@Sendable (Int) -> Void)? = nil
    ) async throws -> Bool {
        try await Self.offPool { [self] in
            let entry = try entry(collection)
            do {
                return try entry.sealer.sealNow(
                    threads: threads ?? ProcessInfo.processInfo.activeProcessorCount, progress: progress)
            } catch {
                throw entry.collection.told(EngineError(wrapping: error, path: entry.collection.file.path))
            }
        }
    }

    /// Closes every collection; a sealing under way is given up. The store opens them again when asked.
    public func close() async throws {
        try await Self.offPool { [self] in
            timer.withLock { timer in
                timer?.cancel()
                timer = nil
            }
            let all = open.withLock { open in
                defer { open = [:] }
                return Array(open.values)
            }
            // What was written here shall not wait for another process to ship it.
            if let location = settings.backupLocation, !all.isEmpty { keepUp(shippingTo: location, scrubs: false) }
            try catalog.close()
            for entry in all {
                entry.sealer.finish()
                do {
                    try entry.collection.close()
                } catch {
                    throw EngineError(wrapping: error, path: entry.collection.file.path)
                }
            }
        }
    }

    private func entry(_ name: String) throws(EngineError) -> OpenCollection {
        if let known = open.withLock({ $0[text: name] }), !known.collection.hasFailed { return known }
        // One at a time of each name: two callers that open the same collection would each read all of it.
        let entry = try opening.withLock(name) { () throws(EngineError) in
            if let known = open.withLock({ $0[text: name] }), !known.collection.hasFailed { return known }
            let hasFailed = open.withLock { $0[text: name] != nil }
            let collection = try PointCollection(
                name: name, path: path(of: name), settings: settings, afterFailure: hasFailed)
            removeLeftoversOnce()
            let entry = OpenCollection(collection: collection, sealer: Sealer(collection))
            open.withLock { $0[text: name] = entry }
            return entry
        }
        entry.sealer.wake()
        return entry
    }

    /// The collection of that name; on the caller's thread where it is open already.
    private func opened(_ name: String) async throws -> OpenCollection {
        if let known = open.withLock({ $0[text: name] }), !known.collection.hasFailed { return known }
        return try await Self.offPool { [self] in try entry(name) }
    }

    /// The collection of that name, opened where it is not; waits for another thread's opening of it alone.
    package func openCollection(_ name: String) async throws -> PointCollection { try await opened(name).collection }

    /// Closes one collection; it opens again when it is asked for.
    func closeCollection(_ name: String) throws {
        let entry = open.withLock { $0.removeValue(forKey: ByteText(name)) }
        entry?.sealer.finish()
        try entry?.collection.close()
    }

    /// Lets go of a collection that was deleted or replaced; present readers finish.
    ///
    /// - Parameter collection: Only this one; nil for whichever is open.
    func forget(_ name: String, _ collection: PointCollection? = nil) {
        let entry = open.withLock { open -> OpenCollection? in
            guard collection == nil || open[text: name]?.collection === collection else { return nil }
            return open.removeValue(forKey: ByteText(name))
        }
        entry?.sealer.stop()
    }

    /// The collection of that name where it is open already.
    func known(_ name: String) -> PointCollection? { open.withLock { $0[text: name]?.collection } }

    func wakeSealer(of name: String) { open.withLock { $0[text: name]?.sealer }?.wake() }

    /// Runs `body` on a collection, off the cooperative pool.
    func with<Result: Sendable>(
        _ name: String, _ body: @escaping @Sendable (PointCollection) throws -> Result
    ) async throws -> Result {
        try await Self.offPool { [self] in try retrying(name, body) }
    }

    /// How often what a caller asks for is repeated because the collection was replaced by another one meanwhile.
    private static let repetitions = 3

    /// Runs `body` on a collection; where another process has replaced it, on the one that has its name now. Blocks.
    func retrying<Result>(_ name: String, _ body: (PointCollection) throws -> Result) throws -> Result {
        var left = Self.repetitions
        while true {
            let collection = try entry(name).collection
            do {
                return try body(collection)
            } catch {
                let error = noted(EngineError(wrapping: error, path: collection.file.path), name, collection)
                guard error.code == .collectionNotFound, left > 0, isThere(name) else { throw error }
                left -= 1
            }
        }
    }

    /// What a collection that another process has deleted or replaced answers, whatever failed first; it is let go of.
    private func noted(_ error: EngineError, _ name: String, _ collection: PointCollection) -> EngineError {
        let error = collection.told(error)
        let isGone = error.code == .collectionNotFound || CollectionFile.isGone(path(of: name))
        guard isGone else { return error }
        forget(name, collection)
        if collection.isRemoved { return error }
        return EngineError(.collectionNotFound, "the collection was deleted by another process", cause: error)
    }

    /// Whether a collection of that name is there; costs one look at the directory.
    package func isThere(_ name: String) -> Bool { !name.isEmpty && CollectionFile.isThere(knownPath(of: name)) }

    static func offPool<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            blocking.async { continuation.resume(with: Swift.Result(catching: body)) }
        }
    }

    // MARK: Points

    @discardableResult
    public func apply(_ writes: [PointWrite], in collection: String) async throws -> UpdateReceipt {
        let count = PreparedWrite.pointCount(writes)
        guard count <= EngineLimits.pointsPerCall else {
            throw EngineError(
                .invalidArgument, "\(count) points in one call; send at most \(EngineLimits.pointsPerCall)")
        }
        let layout = try await opened(collection).collection.layout
        let prepared: [PreparedWrite]
        do {
            prepared = try await prepare(writes, count, layout)
        } catch let error as EngineError where error.code == .unknownVector || error.code == .wrongDimension {
            // Another process may have changed the vectors since this one last looked.
            let newest = try await with(collection) { collection in
                _ = try collection.searcher()
                return collection.layout
            }
            guard newest !== layout else { throw error }
            prepared = try await prepare(writes, count, newest)
        }
        return try await write(.apply(prepared), collection)
    }

    /// Checks the points of `writes`, which are `count`.
    private func prepare(_ writes: [PointWrite], _ count: Int, _ layout: RowLayout) async throws -> [PreparedWrite] {
        // Few points take less time than to wake a thread for them.
        count <= PreparedPoint.pointsPerTask
            ? try PreparedWrite.all(writes, layout: layout)
            : try await Self.offPool { try PreparedWrite.all(writes, layout: layout) }
    }

    func write(_ operation: WriteOperation, _ name: String) async throws -> UpdateReceipt {
        var left = Self.repetitions
        while true {
            let entry = try await opened(name)
            do throws(EngineError) {
                let receipt = try await entry.collection.write(operation)
                entry.sealer.wake()
                return receipt
            } catch {
                // Nothing was written: the facts are looked at inside the transaction.
                let error = noted(error, name, entry.collection)
                guard error.code == .collectionNotFound, left > 0, isThere(name) else { throw error }
                left -= 1
            }
        }
    }

    public func retrieve(_ ids: [PointID], with parts: PointParts, in collection: String) async throws -> [Point] {
        try await with(collection) { try $0.retrieve(ids, parts) }
    }

    public func scroll(_ request: ScrollRequest, in collection: String) async throws -> ScrollPage {
        try await with(collection) { try $0.scroll(request) }
    }

    public func count(_ filter: Filter?, in collection: String) async throws -> Int {
        try await with(collection) { try $0.count(filter) }
    }

    public func counts(
        of member: String, _ filter: Filter?, limit: Int, in collection: String
    ) async throws -> [(value: MatchValue, count: Int)] {
        try await with(collection) { try $0.counts(of: PayloadPath(known: member), filter, limit: limit) }
    }

    public func passing(
        _ filters: [Filter], among ids: [PointID], in collection: String
    ) async throws -> [Set<PointID>] {
        try await with(collection) { try $0.passing(filters, among: ids) }
    }

    public func query(_ queries: [PointQuery], in collection: String) async throws -> [[ScoredPoint]] {
        try await with(collection) { try $0.query(queries) }
    }

    public func read(_ reads: [PointRead], in collection: String) async throws -> [PointAnswer] {
        try await with(collection) { try $0.read(reads) }
    }

    public func damageEvents(in collection: String) async throws -> Int {
        open.withLock { $0[text: collection] }?.collection.damage.events ?? 0
    }

    /// Whether damaged rows of a collection have been met that are not known to be gone; costs next to nothing.
    package func hasMetDamage(in collection: String) -> Bool { known(collection).map { !$0.damage.isEmpty } ?? false }

    /// Where the store writes its log lines.
    package var logger: Logger { settings.logger }

    public func damagedRows(in collection: String) async throws -> [DamagedRow] {
        // Nothing was left out of a collection that nobody has opened; and while there is no damage, no read is needed.
        guard let opened = open.withLock({ $0[text: collection] })?.collection, !opened.damage.isEmpty else {
            return []
        }
        return try await Self.offPool { try opened.damagedRows() }
    }

    // MARK: Names

    func path(of name: String) -> String { CollectionFileName.path(of: name, in: directory) }

    /// The same, without making it again for a collection that is open.
    func knownPath(of name: String) -> String {
        open.withLock { $0[text: name]?.collection.file.path } ?? path(of: name)
    }

    static func check(_ name: String) throws(EngineError) {
        guard !name.isEmpty, name.utf8.count <= EngineLimits.collectionNameBytes else {
            throw EngineError(
                .invalidArgument, "a collection's name has 1 to \(EngineLimits.collectionNameBytes) bytes")
        }
    }
}
