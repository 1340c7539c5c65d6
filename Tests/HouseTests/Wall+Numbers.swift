// Numbers of a request never reach arithmetic that can trap: a client may send any number, and a trap ends the
// process for everybody. The rules read names, not types. A number of a request is
//
//   - a variable, parameter or member with a name of `requestNames`, or
//   - a variable that the same file binds to a number that it reads from a request (`reading`), to what a pattern takes
//     out of a JSON integer, or to text read as an integer.
//
// The last binding before a use decides. Arithmetic of `Double` and `Float` does not trap and passes.

import Foundation

extension Wall {
    static let numbers = [arithmeticIsChecked, doublesBecomeIntegersSafely, nothingIsForceUnwrapped]

    /// Where requests are read.
    private static let readers = [
        "Sources/QdrantAdapter/", "Sources/QdrantGRPC/", "Sources/MCP/", "Sources/MCPServer/", "Sources/Serving/",
        "Sources/Memory/Contract/",
    ]

    private static func reads(_ file: SourceFile) -> Bool {
        file.isSwift && Exceptions.contain(file.path, in: readers)
    }

    private static let requestNames: Set<String> = [
        "limit", "offset", "groupSize", "breadth", "ef", "sample", "top", "topK", "candidates", "timeout",
        "timeoutSeconds", "priority",
    ]

    /// An expression that reads a whole number from a request.
    private static let reading =
        #"\b(?:count|integer|whole|limit|offset)\((?:"\s*"|key|name)|\bintegerValue\b"#
        + #"|\bU?Int\d*\((?:text|inside|rest|part|\w+\.dropFirst)"#

    /// An expression that reads a fraction from a request, or is one.
    private static let readingFraction = #"\bdouble\((?:"\s*"|key|name)|\bdoubleValue\b|\btimeIntervalSince|\bDouble\("#

    private static let arithmeticIsChecked = Wall(
        "no bare arithmetic on a request's numbers",
        trespasses: [
            trespass("let end = node.limit + node.offset\n"), trespass("let wide = request.limit.count * 4\n"),
            trespass("asked = min(max(groups * limit, 1), most)\n"), trespass("left -= offset\n"),
            trespass("let m = try value.count(\"m\") ?? 16\nlet links = 2 * m\n"),
            trespass("guard let (a, b) = (try body.count(\"a\"), 1) else { return }\nreturn b - a\n"),
            trespass("case .integer(let number): return number + 1\n"),
            trespass("let days = members[\"days\"]?.integerValue ?? 1\nlet seconds = days\n    * 86_400\n"),
            trespass("let page = list[offset ..< list.count - limit(of: request)]\n"),
            trespass("let part = sum / sample\n"), trespass("return hash % timeout\n"),
        ],
        passes: [
            trespass("let end = node.limit.reaching(node.offset)\nlet text = \"limit + offset\" // limit + offset\n"),
            trespass("let share = oversampling * Double(limit)\nlet rows = rows.count + 1\n"),
            trespass("let m = try value.count(\"m\")\nfunc f(m: Int) -> Int { m + 1 }\n"),
            trespass("validation.range(\"limit\", limit, from: -1)\nlet limits = [limit]\nreturn half(limit) / 2\n"),
            SourceFile(path: "Sources/HNSW/A.swift", text: "let end = limit + offset\n"),
        ]
    ) { file in
        guard reads(file) else { return [] }
        let code = CodeText(file.code)
        let bindings = try Bindings(file.code, isFound: reading, in: code, named: requestNames)
        return try code.operations().compactMap { operation in
            let operands = operation.isDivision ? [operation.right] : [operation.left, operation.right]
            guard ![operation.left, operation.right].contains(where: \.isFloating) else { return nil }
            let names = operands.flatMap(\.names).filter { name in
                bindings.last(name, before: operation.offset) ?? requestNames.contains(name)
            }
            guard let name = names.first else { return nil }
            return Finding(
                path: file.path, line: operation.line,
                message: "arithmetic that can trap on \(name): use Limit or Offset")
        }
    }

