import JSON

/// What a caller may do.
package struct AccessRights: Sendable, Equatable {
    package enum Level: Int, Sendable, Comparable {
        case none, read
        /// Points, but not indexes, snapshots or names of vectors.
        case writePoints
        case write, manage

        package static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    /// Over everything.
    package var global: Level
    /// Over single collections, beside what `global` allows.
    package var collections: [ByteText: Level]
    /// A token that is good only while such a point exists.
    package var mustExist: JSONValue?

    package init(global: Level, collections: [ByteText: Level], mustExist: JSONValue? = nil) {
        self.global = global
        self.collections = collections
        self.mustExist = mustExist
    }

    package static let all = AccessRights(global: .manage, collections: [:])

    package func level(of collection: String) -> Level { max(global, collections[text: collection] ?? .none) }
}
