// What does a source file say, apart from its comments and the texts in it?

struct SourceFile: Sendable {
    /// From the repository's root.
    var path: String
    var lines: [String]
    /// The same lines with comments and the contents of string literals blanked out; interpolated code stays.
    var code: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        code = CodeLexer.code(of: text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// `Sources/TARGET/…`
    var target: String { String(path.split(separator: "/").dropFirst().first ?? "") }

    /// Modules it imports, with their line numbers from 1.
    var imports: [(module: String, line: Int)] {
        code.enumerated().compactMap { k, line in Self.importedModule(line).map { ($0, k + 1) } }
    }

    /// An identifier and the characters it stands between; space before a `(` doesn't count.
    struct Word {
        var text: String
        var previous: Character?
        var next: Character?
    }

    static func trimmed(_ line: String) -> Substring { line.drop(while: \.isWhitespace) }

    static func isWord(_ character: Character) -> Bool { character.isLetter || character.isNumber || character == "_" }

    static func words(_ line: String) -> [Word] {
        var words: [Word] = []
        var rest = line[...]
        while let start = rest.firstIndex(where: isWord) {
            let text = rest[start...].prefix(while: isWord)
            let previous = start > line.startIndex ? line[line.index(before: start)] : nil
            words.append(Word(text: String(text), previous: previous, next: line[text.endIndex...].first { $0 != " " }))
            rest = line[text.endIndex...]
        }
        return words
    }

    static func importedModule(_ line: String) -> String? {
        var words = line.split(separator: " ").drop {
            $0.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains($0)
        }
        guard words.popFirst() == "import" else { return nil }
        if let kind = words.first, ["struct", "class", "enum", "protocol", "typealias", "func", "var", "let", "actor"].contains(kind) {
            words.removeFirst()
        }
        return words.first.map { String($0.prefix(while: isWord)) }
    }

    /// The first line, with its number, that is neither blank, an import, nor the condition around one.
    var opening: (text: String, line: Int)? {
        for (k, line) in lines.enumerated() {
            let text = line.drop { $0 == " " }
            if text.isEmpty || text.hasPrefix("#") || Self.importedModule(String(text)) != nil { continue }
            return (String(text), k + 1)
        }
        return nil
    }
}

/// Tells Swift's code from its comments and literals. Knows nested comments, raw and multi-line strings, and interpolation.
private struct CodeLexer {
    private enum Place {
        case code
        /// Inside `\(…)`: how many parentheses are open.
        case interpolation(open: Int)
        case string(pounds: Int, isMultiline: Bool)
    }

    private static let newline = UInt8(ascii: "\n")
    private static let space = UInt8(ascii: " ")
    private static let quote = UInt8(ascii: "\"")
    private static let pound = UInt8(ascii: "#")

    private let text: [UInt8]
    private var index = 0
    private var out: [UInt8] = []
    private var places: [Place] = [.code]

    static func code(of text: String) -> String {
        var lexer = CodeLexer(text: Array(text.utf8))
        lexer.run()
        return String(decoding: lexer.out, as: UTF8.self)
    }

    private init(text: [UInt8]) { self.text = text }

    private mutating func run() {
        while index < text.count {
            if case .string(let pounds, let isMultiline) = places[places.count - 1] {
                stepInString(pounds, isMultiline)
            } else {
                stepInCode()
            }
        }
    }

    private func sees(_ wanted: StaticString) -> Bool {
        sees(UnsafeBufferPointer(start: wanted.utf8Start, count: wanted.utf8CodeUnitCount))
    }

    private func sees(_ wanted: some Collection<UInt8>) -> Bool {
        index + wanted.count <= text.count && text[index..<(index + wanted.count)].elementsEqual(wanted)
    }

    private mutating func blank(_ count: Int = 1) {
        for _ in 0..<count where index < text.count {
            out.append(text[index] == Self.newline ? Self.newline : Self.space)
            index += 1
        }
    }

    private mutating func keep() {
        out.append(text[index])
        index += 1
    }

    private mutating func stepInCode() {
        if sees("//") {
            while index < text.count, text[index] != Self.newline { blank() }
        } else if sees("/*") {
            skipComment()
        } else if text[index] == Self.quote || (text[index] == Self.pound && startsRawString) {
            openString()
        } else {
            countParentheses(text[index])
            keep()
        }
    }

    private var startsRawString: Bool {
        text[index...].first { $0 != Self.pound } == Self.quote
    }

    private mutating func skipComment() {
        var depth = 0
        repeat {
            if sees("/*") { depth += 1; blank(2) } else if sees("*/") { depth -= 1; blank(2) } else { blank() }
        } while depth > 0 && index < text.count
    }

    private mutating func openString() {
        var pounds = 0
        while text[index] == Self.pound { pounds += 1; blank() }
        let isMultiline = sees("\"\"\"")
        out.append(Self.quote)
        index += 1
        if isMultiline { blank(2) }
        places.append(.string(pounds: pounds, isMultiline: isMultiline))
    }

    private mutating func stepInString(_ pounds: Int, _ isMultiline: Bool) {
        let hashes = [UInt8](repeating: Self.pound, count: pounds)
        let end = [UInt8](repeating: Self.quote, count: isMultiline ? 3 : 1) + hashes
        let escape = [UInt8(ascii: "\\")] + hashes
        if sees(escape + [UInt8(ascii: "(")]) {
            blank(1 + pounds)
            keep()
            places.append(.interpolation(open: 1))
        } else if sees(escape) {
            blank(2 + pounds)
        } else if sees(end) || (!isMultiline && text[index] == Self.newline) {
            places.removeLast()
            if text[index] == Self.newline { return keep() }
            blank(end.count - 1)
            out.append(Self.quote)
            index += 1
        } else {
            blank()
        }
    }

    private mutating func countParentheses(_ character: UInt8) {
        guard case .interpolation(let open) = places[places.count - 1] else { return }
        switch character {
        case UInt8(ascii: "("): places[places.count - 1] = .interpolation(open: open + 1)
        case UInt8(ascii: ")") where open == 1: places.removeLast()
        case UInt8(ascii: ")"): places[places.count - 1] = .interpolation(open: open - 1)
        default: break
        }
    }
}