    private static let doublesBecomeIntegersSafely = Wall(
        "a fraction becomes a whole number by Int(exactly:) or Int(saturating:)",
        trespasses: [
            trespass("let seconds = Int(wait.rounded(.up))\n"), trespass("return Int64(value.doubleValue ?? 0)\n"),
            trespass("guard let price = try body.double(\"price\") else { return }\nlet whole = UInt32(price)\n"),
            trespass("func f(_ share: Double) -> Int { Int(share) }\n"), trespass("let a = Int(Double(b) * 1.5)\n"),
            trespass("let a = value.doubleValue.map(Int.init)\n"),
            trespass("let a = try body.double(\"x\").map { Int64($0) }\n"),
        ],
        passes: [
            trespass("let a = Int(exactly: number.rounded())\nlet b = Int(saturating: wait.rounded(.up))\n"),
            trespass("let x: Double = 1\nlet a = Float(x)\nlet b = Int(count)\nlet c = Double(Int(slot))\n"),
            trespass("let number = value.doubleValue\ncase .integer(let number): return Int(number)\n"),
            SourceFile(path: "Sources/HNSW/A.swift", text: "let a = Int(x.rounded())\n"),
        ]
    ) { file in
        guard reads(file) else { return [] }
        let code = CodeText(file.code)
        let bindings = try Bindings(file.code, isFound: readingFraction, in: code, typed: #":\s*(?:Double|Float)\b"#)
        let message = "a fraction that may be too large for an integer"
        let plain = try code.conversions().compactMap { conversion -> Finding? in
            let isFraction =
                try !SourceFile.matches(
                    of: #"\.rounded\(|\bdoubleValue\b|\b(?:Double|Float)\(|\d\.\d|\btimeIntervalSince|\.squareRoot\("#,
                    in: conversion.argument.text
                ).isEmpty
            let isNamed = conversion.argument.names.contains { bindings.last($0, before: conversion.offset) ?? false }
            guard isFraction || isNamed else { return nil }
            return Finding(path: file.path, line: conversion.line, message: "\(message): \(conversion.argument.text)")
        }
        let mapped = #"(?:\bdoubleValue\b|\.double\([^)\n]*\))[^\n]*\b(?:U?Int\d*)(?:\.init\b|\(\$0\))"#
        return plain + (try file.findings(mapped, message))
    }

    private static let nothingIsForceUnwrapped = Wall(
        "nothing that a request may leave out is unwrapped by force",
        trespasses: [
            trespass("let a = body[\"x\"]!\n"), trespass("let a = find()!.name\n"), trespass("let a: String! = nil\n"),
            trespass("return names.first!\n"), trespass("let a = \"\\(value!)\"\n"),
        ],
        passes: [
            trespass("if a != b, !c, x!=y { print(\"no!\") } // a!\n"),
            SourceFile(path: "Sources/HNSW/A.swift", text: "let a = b!\n"),
        ]
    ) { file in
        reads(file) ? try file.findings(#"\S*(?<=[\w)\]}>"?])!(?!=)"#, "unwrapped by force") : []
    }

    private static func trespass(_ text: String) -> SourceFile {
        SourceFile(path: "Sources/QdrantAdapter/Core/A.swift", text: text)
    }
}

/// Masked code in which operators and their operands are found.
private struct CodeText {
    private let bytes: [UInt8]
    private let text: String

    init(_ code: String) {
        text = code
        bytes = Array(code.utf8)
    }

    /// A chain of members, calls and subscripts.
    struct Operand {
        let text: String

        /// Every name in it, with the names inside its parentheses.
        var names: [String] {
            text.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init).filter { !$0.isEmpty }
        }

        var isFloating: Bool { text.hasPrefix("Double(") || text.hasPrefix("Float(") }
    }

    struct Operation {
        let offset: Int
        let line: Int
        let left: Operand
        let right: Operand
        let isDivision: Bool
    }

    struct Conversion {
        let offset: Int
        let line: Int
        let argument: Operand
    }

    /// Binary operators with blanks on both sides, which is how the formatter writes them.
    func operations() throws -> [Operation] {
        try places(of: #"(?<=[\w)\]?"])\s+(?:[-+*/%]=?)\s+(?=[\w(\[$.])"#).map { start, end in
            let sign = bytes[start..<end].first { $0 > 0x20 }
            return Operation(
                offset: start, line: line(start), left: operand(endingAt: start), right: operand(startingAt: end),
                isDivision: sign == UInt8(ascii: "/") || sign == UInt8(ascii: "%"))
        }
    }

    /// `Int(…)` and its like without a label.
    func conversions() throws -> [Conversion] {
        try places(of: #"(?<![\w.])U?Int(?:8|16|32|64)?\((?!\s*[a-zA-Z]\w*\s*:)"#).map { start, end in
            Conversion(offset: start, line: line(start), argument: operand(startingAt: end - 1))
        }
    }

    func line(_ offset: Int) -> Int { bytes[..<offset].count { $0 == UInt8(ascii: "\n") } + 1 }

    /// UTF-8 offsets of what matches.
    func places(of pattern: String) throws -> [(start: Int, end: Int)] {
        let expression = try NSRegularExpression(pattern: pattern, options: [.anchorsMatchLines])
        return expression.matches(in: text, range: NSRange(text.startIndex..., in: text)).compactMap { match in
            guard let range = Range(match.range, in: text) else { return nil }
            return (
                text.utf8.distance(from: text.startIndex, to: range.lowerBound),
                text.utf8.distance(from: text.startIndex, to: range.upperBound)
            )
        }
    }

    private func isName(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "$")
            || byte >= 0x80 || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
            || (0x61...0x7A).contains(byte)
    }

