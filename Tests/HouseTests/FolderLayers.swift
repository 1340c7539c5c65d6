/// The folders of one target as layers: a file uses types of its own folder and of lower ones.
///
/// Types are found by their names, as text: a declaration at the start of a line that is not private. A name that
/// several folders declare belongs to the lowest of them. What an extension adds to a lower type is not seen.
struct FolderLayers {
    let room: String
    /// From the lowest up; a folder inside one of them is of the same layer.
    let folders: [String]
    /// Which layer declares a type of that name.
    private let layers: [String: Int]

    init(room: String, folders: [String], files: [SourceFile]) throws {
        self.room = room
        self.folders = folders
        var layers: [String: Int] = [:]
        for file in files where file.room == room && file.isSwift {
            guard let layer = file.folder.flatMap(folders.firstIndex(of:)) else { continue }
            for match in try SourceFile.matches(of: Self.declaration, in: file.code) {
                if match.groups[1].contains("private") { continue }
                layers[match.groups[2]] = min(layer, layers[match.groups[2]] ?? layer)
            }
        }
        self.layers = layers
    }

    /// How many types were found.
    var typeCount: Int { layers.count }

    /// A use of a type that a higher folder declares.
    struct Arrow: Equatable, CustomStringConvertible {
        let path: String
        let line: Int
        let name: String
        let folder: String

        var description: String { "\(path):\(line): uses \(name), which \(folder) declares: a higher folder" }
    }

    /// The first use of each type of a higher folder, in the order of the lines; none for a file of another target.
    func arrows(in file: SourceFile) throws -> [Arrow] {
        guard file.room == room, file.isSwift, let own = file.folder.flatMap(folders.firstIndex(of:)) else {
            return []
        }
        var seen: Set<String> = []
        return try SourceFile.matches(of: Self.use, in: file.code).compactMap { match in
            let name = match.groups[0]
            guard let layer = layers[name], layer > own, seen.insert(name).inserted else { return nil }
            return Arrow(path: file.path, line: match.line, name: name, folder: folders[layer])
        }
    }

    private static let declaration =
        #"^((?:@\w+(?:\([^)\n]*\))?[ \t]+|[a-z]+[ \t]+)*)(?:class|struct|enum|actor|protocol|typealias)[ \t]+(\w+)"#
    /// A capitalised word that is no member of another type.
    private static let use = #"(?<![\w.])[A-Z]\w*"#
}

extension SourceFile {
    /// The folder of the target which this file is in; nil when it is in none.
    var folder: String? {
        let parts = path.split(separator: "/")
        return parts.count > 3 && parts[0] == "Sources" ? String(parts[2]) : nil
    }
}
