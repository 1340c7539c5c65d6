/// Where each key of a large object is: a hash table of places, with linear probing, as in `OrderedSet`.
///
/// The table holds place + 1, and 0 where a bucket is empty. It has at least twice as many buckets as there are keys,
/// so that a search soon meets an empty one. The keys themselves stay with the object; they are passed to each call.
struct KeyPlaces: Sendable {
    private var buckets: [UInt32]

    /// - Parameter members: each key once.
    init(of members: [JSONObject.Element]) {
        var size = 64
        while size < members.count * 4 { size *= 2 }
        buckets = Array(repeating: 0, count: size)
        for i in members.indices { insert(i, in: members) }
    }

    /// Whether the table must be made again before one more key is inserted.
    func isFull(holding count: Int) -> Bool { count * 2 >= buckets.count }

    private func home(of key: String) -> Int {
        var hasher = Hasher()
        key.hashBytes(into: &hasher)
        return hasher.finalize() & (buckets.count - 1)
    }

    private func next(_ bucket: Int) -> Int { (bucket + 1) & (buckets.count - 1) }

    func place(of key: String, in members: [JSONObject.Element]) -> Int? {
        var bucket = home(of: key)
        while buckets[bucket] != 0 {
            let place = Int(buckets[bucket]) - 1
            if members[place].key.hasSameBytes(as: key) { return place }
            bucket = next(bucket)
        }
        return nil
    }

    /// Enters the key at `place`, which is not in the table.
    mutating func insert(_ place: Int, in members: [JSONObject.Element]) {
        var bucket = home(of: members[place].key)
        while buckets[bucket] != 0 { bucket = next(bucket) }
        buckets[bucket] = UInt32(place + 1)
    }

    /// Takes out the key at `place`, which is still one of `members`; those behind it move up by one.
    mutating func remove(_ place: Int, in members: [JSONObject.Element]) {
        var hole = home(of: members[place].key)
        while buckets[hole] != UInt32(place + 1) { hole = next(hole) }
        // A search stops at an empty bucket: each entry behind the hole that may lie in it is moved there
        // (Knuth, The Art of Computer Programming 3, section 6.4, algorithm R).
        var bucket = next(hole)
        while buckets[bucket] != 0 {
            let home = home(of: members[Int(buckets[bucket]) - 1].key)
            let distance = (bucket - home) & (buckets.count - 1)
            if distance >= (bucket - hole) & (buckets.count - 1) {
                buckets[hole] = buckets[bucket]
                hole = bucket
            }
            bucket = next(bucket)
        }
        buckets[hole] = 0
        for i in buckets.indices where buckets[i] > UInt32(place) { buckets[i] -= 1 }
    }
}
