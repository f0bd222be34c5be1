// How is a selector read from text?
//
//     selector    = [ requirement { "," requirement } ]
//     requirement = [ "!" ] key | key ( "=" | "==" | "!=" ) [ value ] | key ( "in" | "notin" ) "(" values ")" | key ( "<" | ">" ) number
//
// As Kubernetes reads it, `in` and `notin` as keys and values included; an empty text selects everything. What can't be read
// is an error with its column, counted in characters from 1.

extension LabelSelector {
    package struct SyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
        var column: Int
        var problem: String
        package var description: String { "column \(column): \(problem)" }
    }

    /// A selector that is longer names more than any metric has.
    static let textBytesMost = 4_096

    package init(parsing text: String) throws(SyntaxError) {
        guard text.utf8.count <= Self.textBytesMost else {
            throw SyntaxError(column: 1, problem: "the selector has \(text.utf8.count) bytes; at most \(Self.textBytesMost) are read")
        }
        var parser = LabelSelectorParser(tokens: try LabelSelectorLexer.tokens(of: text))
        requirements = try parser.selector()
    }
}

struct LabelSelectorParser {
    typealias Token = LabelSelectorLexer.Token
    typealias SyntaxError = LabelSelector.SyntaxError

    /// Ends with a token of kind `end`, which is never passed.
    private var tokens: ArraySlice<Token>
    private let end: Token

    init(tokens: [Token]) {
        end = tokens.last ?? Token(kind: .end, text: "", column: 1)
        self.tokens = tokens.dropLast()[...]
    }

    private var next: Token { tokens.first ?? end }
    private mutating func take() -> Token { tokens.popFirst() ?? end }

    mutating func selector() throws(SyntaxError) -> [LabelSelector.Requirement] {
        guard next.kind != .end else { return [] }
        var requirements = [try requirement()]
        while next.kind != .end {
            let comma = take()
            guard comma.isSymbol(",") else { throw unexpected(comma, expected: "',' or the end") }
            requirements.append(try requirement())
        }
        return requirements
    }

    private mutating func requirement() throws(SyntaxError) -> LabelSelector.Requirement {
        if next.isSymbol("!") {
            _ = take()
            return .doesNotExist(try key())
        }
        let key = try key()
        let what = next
        if what.kind == .end || what.isSymbol(",") { return .exists(key) }
        _ = take()
        switch what.text {
        case "=", "==": return .within(key, [try value()])
        case "!=": return .outside(key, [try value()])
        case "<": return .lessThan(key, try number())
        case ">": return .greaterThan(key, try number())
        case "in" where what.kind == .word: return .within(key, try values(of: what))
        case "notin" where what.kind == .word: return .outside(key, try values(of: what))
        default: throw unexpected(what, expected: "=, ==, !=, in, notin, <, >, ',' or the end")
        }
    }

    private mutating func key() throws(SyntaxError) -> String {
        let token = take()
        guard token.kind == .word else { throw unexpected(token, expected: "a label's key") }
        if let problem = LabelSyntax.problem(ofKey: token.text) {
            throw SyntaxError(column: token.column, problem: "'\(token.text)': \(problem)")
        }
        return token.text
    }

    /// The value behind `=`; nothing before a comma or the end is the empty value.
    private mutating func value() throws(SyntaxError) -> String {
        if next.kind == .end || next.isSymbol(",") { return "" }
        return try word()
    }

    private mutating func word() throws(SyntaxError) -> String {
        let token = take()
        guard token.kind == .word else { throw unexpected(token, expected: "a value") }
        if let problem = LabelSyntax.problem(ofValue: token.text) {
            throw SyntaxError(column: token.column, problem: "'\(token.text)': \(problem)")
        }
        return token.text
    }

    private mutating func number() throws(SyntaxError) -> Int64 {
        guard next.kind == .word, let number = Int64(next.text) else { throw unexpected(next, expected: "a whole number") }
        _ = try word()
        return number
    }

    /// `(a, b)`; a value left out, as in `(a,)`, is the empty one, but `()` is no set.
    private mutating func values(of operation: Token) throws(SyntaxError) -> Set<String> {
        let opening = take()
        guard opening.isSymbol("(") else { throw unexpected(opening, expected: "'('") }
        if next.isSymbol(")") { throw SyntaxError(column: next.column, problem: "'\(operation.text)' needs at least one value") }
        var values: Set<String> = []
        while true {
            values.insert(next.isSymbol(",") || next.isSymbol(")") ? "" : try word())
            let separator = take()
            if separator.isSymbol(")") { return values }
            guard separator.isSymbol(",") else { throw unexpected(separator, expected: "',' or ')'") }
        }
    }

    private func unexpected(_ token: Token, expected: String) -> SyntaxError {
        SyntaxError(column: token.column, problem: "found \(token.spoken), expected \(expected)")
    }
}
