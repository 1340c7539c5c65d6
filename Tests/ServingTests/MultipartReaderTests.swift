import Foundation
import Serving
import TestSupport
import Testing

@Suite("A form taken apart while it arrives")
struct MultipartReaderTests {
    private static let type = "multipart/form-data; boundary=b-1"

    /// The parts of a form by name, read in pieces of `size` bytes.
    private func parts(_ form: [UInt8], type: String = type, size: Int) throws -> [[String]] {
        var reader = try MultipartReader(contentType: type)
        var (parts, content): ([[String]], Data?) = ([], nil)
        var name: String?
        for start in stride(from: 0, to: form.count, by: size) {
            try reader.take(Array(form[start..<min(form.count, start + size)])) { event in
                switch event {
                case .begin(let found): (name, content) = (found, Data())
                case .bytes(let bytes): content?.append(bytes)
                case .end:
                    parts.append([name ?? "-", content.map { String(decoding: $0, as: UTF8.self) } ?? "?"])
                    content = nil
                }
            }
        }
        try reader.finish()
        return parts
    }

    @Test("Parts are the same in whatever pieces the form arrives", arguments: [1, 2, 3, 7, 64, 4096])
    func pieces(size: Int) throws {
        let tricky = "a\r\n--b-\r\n--b\r\n-b-1\r\r\n\n--b-1"
        let form =
            "--b-1\r\nContent-Disposition: form-data; name=\"snapshot\"; filename=\"a;name=x.bin\"\r\n"
            + "content-type: x\r\n\r\n" + tricky + "\r\n--b-1  \r\n\r\nno head\r\n--b-1\r\n"
            + "content-disposition: form-data; filename=f; name=empty\r\n\r\n\r\n--b-1--\r\nepilogue --b-1"
        let expected = [["snapshot", tricky], ["-", "no head"], ["empty", ""]]
        #expect(try parts(Array(form.utf8), size: size) == expected)
        #expect(try parts(Array(("preamble\r\n" + form).utf8), size: size) == expected)
    }

    @Test("The boundary is read with and without quotes")
    func boundaries() throws {
        let form = Array("--a b\r\n\r\nx\r\n--a b--".utf8)
        #expect(try parts(form, type: #"Multipart/Form-Data; charset=utf-8; BOUNDARY="a b""#, size: 5) == [["-", "x"]])
        for type in [
            "application/json", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x",
            "multipart/form-data; boundary=" + String(repeating: "x", count: 71),
            "multipart/form-data; boundary=\u{e9}", "", #"multipart/form-data; boundary=""#,
            #"multipart/form-data; boundary="\"#,
        ] {
            #expect(throws: MultipartReader.Malformed.self) { try MultipartReader(contentType: type) }
        }
    }

    @Test(
        "A form that is cut or is none is refused",
        arguments: [
            "", "no form", "--b-1", "--b-1\r\n", "--b-1\r\n\r\nx", "--b-1\r\n\r\nx\r\n--b-1",
            "--b-1x\r\n\r\nx\r\n--b-1--", "--b-1\r\n\r\nx\r\n--b-1-", "--b-1\r\na: b",
            "--b-1\n\nx\n--b-1--\n",
        ])
    func malformed(form: String) {
        for size in [1, 1000] {
            #expect(throws: MultipartReader.Malformed.self) { try parts(Array(form.utf8), size: size) }
        }
    }

    @Test("A head and the end of a boundary may not grow without limit")
    func limits() {
        let long = String(repeating: "x", count: 20_000)
        for form in ["--b-1\r\na: \(long)", "--b-1\(String(repeating: " ", count: 20_000))"] {
            #expect(throws: MultipartReader.Malformed.self) { try parts(Array(form.utf8), size: 1000) }
        }
    }

    @Test("Forms of random bytes come back whole, in random pieces")
    func random() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(seed: seed)
        for _ in 0..<300 {
            let letters = Array("\r\n-b1x".utf8)
            let content = (0..<random.below(80)).map { _ in letters[random.below(letters.count)] }
            guard !(Array("\r\n".utf8) + content).containsSubsequence(Array("\r\n--b-1".utf8)) else { continue }
            let form = Array("--b-1\r\n\r\n".utf8) + content + Array("\r\n--b-1--".utf8)
            let found = try parts(form, size: 1 + random.below(20))
            #expect(found == [["-", String(decoding: content, as: UTF8.self)]], "seed \(seed)")
        }
    }
}

extension [UInt8] {
    fileprivate func containsSubsequence(_ other: [UInt8]) -> Bool {
        indices.contains { self[$0...].starts(with: other) }
    }
}