    private func operand(endingAt end: Int) -> Operand {
        var start = end
        while start > 0 {
            let byte = bytes[start - 1]
            if byte == UInt8(ascii: ")") || byte == UInt8(ascii: "]") {
                start = opening(before: start)
            } else if isName(byte) {
                start -= 1
            } else {
                break
            }
        }
        return Operand(text: String(decoding: bytes[start..<end], as: UTF8.self))
    }

    private func operand(startingAt start: Int) -> Operand {
        var end = start
        while end < bytes.count {
            if bytes[end] == UInt8(ascii: "(") || bytes[end] == UInt8(ascii: "[") {
                end = closing(from: end)
            } else if isName(bytes[end]) {
                end += 1
            } else {
                break
            }
        }
        return Operand(text: String(decoding: bytes[start..<end], as: UTF8.self))
    }

    /// Where the parenthesis opens that closes before `end`.
    private func opening(before end: Int) -> Int {
        var (depth, at) = (0, end)
        while at > 0 {
            at -= 1
            if bytes[at] == UInt8(ascii: ")") || bytes[at] == UInt8(ascii: "]") { depth += 1 }
            if bytes[at] == UInt8(ascii: "(") || bytes[at] == UInt8(ascii: "[") { depth -= 1 }
            if depth == 0 { return at }
        }
        return 0
    }

    /// Behind the parenthesis that closes the one at `start`.
    private func closing(from start: Int) -> Int {
        var (depth, at) = (0, start)
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "(") || bytes[at] == UInt8(ascii: "[") { depth += 1 }
            if bytes[at] == UInt8(ascii: ")") || bytes[at] == UInt8(ascii: "]") { depth -= 1 }
            at += 1
            if depth == 0 { return at }
        }
        return bytes.count
    }
}

/// Which names a file binds, where, and whether to what is looked for.
private struct Bindings {
    private var all: [String: [(offset: Int, isFound: Bool)]] = [:]

    /// - Parameters:
    ///   - isFound: matches in the expressions that are looked for.
    ///   - typed: matches the annotation of a binding that is looked for whatever its expression.
    ///   - named: names of parameters that are looked for.
    init(
        _ text: String, isFound: String, in code: CodeText, typed: String? = nil, named: Set<String> = []
    ) throws {
        let bytes = Array(text.utf8)
        func matches(_ pattern: String, _ part: String) throws -> Bool {
            try !SourceFile.matches(of: pattern, in: part).isEmpty
        }
        // `let name = …` and `let (a, b) = …`, with the line behind it; `case .integer(let name)`; parameters.
        let binding = #"\b(?:let|var)\s+(?:\w+|\([^)\n]*\))(?:\s*:\s*[\w?.]+)?\s*=\s*[^\n]*(?:\n\s+[^\n]*)?"#
        for (start, end) in try code.places(of: binding) {
            let part = String(decoding: bytes[start..<end], as: UTF8.self)
            let halves = part.split(separator: "=", maxSplits: 1).map(String.init)
            let isTyped = try typed.map { try matches($0, halves[0]) } ?? false
            let found = try isTyped || matches(isFound, halves.last ?? "")
            for name in Set(CodeText.Operand(text: halves[0]).names).subtracting(["let", "var"]) {
                all[name, default: []].append((start, found))
            }
        }
        for (start, end) in try code.places(of: #"\.\w+\(let \w+\)"#) {
            let names = CodeText.Operand(text: String(decoding: bytes[start..<end], as: UTF8.self)).names
            guard let name = names.last, let kind = names.first else { continue }
            all[name, default: []].append((start, typed == nil && (kind == "integer" || kind == "unsigned")))
        }
        for (start, end) in try code.places(of: #"[(,]\s*(?:\w+\s+)?\w+\s*:\s*(?:inout\s+)?[A-Z]\w*"#) {
            let part = String(decoding: bytes[start..<end], as: UTF8.self)
            let head = CodeText.Operand(text: String(part.prefix { $0 != ":" })).names
            guard let name = head.last else { continue }
            let isFraction = try matches(#":\s*(?:inout\s+)?(?:Double|Float)\b"#, part)
            all[name, default: []].append((start, typed == nil ? !isFraction && named.contains(name) : isFraction))
        }
    }

    /// Whether the last binding of `name` before `offset` is one that is looked for; nil when there is none.
    func last(_ name: String, before offset: Int) -> Bool? {
        all[name]?.filter { $0.offset < offset }.max { $0.offset < $1.offset }?.isFound
    }
}
