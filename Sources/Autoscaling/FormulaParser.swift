// Is this text a formula, and which steps does it compile to?
//
// A recursive-descent parser with expr-lang's precedences that emits postfix steps as it goes; there is no tree. Every part
// it has read is a `FormulaFragment`: steps, kind, and the column where it began, so that a mistake in types is reported
// where it stands. Nesting and steps are bounded while parsing, before anything large is built.
//
//   expression  if c { a } else { b }   c ? a : b
//     10  or ||     15  and &&     20  == != < <= > >=     30  + -     50  not ! (prefix)     60  * / %
//     90  - + (prefix)     100  ** ^ (to the right)     500  ??
//   primary     number   true false nil   name   (…)   # (the element, in a list's predicate)   function(…)

/// A part of a formula, compiled.
struct FormulaFragment {
    enum Kind: Hashable { case number, condition, missing }

    var steps: [FormulaStep]
    var kind: Kind
    /// Where it begins, from 1.
    var column: Int
}

struct FormulaParser {
    static let reserved = ["true", "false", "nil", "and", "or", "not", "if", "else"]

    private let text: [UInt8]
    private let tokens: [FormulaLexer.Located]
    let names: [String]
    /// The token that is next. A list's predicate is read again for each element by setting this back.
    var position = 0
    /// What `#` stands for, inside a list's predicate.
    var element: FormulaFragment?
    private var depth = 0

    init(text: String, names: [String]) throws(FormulaError) {
        self.text = Array(text.utf8)
        self.names = names
        guard self.text.count <= Formula.textLimitBytes else {
            throw FormulaError(column: Formula.textLimitBytes + 1, message: "a formula has at most \(Formula.textLimitBytes) bytes; this one has \(self.text.count)")
        }
        tokens = try FormulaLexer.tokens(of: text)
    }

    mutating func program() throws(FormulaError) -> [FormulaStep] {
        guard token != .end else { throw fault("the formula is empty; write for instance (first + second) / 2") }
        let whole = try expression()
        guard token == .end else { throw fault("expected the end or an operator, found \(token.shown)") }
        guard whole.kind != .missing else { throw FormulaError(column: whole.column, message: "the formula is always nil") }
        return whole.steps
    }

    // MARK: - Grammar

    mutating func expression() throws(FormulaError) -> FormulaFragment {
        try enter()
        defer { depth -= 1 }
        if token == .name("if") { return try ifElse() }
        let condition = try binary(from: 0)
        guard take("?") else { return condition }
        let then = try expression()
        try expect(":", "the other half of ? …")
        return try choice(condition, then, try expression())
    }

    /// `if c { a } else { b }`, and `else if`.
    private mutating func ifElse() throws(FormulaError) -> FormulaFragment {
        position += 1
        let condition = try binary(from: 0)
        try expect("{", "the braces after if …")
        let then = try expression()
        try expect("}", "the end of if … {")
        guard token == .name("else") else { throw fault("expected else, found \(token.shown); every if needs one here") }
        position += 1
        if token == .name("if") { return try choice(condition, then, try expression()) }
        try expect("{", "the braces after else")
        let otherwise = try expression()
        try expect("}", "the end of else {")
        return try choice(condition, then, otherwise)
    }

    private mutating func binary(from lowest: Int) throws(FormulaError) -> FormulaFragment {
        var left = try prefix()
        while let (symbol, precedence) = binaryOperator(), precedence >= lowest {
            let isPower = precedence == 100
            position += 1
            if isPower { try enter() }
            defer { if isPower { depth -= 1 } }
            left = try combine(symbol, left, try binary(from: isPower ? precedence : precedence + 1))
        }
        return left
    }

    private mutating func prefix() throws(FormulaError) -> FormulaFragment {
        let start = column
        switch token {
        case .symbol("!"), .name("not"):
            let operand = try operand(from: 50)
            try check(operand, is: .condition, for: "not")
            return try join([operand], .unary(.not), .condition, at: start)
        case .symbol("-"):
            let operand = try operand(from: 90)
            try check(operand, is: .number, for: "-")
            return try join([operand], .unary(.negate), .number, at: start)
        case .symbol("+"):
            let operand = try operand(from: 90)
            try check(operand, is: .number, for: "+")
            return operand
        default:
            return try primary()
        }
    }

