import Foundation
import JSON

/// A file as the memories that it becomes, which belong to it from then on: when the file changes they change, and when
/// a section leaves the file its memory is retired.
package struct OwnedDocument: Sendable, Equatable {
    /// One memory: a section of the file, or a piece of a long one.
    package struct Part: Sendable, Equatable {
        package let title: String
        package let heading: String
        /// The headings above it and its own, with `headingSeparator` between them; empty before the first heading.
        package let headingPath: String
        /// Among the parts of the same heading path, from 1 on.
        package let number: Int
        package let text: String

        /// What the part keeps while its text changes.
        var key: String { "\(headingPath)\u{1F}\(number)" }
    }

    static let headingSeparator = " > "
    /// Longest piece of a file that becomes one memory, in characters; longer ones are cut between paragraphs.
    static let pieceCharacters = 2_400

    /// Absolute path of the file, in the main worktree where it is in a checkout.
    package let id: String
    /// What an earlier version called it; nil where there is none.
    package let formerID: String?
    package let parts: [Part]
    package let tags: JSONValue?
    /// Members of the front matter that are no title and no tags.
    package let metadata: JSONObject?

    /// - Parameters:
    ///   - isMarkdown: whether the text has headings; other texts are one section, named after their file.
    ///   - tags: of every part, beside those of the front matter.
    package init(
        id: String, formerID: String? = nil, name: String, text: String, isMarkdown: Bool, tags: [String] = []
    ) {
        self.id = id
        self.formerID = formerID
        let stem = (name as NSString).lastPathComponent
        let fileTitle = (stem as NSString).deletingPathExtension
        guard isMarkdown else {
            parts = Self.numbered([([], text)], title: fileTitle, fileTitle: fileTitle)
            self.tags = tags.isEmpty ? nil : .array(tags.map { .string($0) })
            metadata = nil
            return
        }
        let outline = MarkdownOutline(text)
        var front = outline.frontMatter ?? [:]
        let title = front.removeValue(forKey: "title")?.stringValue ?? outline.title ?? fileTitle
        let own = Self.tags(front.removeValue(forKey: "tags") ?? front.removeValue(forKey: "tag"))
        let all = (own + tags).uniqueByBytes()
        parts = Self.numbered(outline.sections.map { ($0.path, $0.text) }, title: title, fileTitle: fileTitle)
        self.tags = all.isEmpty ? nil : .array(all.map { .string($0) })
        metadata = front.isEmpty ? nil : front
    }

    private static func tags(_ value: JSONValue?) -> [String] {
        let texts = value?.arrayValue?.compactMap(\.stringValue) ?? value?.stringValue.map { [$0] } ?? []
        return texts.flatMap { $0.split(separator: ",") }.map {
            $0.trimmingCharacters(in: .whitespaces.union(["#", "\"", "'"]))
        }.filter { !$0.isEmpty }
    }

    private static func numbered(
        _ sections: [(path: [String], text: String)], title: String, fileTitle: String
    ) -> [Part] {
        var counts: [String: Int] = [:]
        return sections.flatMap { section in
            let path = section.path.joined(separator: headingSeparator)
            return pieces(section.text).map { piece in
                counts[path, default: 0] += 1
                return Part(
                    title: title, heading: section.path.last ?? fileTitle, headingPath: path,
                    number: counts[path] ?? 1, text: piece)
            }
        }
    }

    /// The text whole, or cut between paragraphs, sentences or words so that each piece is short enough.
    static func pieces(_ text: String) -> [String] {
        var chunker = Chunker()
        chunker.size = pieceCharacters
        chunker.overlap = 0
        return chunker.ranges(of: text).map { text.atUTF8($0).trimmingCharacters(in: .whitespacesAndNewlines) }
            .filter { !$0.isEmpty }
    }
}

// MARK: As memories

extension OwnedDocument {
    /// What says in `source.tool` that a memory belongs to its file.
    static let tool = MemorySource.documentTool
    /// The member of `metadata` by which a part is known to be as the file had it.
    static let digest = "source_digest"
    /// The member of `metadata` with the tags that the file gave its part; other tags are the user's own.
    static let givenTags = "source_tags"

    /// The fields of a part's memory.
    func data(of part: Part) -> JSONObject {
        var data: JSONObject = ["title": .string(part.title), "heading": .string(part.heading)]
        if !part.headingPath.isEmpty { data["heading_path"] = .string(part.headingPath) }
        data["body_md"] = .string(part.text)
        data["document_id"] = .string(id)
        data["part"] = .integer(Int64(part.number))
        return data
    }

    /// Changes with everything that the file says about the part.
    func digest(of part: Part) -> String {
        var members: JSONObject = ["data": .object(data(of: part))]
        members["tags"] = tags
        members["metadata"] = metadata.map { .object($0) }
        return String(ContentHash.hex(of: .object(members)).prefix(16))
    }

    func metadata(of part: Part) -> JSONObject {
        var members = metadata ?? [:]
        members[Self.digest] = .string(digest(of: part))
        members[Self.givenTags] = tags
        return members
    }

    /// The tags of the part of a changed file: those of the file, and those that a user gave the memory since.
    func tags(replacingThoseOf record: MemoryRecord) -> JSONValue? {
        guard let present = record.tags?.arrayValue else { return Merging.tags(record.tags, tags) }
        let given = record.metadata?[Self.givenTags]?.arrayValue ?? []
        let own = JSONValue.array(present.filter { !given.contains($0) })
        return Merging.tags(own, tags)
    }

    /// The part as an item of `memory_store`.
    func item(_ part: Part, expiry: ExpiryChoice?) -> StoreItem {
        var item = StoreItem(.section, data: data(of: part))
        item.metadata = metadata(of: part)
        item.tags = tags
        item.source = MemorySource(actor: "cortex", tool: Self.tool)
        item.expiry = expiry
        return item
    }

    /// The key of a stored part; nil for a memory that is none.
    static func key(of record: MemoryRecord) -> String? {
        guard record.kind == .section, let number = record.data?["part"]?.integerValue else { return nil }
        return "\(record.data?["heading_path"]?.stringValue ?? "")\u{1F}\(number)"
    }
}
