/// The numbers of the memory, every limit of it in one place.
package struct MemorySettings: Sendable, Equatable {
    // MARK: Limits

    /// Items in one store call.
    package var maximumBatch = 100
    /// Unicode scalars in one item's `content`.
    package var maximumContentCharacters = 200_000
    /// Unicode scalars in a query, all of which the search by words uses.
    package var maximumQueryCharacters = 100_000
    /// Of a longer query the embedding model gets this many Unicode scalars.
    package var embeddedQueryCharacters = 1_000
    /// Characters of one answer over MCP, text and structured content together; what is beyond has a cursor.
    package var answerCharacters = 40_000
    /// Bytes of the JSON text of `data`, `metadata` or `tags`.
    package var maximumObjectBytes = 262_144
    /// Content beyond this is cut into chunks, each with a vector of its own.
    package var longTextCharacters = 2_400
    package var chunker = Chunker()
    /// Chunks of one item: what `maximumContentCharacters` can be cut into at most.
    var maximumChunks: Int { maximumContentCharacters / max(1, chunker.size / 2 - chunker.overlap) + 1 }
    /// Items that one delete may touch.
    package var maximumDeleted = 10_000
    /// Idempotency keys that one item remembers; beyond them the oldest is forgotten.
    package var maximumKeysPerItem = 100
    /// Items that a graph expansion answers at most.
    package var maximumGraphNodes = 1_000
    /// The nearest stored items whose texts are compared with one item's.
    package var comparedNeighbours = 8
    /// How often a call is decided again because another process stored one of its items meanwhile.
    package var storeAttempts = 8
    /// Todos that are looked at for a circle of dependencies.
    package var maximumDependencies = 200
    /// Reports of purges and cleanups that are kept in a process.
    package var keptReports = 100
    /// Calls a minute by tool; nil sets no limit (stdio).
    package var rateLimits: RateLimits?
    /// How long a confirmation token counts.
    package var tokenLifetime: Duration = .seconds(600)

    // MARK: Expiry

    package var shortLife: Duration = .seconds(24 * 3600)
    package var defaultLife: Duration = .seconds(30 * 86_400)
    package var longLife: Duration = .seconds(90 * 86_400)
    /// Days that memories of a kind live where neither they nor the call say; other kinds are permanent.
    package var kindLifeDays: [MemoryKind: Int] = [:]
    /// The longest such life.
    package static let maximumKindLifeDays = 36_500

    // MARK: Retrieval

    /// Candidates of each half (`auto`).
    package var pool = 100
    /// Candidates of each half (`deep`), and the graph's breadth for them.
    package var deepPool = 400
    package var deepBreadth = 800
    /// `deep` scores every matching item while there are no more than this.
    package var deepExactCount = 20_000
    /// Candidates of each half for pages beyond the first pool: the largest `offset` + `limit`.
    package var widePool = 1_100
    package var lexicalWeight: Double = 0.5
    package var denseWeight: Double = 0.5
    /// Whether words count by how much of the question they cover (spec/retrieval-fusion, step A, as the next four).
    package var weighsCover = true
    /// The share of the question's information from which on words count in full.
    package var coveredShare: Double = 0.6
    /// Pieces for each word up to which the model can read a question; a question of one more is unreadable.
    package var readablePieces: Double = 1.4
    /// The share of its weight that meaning loses where the model cannot read the question.
    package var unreadableShare: Double = 0.5
    /// Added to an item that holds all of the question, and less of it from four fifths on; 0 turns it off.
    package var fullCoverBonus: Double = 0.1
    /// Added where the query names the item's author; 0 turns it off (spec: step 6).
    package var authorBonus: Double = 0.25
    /// Added to an item that can be the answer to the kind of question asked (a time to when, a number to how many);
    /// 0 turns it off (spec: steps 7–10, as the next three).
    package var answerBonus: Double = 0.1
    /// The share of it that a name gets for who and where: people are named in many turns that answer nothing.
    static let nameShare = 0.5
    /// Added to an item of the day, month or span of time that the query names.
    package var dateBonus: Double = 0.15
    /// Taken from an item of a conversation that asks and does not tell.
    package var questionPenalty: Double = 0.2
    /// Taken from an item of a conversation that says next to nothing ("thanks, bye"); half of it from short ones.
    package var brevityPenalty: Double = 0.15
    /// Terms up to which an item of a conversation counts as saying next to nothing, and as short.
    static let scantTerms = 3
    static let shortTerms = 6
    /// Whether an item knows the two before it in its conversation (spec: steps 5 and 11).
    package var usesContext = true
    /// The cosine from which on two neighbours outside of conversations lend each other words; above 1 never.
    package var relatedness = 0.5
    /// Below this cosine nothing that is stored is close to a query: 95 of 100 answered questions about notes reach it.
    package var closeness = 0.31
    /// Candidates beyond the page that are read with it, because bonuses may bring them forward.
    package var readMargin = 54
    /// How long an embedder may take; nil leaves it to the embedder.
    package var embeddingPatience: Duration?
    /// The share of a search's time limit that the embedder may take; then words alone are searched.
    package var embeddingShare = 0.7
    /// Characters of `content` in a found item, unless the call says otherwise.
    package var contentCharacters = 1_500
    /// Results of searches that are remembered where a call allows it, and for how long at most.
    package var cachedResults = 256
    package var cachedResultLife: Duration = .seconds(60)
    /// Items sampled for the mean length that BM25 divides by.
    package var lengthSample = 1_000
    /// Conversations whose last two items are remembered in this process.
    package var rememberedSessions = 1_024

    package init() {}
}
