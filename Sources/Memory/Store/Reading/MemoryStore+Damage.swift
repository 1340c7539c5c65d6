import VectorEngine

/// Damaged memories: an answer leaves them out and says so; one of them does not keep the others back.
extension MemoryStore {
    /// What an answer says that may lack damaged memories, or (with `history`) damaged versions of them; nil when none
    /// are known.
    func damageNote(history: Bool = false) async throws -> String? {
        var rows = try await points.damagedRows(in: collection)
        if history, try await hasHistory() { rows += try await points.damagedRows(in: historyCollection) }
        return rows.message
    }
}

extension PointStore {
    /// The points of `ids` that exist and can be read, in the order asked. Of those left out because they are damaged
    /// `damagedRows` knows.
    func readable(_ ids: [PointID], with parts: PointParts, in collection: String) async throws -> [Point] {
        do {
            return try await retrieve(ids, with: parts, in: collection)
        } catch let error as EngineError where error.code == .damaged {
            var points: [Point] = []
            for id in ids {
                do {
                    points += try await retrieve([id], with: parts, in: collection)
                } catch let error as EngineError where error.code == .damaged {
                    continue
                }
            }
            // What no row can be blamed for is not passed over.
            guard try await !damagedRows(in: collection).isEmpty else { throw error }
            return points
        }
    }

    /// A page as `scroll` gives it, without the points that are damaged.
    func readablePage(_ request: ScrollRequest, in collection: String) async throws -> ScrollPage {
        do {
            return try await scroll(request, in: collection)
        } catch let error as EngineError where error.code == .damaged {
            var ids = request
            ids.parts = .idOnly
            let page = try await scroll(ids, in: collection)
            let points = try await readable(page.points.map(\.id), with: request.parts, in: collection)
            return ScrollPage(points: points, next: page.next)
        }
    }
}
