import Embedding

/// Waiting no longer than a while.
enum Patience {
    /// Runs `body` and answers with what it returns, or throws `timeout` when it takes longer than `limit`; then it is
    /// cancelled and not waited for.
    static func run<Value: Sendable>(
        _ limit: Duration, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let (answers, answer) = AsyncThrowingStream<Value, any Error>.makeStream()
        let work = Task {
            do {
                answer.yield(try await body())
                answer.finish()
            } catch {
                answer.finish(throwing: error)
            }
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            answer.finish(
                throwing: EmbeddingError(
                    .timeout, "the embedding model did not answer within \(limit)", isRetryable: true))
        }
        defer {
            work.cancel()
            timer.cancel()
        }
        for try await value in answers { return value }
        throw CancellationError()
    }
}
