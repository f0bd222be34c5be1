// Of which words does a selector consist?
//
// As Kubernetes cuts them: `(`, `)`, `,`, operators made of `=`, `!`, `<`, `>`, and everything else between those and white
// space is a word. `in` and `notin` are words here; the parser knows where they are operators.

struct LabelSelectorLexer {
    struct Token: Hashable, Sendable {
        enum Kind: Hashable, Sendable { case word, symbol, end }
        var kind: Kind
        var text: String
        /// Of its first character, from 1.
        var column: Int

        func isSymbol(_ symbol: String) -> Bool { kind == .symbol && text == symbol }
        func isWord(_ word: String) -> Bool { kind == .word && text == word }

        /// As an error names it.
        var spoken: String { kind == .end ? "end of selector" : "'\(text)'" }
    }

    static let blanks: Set<Character> = [" ", "\t", "\r", "\n", "\r\n"]
    private static let brackets: Set<Character> = ["(", ")", ","]
    private static let operatorCharacters: Set<Character> = ["=", "!", "<", ">"]
    private static let operators: Set<String> = ["=", "==", "!=", "!", "<", ">"]

    static func tokens(of text: String) throws(LabelSelector.SyntaxError) -> [Token] {
        var tokens: [Token] = []
        let characters = Array(text)
        var index = 0
        while index < characters.count {
            let start = index
            let character = characters[index]
            if blanks.contains(character) { index += 1; continue }
            if brackets.contains(character) {
                index += 1
                tokens.append(Token(kind: .symbol, text: String(character), column: start + 1))
            } else if operatorCharacters.contains(character) {
                index = end(of: characters, from: start) { operatorCharacters.contains($0) }
                tokens.append(contentsOf: try operators(characters[start..<index], column: start + 1))
            } else {
                index = end(of: characters, from: start) {
                    !blanks.contains($0) && !brackets.contains($0) && !operatorCharacters.contains($0)
                }
                tokens.append(Token(kind: .word, text: String(characters[start..<index]), column: start + 1))
            }
        }
        tokens.append(Token(kind: .end, text: "", column: characters.count + 1))
        return tokens
    }

    private static func end(of characters: [Character], from start: Int, _ belongs: (Character) -> Bool) -> Int {
        characters[start...].firstIndex { !belongs($0) } ?? characters.count
    }

    /// The longest operators that a run such as `==` or `!` is made of.
    private static func operators(_ run: ArraySlice<Character>, column: Int) throws(LabelSelector.SyntaxError) -> [Token] {
        let text = String(run)
        guard operators.contains(text) else {
            throw LabelSelector.SyntaxError(column: column, problem: "'\(text)' is no operator: there are =, ==, !=, in, notin, !, < and >")
        }
        return [Token(kind: .symbol, text: text, column: column)]
    }
}
