/// A text in TOML with what it defines: each value under its whole path, and each table once.
///
/// The rules are those of TOML 1.0: a table, a key and the keys of an inline table are defined once; a header may add a
/// table below one that dotted keys made, dotted keys may not go into one that a header made.
struct TOMLDocument {
    typealias Fault = SettingsText.Fault

    enum Step: Hashable {
        case name(String)
        /// An element of an array of tables, from 1 on.
        case element(Int)
    }

    /// A header or a pair under its whole path.
    struct Definition {
        let path: [Step]
        let statement: TOMLScanner.Statement
    }

    private enum Node {
        case value, header, impliedByHeader, impliedByKeys
        case tables(count: Int)
    }

    let bytes: [UInt8]
    let scanner: TOMLScanner
    /// In the order of the text.
    private(set) var definitions: [Definition] = []
    private var nodes: [[Step]: Node] = [:]
    private var table: [Step] = []

    /// - Throws: for a text that is not TOML, with the line.
    init(_ bytes: [UInt8]) throws(Fault) {
        self.bytes = bytes
        scanner = TOMLScanner(bytes)
        var scanner = scanner
        for statement in try scanner.statements() {
            let path = statement.kind == .pair ? definePair(statement) : defineTable(statement)
            guard let path else {
                throw Fault(
                    message: "line \(scanner.line(of: statement.key.range.lowerBound)): "
                        + "\(statement.key.names.joined(separator: ".")) is defined twice")
            }
            definitions.append(Definition(path: path, statement: statement))
        }
    }

    /// The whole path of the header's table; nil where it is defined already.
    private mutating func defineTable(_ header: TOMLScanner.Statement) -> [Step]? {
        var path: [Step] = []
        for name in header.key.names.dropLast() {
            path.append(.name(name))
            switch nodes[path] {
            case nil: nodes[path] = .impliedByHeader
            case .value: return nil
            case .tables(let count): path.append(.element(count))
            case .header, .impliedByHeader, .impliedByKeys: break
            }
        }
        path += header.key.names.suffix(1).map { .name($0) }
        switch (header.kind, nodes[path]) {
        case (.elementOfTables, nil):
            nodes[path] = .tables(count: 1)
            path.append(.element(1))
        case (.elementOfTables, .tables(let count)):
            nodes[path] = .tables(count: count + 1)
            path.append(.element(count + 1))
        case (.table, nil), (.table, .impliedByHeader): nodes[path] = .header
        default: return nil
        }
        table = path
        return path
    }

    /// The whole path of the pair's value; nil where it is defined already.
    private mutating func definePair(_ pair: TOMLScanner.Statement) -> [Step]? {
        var path = table
        for name in pair.key.names.dropLast() {
            path.append(.name(name))
            switch nodes[path] {
            case nil, .impliedByHeader, .impliedByKeys: nodes[path] = .impliedByKeys
            case .value, .header, .tables: return nil
            }
        }
        path += pair.key.names.suffix(1).map { .name($0) }
        guard nodes[path] == nil else { return nil }
        nodes[path] = .value
        return path
    }

    /// The value at this path; nil where no pair has it.
    func value(at path: [Step]) -> Range<Int>? {
        definitions.first { $0.statement.kind == .pair && $0.path == path }?.statement.value
    }

    /// Where the header of this table is; nil where there is none.
    func header(of path: [Step]) -> TOMLScanner.Statement? {
        definitions.first { $0.statement.kind == .table && $0.path == path }?.statement
    }
}
