import Testing

@Suite("Masking comments and literals")
struct SourceMaskerTests {
    /// Swift text, what remains of it as code (blanks run together), and without comments alone.
    static let cases: [(text: String, code: String, uncommented: String)] = [
        ("let a = 1 // b", "let a = 1", "let a = 1"),
        ("a /* b /* c */ d */ e", "a e", "a e"),
        (#"f("// no comment")"#, #"f(" ")"#, #"f("// no comment")"#),
        (#"f("a\"b", c)"#, #"f(" ", c)"#, #"f("a\"b", c)"#),
        (#"f("x\(g("y"))z")"#, #"f(" g(" ") ")"#, #"f("x\(g("y"))z")"#),
        (##"f(#"a"b\n"#)"##, ##"f(#" "#)"##, ##"f(#"a"b\n"#)"##),
        (#"let r = /a"b/; c"#, #"let r = / /; c"#, #"let r = /a"b/; c"#),
        ("let q = a / b / c", "let q = a / b / c", "let q = a / b / c"),
        ("\"\"\"\n a \"b\" // c\n \"\"\" + d", "\"\"\" \"\"\" + d", "\"\"\" a \"b\" // c \"\"\" + d"),
        ("\"\" + a // b", "\"\" + a", "\"\" + a"),
        ("\"never closed\nlet b = 1", "\" let b = 1", "\"never closed let b = 1"),
    ]

    @Test("Code remains, comments and literals do not", arguments: cases.indices)
    func masks(index: Int) {
        let (text, code, uncommented) = Self.cases[index]
        let file = SourceFile(path: "a.swift", text: text)
        #expect(squeeze(file.code) == code)
        #expect(squeeze(file.uncommented) == uncommented)
    }

    @Test("In C, a character constant may hold a quotation mark, and comments do not nest")
    func masksC() {
        let file = SourceFile(path: "a.c", text: #"char q = '"'; /* a /* b */ int c = '\''; // d"#)
        #expect(squeeze(file.code) == "char q = ' '; int c = ' ';")
    }

    @Test("Lines stay where they are, whatever is masked", arguments: cases.indices)
    func keepsLines(index: Int) {
        let file = SourceFile(path: "a.swift", text: Self.cases[index].text)
        #expect(file.code.utf8.count == file.text.utf8.count)
        #expect(file.code.split(separator: "\n", omittingEmptySubsequences: false).count == file.lines.count)
    }

    private func squeeze(_ text: String) -> String {
        text.split(whereSeparator: { $0 == " " || $0 == "\n" }).joined(separator: " ")
    }
}
