import JSON
import Memory
import Testing

@Suite("Markdown as sections")
struct MarkdownTests {
    private func outline(_ text: String) -> [String] {
        MarkdownOutline(text).sections.map { "\($0.path.joined(separator: "/")): \($0.text)" }
    }

    @Test(
        "Headings of both forms are read as CommonMark has them",
        arguments: [
            ("before\n\n# A\none\n## B\ntwo\n# C\nthree", [": before", "A: one", "A/B: two", "C: three"]),
            ("A\n===\none\n\nB\n---\ntwo", ["A: one", "A/B: two"]),
            ("A long\nheading\n=\none", ["A long heading: one"]),
            ("# A ##\none\n### Deep #\ntwo\n#\nthree", ["A: one", "A/Deep: two", ": three"]),
            ("#no heading\n####### seven\n    # code\none", [": #no heading\n####### seven\n    # code\none"]),
            ("# A #b#\none", ["A #b#: one"]),
            // A line under a list, a quote or a table, and one after a blank line, is a line across the page.
            ("- item\n---\none", [": - item\n---\none"]),
            ("> quote\n===\none", [": > quote\n===\none"]),
            ("1. item\n---\none", [": 1. item\n---\none"]),
            ("| a |\n---\none", [": | a |\n---\none"]),
            ("text\n\n---\none", [": text\n\n---\none"]),
            ("a\nb\nc\nd\n---\none", [": a\nb\nc\nd\n---\none"]),
        ])
    func headings(text: String, expected: [String]) {
        #expect(outline(text) == expected)
    }

    @Test(
        "Inside a fence there are no headings, and only its own mark of its own length ends it",
        arguments: [
            ("# A\n```\n# no\n```\nend", ["A: ```\n# no\n```\nend"]),
            ("# A\n~~~~\n```\n~~~\n# no\n~~~~\n# B\nend", ["A: ~~~~\n```\n~~~\n# no\n~~~~", "B: end"]),
            ("# A\n``` `not a fence` ```\n# B\nend", ["A: ``` `not a fence` ```", "B: end"]),
            ("# A\n```\nno end\n# no", ["A: ```\nno end\n# no"]),
        ])
    func fences(text: String, expected: [String]) {
        #expect(outline(text) == expected)
    }

    @Test("Front matter as people write it is read, and is no part of the text")
    func frontMatter() {
        let text = """
            ---
            title: "A: note"
            tags: [one, 'two', "three"]
            aliases:
              - first
              - second
            list:
            - x
            date: 2026-01-02
            count: 3
            draft: true # not yet
            summary: >
              over
              two lines
            empty:
            ---
            # Heading
            body
            """
        let outline = MarkdownOutline(text)
        let expected: JSONObject = [
            "title": "A: note", "tags": ["one", "two", "three"], "aliases": ["first", "second"], "list": ["x"],
            "date": "2026-01-02", "count": 3, "draft": true, "summary": "over two lines", "empty": .null,
        ]
        #expect(outline.frontMatter == expected)
        #expect(outline.sections.map(\.text) == ["body"])
        #expect(outline.title == "Heading")
    }

    @Test(
        "A line across the page at the beginning is no front matter",
        arguments: ["---\nplain text\n---\nmore", "---\n# A\nno end", "--- \na: b\n---\n"])
    func noFrontMatter(text: String) {
        #expect(MarkdownOutline(text).frontMatter == nil)
    }

    @Test("A document's parts are named by their headings and numbered where these repeat")
    func parts() {
        let text = "---\ntitle: T\ntags: a, '#b'\nowner: me\n---\nintro\n# A\none\n## B\ntwo\n## B\nthree\n"
        let document = OwnedDocument(id: "/d/n.md", name: "n.md", text: text, isMarkdown: true, tags: ["c", "a"])
        #expect(document.parts.map(\.headingPath) == ["", "A", "A > B", "A > B"])
        #expect(document.parts.map(\.number) == [1, 1, 1, 2])
        #expect(document.parts.map(\.heading) == ["n", "A", "B", "B"])
        #expect(document.parts.map(\.title) == ["T", "T", "T", "T"])
        #expect(document.tags == ["a", "b", "c"] && document.metadata == ["owner": "me"])
        let long = OwnedDocument(
            id: "/d/l.txt", name: "l.txt", text: "# no heading " + String(repeating: "word ", count: 1_000),
            isMarkdown: false)
        #expect(long.parts.count == 3 && long.parts.map(\.number) == [1, 2, 3])
        #expect(long.parts.allSatisfy { $0.heading == "l" && $0.headingPath.isEmpty })
    }
}