    /// What a prefix operator applies to.
    private mutating func operand(from precedence: Int) throws(FormulaError) -> FormulaFragment {
        try enter()
        defer { depth -= 1 }
        position += 1
        return try binary(from: precedence)
    }

    private mutating func primary() throws(FormulaError) -> FormulaFragment {
        let start = column
        switch token {
        case .number(let value):
            position += 1
            return FormulaFragment(steps: [.constant(value)], kind: .number, column: start)
        case .name(let name):
            return try named(name)
        case .symbol("("):
            position += 1
            let inner = try expression()
            try expect(")", "the parenthesis opened at column \(start)")
            return inner
        case .symbol("#"):
            guard var element else { throw fault("# is the element of a list and stands only in its predicate: count([a, b], {# > 1})") }
            position += 1
            element.column = start
            return element
        case .symbol("["):
            throw fault("a list stands only inside a function: max([a, b])")
        default:
            throw fault("expected a number, a trigger's name or a function, found \(token.shown)")
        }
    }

    private mutating func named(_ name: String) throws(FormulaError) -> FormulaFragment {
        let start = column
        switch name {
        case "true", "false":
            position += 1
            return FormulaFragment(steps: [.constant(name == "true" ? 1 : 0)], kind: .condition, column: start)
        case "nil":
            position += 1
            return FormulaFragment(steps: [.missing], kind: .missing, column: start)
        default:
            break
        }
        if Self.reserved.contains(name) { throw fault("expected a number, a trigger's name or a function, found \(name)") }
        if tokens[position + 1].token == .symbol("(") { return try call(name) }
        guard let index = names.firstIndex(of: name) else { throw unknown(name) }
        position += 1
        return FormulaFragment(steps: [.value(index)], kind: .number, column: start)
    }

    private func binaryOperator() -> (symbol: String, precedence: Int)? {
        switch token {
        case .symbol(let symbol):
            switch symbol {
            case "||": return ("or", 10)
            case "&&": return ("and", 15)
            case "==", "!=", "<", "<=", ">", ">=": return (symbol, 20)
            case "+", "-": return (symbol, 30)
            case "*", "/", "%": return (symbol, 60)
            case "**", "^": return (symbol, 100)
            case "??": return (symbol, 500)
            default: return nil
            }
        case .name("or"): return ("or", 10)
        case .name("and"): return ("and", 15)
        default: return nil
        }
    }

    // MARK: - Tokens

    var token: FormulaToken { tokens[position].token }
    var column: Int { tokens[position].offset + 1 }

    mutating func take(_ symbol: String) -> Bool {
        guard token == .symbol(symbol) else { return false }
        position += 1
        return true
    }

    mutating func expect(_ symbol: String, _ what: String) throws(FormulaError) {
        if !take(symbol) { throw fault("expected \(symbol) (\(what)), found \(token.shown)") }
    }

    func fault(_ message: String) -> FormulaError { FormulaError(column: column, message: message) }

    private mutating func enter() throws(FormulaError) {
        depth += 1
        if depth > Formula.nestingLimit { throw fault("nested more than \(Formula.nestingLimit) deep; split the formula") }
    }

    // MARK: - Unknown names

    private func unknown(_ name: String) -> FormulaError {
        if let (dashed, start) = unwritable(around: tokens[position].offset) {
            let message = "\(dashed) can't be written in a formula, where a name is letters, digits and _; give that trigger a name of those"
            return FormulaError(column: start + 1, message: message)
        }
        return fault("no trigger is called \(name)\(NearestName.hint(for: name, in: names))")
    }

    /// The trigger name with a dash or the like that the text has at this place, and where it begins.
    private func unwritable(around offset: Int) -> (name: String, start: Int)? {
        for name in names where !name.utf8.allSatisfy(Self.isNameByte) {
            for start in max(0, offset - name.utf8.count + 1)...offset where text[start...].starts(with: name.utf8) {
                return (name, start)
            }
        }
        return nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") <= 9
    }
}
