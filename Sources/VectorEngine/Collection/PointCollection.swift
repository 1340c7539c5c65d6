import CKernels
import Dispatch
import Foundation
import GRDB
import JSON
import Synchronization
import Vectors

/// One open collection: its file, its newest view, the queue of its writers and its sealer.
///
/// Everything here may block on the disk; `EmbeddedStore` calls it off the cooperative pool.
package final class PointCollection: Sendable {
    package let name: String
    let file: CollectionFile
    let settings: EngineSettings
    private let live: Mutex<State>
    private let published: Mutex<Published>
    /// Rows that are not what was written.
    let damage = DamageLog()
    /// Where such rows are brought back.
    let mending = DispatchQueue(label: "cortex.mending", qos: .utility)
    private let writes: Mutex<WriteQueue?> = Mutex(nil)
    private let failure: Mutex<EngineError?> = Mutex(nil)
    /// Set when the collection is deleted (PointCollection+Removal.swift).
    let removed = Atomic<Bool>(false)

    private struct State {
        var live: LiveSegments
        /// The file's data version when `live` was last brought up to date.
        var seenVersion: Int64
        /// Rows that reading the view found damaged or missing.
        var damagedRows: Int
        /// Another process has replaced the stored segments since these were read.
        var isOutdated = false
        /// Following the log has failed half-way: `live` holds some of the changes and not others.
        var isHalfFollowed = false
        /// The index of ids did not add up when all was read: it may be built again from the rows.
        var mayBeMended = false
    }

    private struct Published {
        var searcher: Searcher
        /// How the rows of its schema are laid out.
        var layout: RowLayout
        /// What the file's commits looked like before the view was last found to be the newest.
        var mark: CommitWatch.Mark?
    }

    /// - Throws: `collectionNotFound`, `notWritable`, `damaged`, `unsupportedFormat`.
    ///
    /// - Parameter afterFailure: an I/O error has left the outcome of a write unknown: that is settled first.
    init(
        name: String, path: String, settings: EngineSettings, afterFailure: Bool = false
    ) throws(EngineError) {
        self.name = name
        self.settings = settings
        file = try CollectionFile(path: path, for: .rows(settings.encryptionKey))
        do {
            if afterFailure { try file.endDoubt() }
            let version = try file.dataVersion()
            let (loaded, damaged) = try CollectionLoader(file: file, checksIDs: false, damage: damage).load()
            published = Mutex(Published(searcher: loaded.searcher(), layout: loaded.layout))
            // Without a stored segment every row has been read, and its id.
            hasCheckedIDs = Mutex(!loaded.segments.contains { $0.storedID != nil })
            live = Mutex(State(live: loaded, seenVersion: version, damagedRows: damaged))
        } catch {
            throw EngineError(wrapping: error, path: path)
        }
        let queue = WriteQueue(countLimit: settings.queuedWrites, byteLimit: settings.queuedBytes) {
            [weak self] group in
            self?.commit(group) ?? .failure(EngineError(.closed, "the store was closed"))
        }
        writes.withLock { $0 = queue }
        let finishing = DeferredWork(name: "cortex.opening", qos: .utility) { [weak self] in self?.finishOpening() }
        self.finishing.withLock { $0 = finishing }
        damage.observe { [weak self] in self?.mendLater() }
        if !damage.isEmpty { mendLater() }
    }

    /// What the first answers do without.
    private func finishOpening() {
        guard !isClosing.load(ordering: .relaxed) else { return }
        let searcher = published.withLock { $0.searcher }
        for segment in searcher.segments { segment.comingLinks.forEach { $0.finish() } }
        loadFloats(of: searcher)
        for segment in searcher.segments { segment.codeRows(searcher.dense) }
        do {
            try checkIDs()
        } catch {
            settings.logger.warn(
                "the index of ids could not be checked; the next call that needs it checks it", because: error,
                file: file.path)
        }
        // What the parts were read with is not needed again.
        ck_return_freed_memory()
    }

    /// Does the work that the first answers can do without, or waits until another caller has done it, and then for the
    /// floats: what is asked next waits for nothing that opening has put off.
    func waitUntilOpen() {
        finishing.withLock { $0 }?.finish()
        loading.sync {}
    }

    /// Whether the index of ids has been gone through since this was opened.
    private let hasCheckedIDs: Mutex<Bool>

    /// Goes through the index of ids, once; where it is damaged, everything is read again and the index
    /// built from the rows. A caller that finds points by id asks for this first; a vector search does without.
    func checkIDs() throws(EngineError) {
        do {
            try hasCheckedIDs.withLock { hasChecked in
                if !hasChecked, try !CollectionLoader(file: file).idsMatch() { try reload() }
                hasChecked = true
            }
        } catch {
            throw EngineError(wrapping: error, path: file.path)
        }
    }

    /// Where stored segments are brought into memory to the end, behind the first answers.
    private let loading = DispatchQueue(label: "cortex.floats", qos: .utility)
    private let isLoading = Atomic<Bool>(false)
    private let isClosing = Atomic<Bool>(false)
    private let finishing = Mutex<DeferredWork?>(nil)

    /// Begins to read the floats that belong in memory and are not there.
    private func loadFloats(of searcher: Searcher) {
        guard !Self.waiting(searcher).isEmpty, !isLoading.exchange(true, ordering: .relaxed) else { return }
        loading.async { [weak self, file, logger = settings.logger] in
            // A segment whose floats could not be read is not tried again and again.
            var tried: Set<UInt32> = []
            while let segment = self?.newestWaiting(besides: tried) {
                tried.insert(segment.number)
                do {
                    let loader = FloatLoader(file: file, schema: segment.schema)
                    let damaged = try YieldingThread.run { [weak self] in
                        try loader.load(segment.view.rows, rowCount: segment.view.rowCount) {
                            self?.hasLeft(segment.number) ?? true
                        }
                    }
                    if let damaged, damaged > 0 { self?.noteDamagedFloats(damaged) }
                } catch {
                    logger.warn(
                        "vectors could not be read into memory; they are read row by row, which is slower",
                        because: error, file: file.path)
                }
            }
            guard let self else { return }
            isLoading.store(false, ordering: .relaxed)
            // What came between the last look and now has found a loader at work.
            if newestWaiting(besides: tried) != nil { loadFloats(of: published.withLock { $0.searcher }) }
        }
    }

    /// Segments whose floats belong in memory and are not there.
    private static func waiting(_ searcher: Searcher) -> [SegmentView] {
        searcher.segments.filter { segment in
            zip(segment.rows.floats, searcher.schema.denseNames).contains { floats, name in
                floats.resident == nil && searcher.schema.dense[name]?.isOnDisk == false
            }
        }
    }

    private func newestWaiting(
        besides tried: Set<UInt32>
    ) -> (view: SegmentView, number: UInt32, schema: CollectionSchema)? {
        guard !isClosing.load(ordering: .relaxed) else { return nil }
        let searcher = published.withLock { $0.searcher }
        return Self.waiting(searcher).first { !tried.contains($0.number) }.map { ($0, $0.number, searcher.schema) }
    }

    /// Whether nobody waits for a segment's floats any more.
    private func hasLeft(_ number: UInt32) -> Bool {
        isClosing.load(ordering: .relaxed)
            || !published.withLock { $0.searcher.segments.contains { $0.number == number } }
    }

    package var schema: CollectionSchema { published.withLock { $0.searcher.schema } }

    var layout: RowLayout { published.withLock { $0.layout } }

    /// Rows on disk whose checksum did not hold when they were read.
    ///
    /// - Throws: what `checkIDs` throws.
    package func damagedRowCount() throws(EngineError) -> Int {
        try checkIDs()
        return try damagedRows().count
    }

    /// So many rows of a segment have floats that no longer hold.
    func noteDamagedFloats(_ count: Int) { if count > 0 { damage.noteFloats() } }

    /// So many rows of a view had floats that could not be read.
    ///
    /// - Throws: `ViewOvertaken` where the rows are laid out otherwise by now, and so were read wrongly.
    func noteDamagedFloats(_ count: Int, on searcher: Searcher) throws {
        guard count > 0 else { return }
        guard try file.isLaidOut(by: searcher.schema) else { throw ViewOvertaken() }
        noteDamagedFloats(count)
    }

    /// A row whose bytes no longer hold was met while an answer was put together, or by the scrub.
    func noteDamagedRow(_ sequence: Int64) { damage.note(sequence) }

    // MARK: The view

    /// The newest moment, with every change in it that any process had committed before the call.
    func searcher() throws(EngineError) -> Searcher {
        if let newest = settledSearcher { return newest }
        let mark = file.commitMark
        do {
            let version = try file.dataVersion()
            let (searcher, mayBeMended) = try live.withLock { state in
                if state.seenVersion != version { try catchUp(&state, version: version) }
                published.withLock { $0.mark = mark }
                defer { state.mayBeMended = false }
                return (state.live.searcher(), state.mayBeMended)
            }
            // A writer may hold the file and wait for `live`: nobody waits for the file while holding that.
            guard mayBeMended, try !CollectionLoader(file: file, damage: damage).idsMatch(), try file.rebuildIDIndex()
            else { return searcher }
            try reload()
            return live.withLock { $0.live.searcher() }
        } catch {
            throw told(EngineError(wrapping: error, path: file.path))
        }
    }

    /// The newest moment when it is known without asking the file; nil otherwise.
    var settledSearcher: Searcher? {
        guard let mark = file.commitMark else { return nil }
        return published.withLock { $0.mark == mark ? $0.searcher : nil }
    }

    private func catchUp(_ state: inout State, version: Int64) throws {
        try catchUp(&state)
        state.seenVersion = version
        publish(state)
    }

    /// Follows the log; where it does not reach back far enough, everything is read again, after that read has ended.
    private func catchUp(_ state: inout State) throws {
        if try state.isHalfFollowed || !file.pool.read({ db in try follow(&state, db) }) { try readAnew(&state) }
    }

    /// - Returns: false when everything must be read again.
    private func follow(_ state: inout State, _ db: Database) throws -> Bool {
        guard !state.isHalfFollowed else { return false }
        state.isHalfFollowed = true
        let follows = try CollectionLoader(file: file, damage: damage).follow(
            db, &state.live, damaged: &state.damagedRows)
        state.isHalfFollowed = false
        state.isOutdated = try file.header(db).generation != state.live.generation
        return follows
    }

    private func readAnew(_ state: inout State) throws {
        let (old, fields) = (state.live, state.live.fields)
        (state.live, state.damagedRows) = try CollectionLoader(
            file: file, damage: damage
        ).load(mayMend: false, fields: fields)
        state.live.renumber(after: old)
        (state.isOutdated, state.isHalfFollowed) = (false, false)
        state.mayBeMended = state.damagedRows > 0
    }

    /// Reads the file from scratch, as if the collection were opened again.
    func reload() throws {
        try live.withLock { state in
            try readAnew(&state)
            publish(state)
        }
    }

    private func publish(_ state: borrowing State) {
        let (searcher, layout) = (state.live.searcher(), state.live.layout)
        published.withLock { ($0.searcher, $0.layout) = (searcher, layout) }
        loadFloats(of: searcher)
    }

    // MARK: Writing

    func write(_ operation: WriteOperation) async throws(EngineError) -> UpdateReceipt {
        if let failed = failure.withLock({ $0 }) { throw failed }
        guard let queue = writes.withLock({ $0 }) else { throw EngineError(.closed, "the store was closed") }
        return try await queue.submit(operation)
    }

    /// Writes that have no answer yet.
    package var queuedWriteCount: Int { writes.withLock { $0?.count ?? 0 } }

    /// One transaction for all of `group`; after it returns the changes are on disk and in the view.
    ///
    /// - Returns: the outcome of each operation; a failure when none of them is written.
    private func commit(
        _ group: [WriteOperation]
    ) -> Result<[Result<UpdateReceipt, EngineError>], EngineError> {
        do {
            try checkIDs()
            var outcomes: [Result<UpdateReceipt, EngineError>] = []
            var changes: [CommittedChange] = []
            var schema = CollectionSchema()
            var first: Int64 = 0
            var last: Int64 = 0
            try file.requireSpace(
                group.reduce(0) { $0 + $1.estimatedBytes }, isFreeing: group.allSatisfy(\.isFreeing))
            try file.pool.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) {
                    var writer = try ChangeWriter(db, file: file, now: settings.now())
                    first = writer.sequence
                    schema = writer.schema
                    for operation in group {
                        outcomes.append(try perform(operation, with: &writer, isAlone: group.count == 1))
                    }
                    try writer.finish()
                    changes = writer.changes
                    last = writer.sequence
                    return .commit
                }
            }
            file.noteAcknowledged(last)
            try live.withLock { state in
                // Rows that are laid out by another schema than the view's are read as others read them.
                if state.live.sequence == first, state.live.schema == schema {
                    for change in changes {
                        switch change {
                        case .upsert(let row, let sequence): try state.live.upsert(row, sequence: sequence)
                        case .delete(let id, let sequence): state.live.delete(id, sequence: sequence)
                        }
                    }
                } else {
                    try catchUp(&state)
                }
                publish(state)
            }
            return .success(outcomes)
        } catch {
            let error = EngineError(wrapping: error, path: file.path)
            if error.code == .outcomeUnknown { failure.withLock { $0 = error } }
            return .failure(error)
        }
    }

    /// Performs one operation of a transaction, in a savepoint of its own: what fails with it is its caller's alone,
    /// and the other operations are written.
    ///
    /// - Parameter isAlone: the transaction itself is the savepoint.
    /// - Throws: what ends the transaction for all.
    private func perform(
        _ operation: WriteOperation, with writer: inout ChangeWriter, isAlone: Bool
    ) throws -> Result<UpdateReceipt, EngineError> {
        let perform = { [self] (writer: inout ChangeWriter) throws -> UpdateReceipt in
            let db = writer.db
            // Before the first change of the transaction: only then is what the file says what is committed.
            let view = operation.needsFreshView ? try newestView(db) : nil
            return try writer.perform(operation, matching: view.map { FilterMatching($0, contents: contents) })
        }
        if isAlone { return .success(try perform(&writer)) }
        let moment = writer.moment
        let db = writer.db
        do {
            var receipt = UpdateReceipt(sequence: 0, affected: 0)
            try db.inSavepoint {
                receipt = try perform(&writer)
                return .commit
            }
            return .success(receipt)
        } catch {
            let error = EngineError(wrapping: error, path: file.path)
            // SQLite itself ends a transaction that the disk has failed.
            guard !error.code.endsTransaction, db.isInsideTransaction else { throw error }
            writer.goBack(to: moment)
            return .failure(error)
        }
    }

    /// The newest view inside a transaction that has changed nothing yet, so that no writer comes between.
    private func newestView(_ db: Database) throws -> Searcher {
        try live.withLock { state in
            // Within a transaction of ours there is no other for mending an index.
            if try !follow(&state, db) { try readAnew(&state) }
            return state.live.searcher()
        }
    }

    /// After an I/O error the outcome of the last writes is unknown: the collection must be opened again.
    var hasFailed: Bool { failure.withLock { $0 != nil } }

    // MARK: Sealing

    /// The newest change that has been read or written.
    var lastSequence: Int64 { live.withLock { $0.live.sequence } }

    /// Live rows no graph reaches yet, in the newest view.
    package var unsealedCount: Int { live.withLock { $0.live.unsealedCount } }

    var sealedCount: Int { live.withLock { $0.live.sealedCount } }

    /// Deleted rows that stored graphs still walk over.
    var deletedSealedCount: Int { live.withLock { $0.live.deletedSealedCount } }

    /// Counts how often segments have been replaced by merged ones.
    var generation: Int64 { live.withLock { $0.live.generation } }

    /// Ends the growing segment and hands out every segment as it is now, with the schema of that moment.
    func freezeForSealing() throws -> (segments: [SegmentView], generation: Int64, schema: CollectionSchema) {
        try live.withLock { state in
            try catchUp(&state)
            if state.isOutdated { try readAnew(&state) }
            publish(state)
            return (state.live.freeze(), state.live.generation, state.live.schema)
        }
    }

    func replace(_ inputs: Set<UInt32>, with merged: SegmentView, generation: Int64) {
        live.withLock { state in
            state.live.replace(inputs, with: merged, generation: generation)
            publish(state)
        }
        buildMissingFieldsLater()
    }

    /// Whether deleted rows of flat segments take more memory than the live ones.
    package var needsCompaction: Bool {
        let rows = live.withLock { $0.live.flatRows }
        return SegmentCompaction.isDue(liveRows: rows.live, deletedRows: rows.deleted)
    }

    /// Puts one flat segment without deleted rows in the place of all flat ones; reading and writing go on.
    func compactFlatSegments() throws {
        let (segments, schema, generation) = live.withLock { state in
            defer { publish(state) }
            return (state.live.freezeFlat(), state.live.schema, state.live.generation)
        }
        guard !segments.isEmpty else { return }
        let compacted = try SegmentCompaction(schema: schema, segments: segments).run()
        let inputs = Set(segments.map(\.number))
        live.withLock { state in
            // Another process's segments may have been read meanwhile: then these are gone.
            guard state.live.generation == generation, state.live.contains(inputs) else { return }
            state.live.replace(inputs, with: compacted, generation: generation)
            publish(state)
        }
    }

    /// Whether payloads are kept in memory once a segment is stored.
    let keepsContents = Atomic<Bool>(false)
    /// One thread builds payload indexes at a time.
    let building = Mutex(())

    /// Sets which payload indexes there are besides those of the schema.
    ///
    /// - Returns: the paths whose index must go, because its definition is gone or may have changed.
    func changeFields(
        to definitions: [PayloadPath: PayloadIndexDefinition], replacing replaced: Set<PayloadPath>
    ) -> [PayloadPath] {
        live.withLock { state in
            let stale = state.live.fields.filter { path, known in
                guard let wanted = definitions[path] else { return true }
                return wanted.kind != known.kind || replaced.contains(path)
            }
            state.live.fields = definitions
            publish(state)
            return Array(stale.keys)
        }
    }

    private func buildMissingFieldsLater() {
        guard live.withLock({ !$0.live.fields.isEmpty }) else { return }
        loading.async { [weak self, file, logger = settings.logger] in
            do {
                try self?.buildMissingFields()
            } catch {
                // A collection that is being closed or has been deleted needs no index.
                guard let self, !isClosing.load(ordering: .relaxed), !isRemoved else { return }
                logger.warn(
                    "payload indexes could not be made for new segments; filters read the payloads there, which is "
                        + "slower, until an index is changed or the collection is opened again",
                    because: error, file: file.path)
            }
        }
    }

    func close() throws {
        leave()
        try file.close()
    }

    /// Ends the work in the background; connections close behind the last reader, whom a closed one would end.
    func leave() {
        isClosing.store(true, ordering: .relaxed)
        finishing.withLock { $0 }?.drop()
        loading.sync {}
        mending.sync {}
        // Links may still be on their way from the file.
        for segment in live.withLock({ $0.live.segments }) { segment.comingLinks.forEach { $0.drop() } }
        writes.withLock { $0 = nil }
    }
}
