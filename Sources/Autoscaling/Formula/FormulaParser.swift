import Basics

// Is this text a formula, and which steps does it compile to?
//
// A recursive-descent parser with expr-lang's precedences that emits postfix steps as it goes; there is no tree. Every part
// it has read is a `FormulaFragment`: steps, kind, and the column where it began, so that a mistake in types is reported
// where it stands. Nesting and steps are bounded while parsing, before anything large is built.
//
//   expression  let name = a; b   if c { a } else { b }   c ? a : b
//     0  | (into a function)     10  or ||     15  and &&     20  == != < <= > >= in, not in     25  ..     30  + -
//     50  not ! (prefix)     60  * / %     90  - + (prefix)     100  ** ^ (to the right)     500  ??
//   primary     number   true false nil   name   (…)   [a, b]   # #index #acc (in a list's predicate)   function(…)
//
// Names that came with later versions (`let`, `in`) are words only where nothing else could stand, so that a formula over a
// trigger of that name reads as it did.

/// A part of a formula, compiled.
struct FormulaFragment {
    enum Kind: Hashable { case number, condition, missing, list }

    var steps: [FormulaStep]
    var kind: Kind
    /// Where it begins, from 1.
    var column: Int
    /// Of a list, which has no steps.
    var list: FormulaList?
    /// Elements of a list, those of lists within it counted one by one: lists of lists grow as fast as one can write them.
    private var size = 1

    init(steps: [FormulaStep], kind: Kind, column: Int) {
        self.steps = steps
        self.kind = kind
        self.column = column
    }

    fileprivate init(_ list: FormulaList, column: Int) {
        self.init(steps: [], kind: .list, column: column)
        self.list = list
    }

    static func range(from: FormulaFragment, through: FormulaFragment, column: Int) -> FormulaFragment {
        FormulaFragment(.range(from: from, through: through), column: column)
    }

    static func list(_ elements: [FormulaElement], column: Int) throws(FormulaError) -> FormulaFragment {
        let size = elements.reduce(0) { $0 + $1.value.size }
        guard size <= Formula.listLimit else {
            throw FormulaError(column: column, message: "a list has at most \(Formula.listLimit) elements, and this one has more")
        }
        var list = FormulaFragment(.elements(elements), column: column)
        list.size = size
        return list
    }
}

struct FormulaParser {
    static let reserved = ["true", "false", "nil", "and", "or", "not", "if", "else"]

    private let text: [UInt8]
    private let tokens: [FormulaLexer.Located]
    let names: [String]
    /// The token that is next. A list's predicate is read again for each element by setting this back.
    var position = 0
    /// What `#` stands for, inside a list's predicate; `#index` is its place from 0, `#acc` what `reduce` came to so far.
    var element: FormulaFragment?
    var elementIndex: Int?
    var accumulator: FormulaFragment?
    /// What `let` has named, the innermost last.
    private var variables: [(name: String, value: FormulaFragment)] = []
    /// Steps that fill locals. All of a formula is pure, so they run before the rest.
    private var preamble: [FormulaStep] = []
    private(set) var localCount = 0
    private var depth = 0
    private var expressionsRead = 0

    init(text: String, names: [String]) throws(FormulaError) {
        self.text = Array(text.utf8)
        self.names = names
        guard self.text.count <= Formula.textLimitBytes else {
            throw FormulaError(
                column: Formula.textLimitBytes + 1,
                message: "a formula has at most \(Formula.textLimitBytes) bytes; this one has \(self.text.count)")
        }
        tokens = try FormulaLexer.tokens(of: text)
    }

    mutating func program() throws(FormulaError) -> [FormulaStep] {
        guard token != .end else { throw fault("the formula is empty; write for instance (first + second) / 2") }
        let whole = try expression()
        guard token == .end else { throw unexpected("expected the end or an operator") }
        guard whole.kind != .missing else { throw FormulaError(column: whole.column, message: "the formula is always nil") }
        guard whole.kind != .list else {
            throw FormulaError(column: whole.column, message: "the formula is a list, not a number; put it in a function: max([a, b])")
        }
        try checkLength(whole.steps, at: whole.column)
        return preamble + whole.steps
    }

    func checkLength(_ steps: [FormulaStep], at column: Int) throws(FormulaError) {
        guard preamble.count + steps.count > Formula.stepLimit else { return }
        throw FormulaError(column: column, message: "the formula compiles to more than \(Formula.stepLimit) steps; make it simpler")
    }

    /// The same value without the work of calculating it again: what takes more than a step is put into a local.
    mutating func remembered(_ fragment: FormulaFragment) throws(FormulaError) -> FormulaFragment {
        if let list = fragment.list {
            var whole = fragment
            whole.list = try remembered(list)
            return whole
        }
        guard fragment.steps.count > 1 else { return fragment }
        let steps = fragment.steps + [.store(localCount)]
        try checkLength(steps, at: fragment.column)
        preamble += steps
        localCount += 1
        return FormulaFragment(steps: [.local(localCount - 1)], kind: fragment.kind, column: fragment.column)
    }

    // MARK: - Grammar

    mutating func expression() throws(FormulaError) -> FormulaFragment {
        try enter()
        defer { depth -= 1 }
        if isDeclaration { return try declarations() }
        if token == .name("if") { return try ifElse() }
        let condition = try binary(from: 0)
        guard take("?") else { return condition }
        let then = try expression()
        try expect(":", "the other half of ? …")
        return try choice(condition, then, try expression())
    }

    /// `let NAME`: no formula without the word had a name there.
    private var isDeclaration: Bool {
        if token == .name("let"), case .name = tokens[position + 1].token { true } else { false }
    }

    /// `let a = 1; let b = a + 1; b`
    private mutating func declarations() throws(FormulaError) -> FormulaFragment {
        let outer = variables.count
        defer { variables.removeLast(variables.count - outer) }
        while isDeclaration {
            position += 1
            let name = try newName()
            try expect("=", "the value of \(name)")
            variables.append((name, try remembered(try expression())))
            try expect(";", "the end of let \(name) = …")
        }
        let body = try expression()
        // One more ; ends nothing.
        if token == .symbol(";"), tokens[position + 1].token == .end { position += 1 }
        return body
    }

    /// A name is given once, as expr-lang demands.
    private mutating func newName() throws(FormulaError) -> String {
        guard case .name(let name) = token else { throw unexpected("expected a name after let") }
        let isTaken = names.contains(name) || variables.contains { $0.name == name }
        if isTaken { throw fault("\(name) is the name of something already; give this one another") }
        if Self.reserved.contains(name) || Self.functions.contains(name) {
            throw fault("\(name) is a word of the language; give it another name")
        }
        position += 1
        return name
    }

    /// `if c { a } else { b }`, and `else if`.
    private mutating func ifElse() throws(FormulaError) -> FormulaFragment {
        position += 1
        let condition = try binary(from: 0)
        try expect("{", "the braces after if …")
        let then = try expression()
        try expect("}", "the end of if … {")
        guard token == .name("else") else { throw unexpected("expected else", "; every if needs one here") }
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
            let start = column
            position += symbol == "not in" ? 2 : 1
            if isPower { try enter() }
            defer { if isPower { depth -= 1 } }
            if symbol == "|" {
                left = try piped(left, at: start)
                continue
            }
            let right = try binary(from: isPower ? precedence : precedence + 1)
            left = Self.comparisons.contains(symbol) ? try comparison(symbol, left, right) : try combine(symbol, left, right)
        }
        return left
    }

    /// `a | max(b)` is max(a, b).
    private mutating func piped(_ left: FormulaFragment, at start: Int) throws(FormulaError) -> FormulaFragment {
        guard case .name(let name) = token, tokens[position + 1].token == .symbol("(") else {
            throw FormulaError(column: start, message: "| hands a value to a function, as in a | max(b); write || or or to join conditions")
        }
        return try call(name, piped: left)
    }

    private static let comparisons: Set<String> = ["<", "<=", ">", ">="]

    /// `a < b`, and `a < b < c`, which is a < b and b < c.
    private mutating func comparison(_ symbol: String, _ left: FormulaFragment, _ right: FormulaFragment) throws(FormulaError)
        -> FormulaFragment
    {
        guard let (next, _) = binaryOperator(), Self.comparisons.contains(next) else { return try combine(symbol, left, right) }
        var middle = try remembered(right)
        var whole = try combine(symbol, left, middle)
        while let (next, _) = binaryOperator(), Self.comparisons.contains(next) {
            position += 1
            let last = try remembered(try binary(from: 21))
            whole = try combine("and", whole, try combine(next, middle, last))
            middle = last
        }
        return whole
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
            return try indexed(inner)
        case .symbol("#"):
            return try indexed(try ofElement())
        case .symbol("["):
            return try indexed(try list())
        default:
            throw unexpected("expected a number, a trigger's name or a function")
        }
    }

    /// `#`, `#index`, `#acc`.
    private mutating func ofElement() throws(FormulaError) -> FormulaFragment {
        let start = column
        guard var element else { throw fault("# is the element of a list and is valid only in its predicate: count([a, b], {# > 1})") }
        position += 1
        // Its second word follows without a space.
        if case .name(let name) = token, column == start + 1 {
            switch (name, elementIndex, accumulator) {
            case ("index", let index?, _): element = FormulaFragment(steps: [.constant(Double(index))], kind: .number, column: start)
            case ("acc", _, let accumulator?): element = accumulator
            case ("index", nil, _): throw fault("#index is unknown here: the list before it may have lost elements to filter")
            case ("acc", _, nil): throw fault("#acc is what reduce came to so far, and this is no reduce")
            default: throw fault("the names are #, #index and, in reduce, #acc; not #\(name) is none of them")
            }
            position += 1
        }
        element.column = start
        return element
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
        if tokens[position + 1].token == .symbol("(") { return try indexed(try call(name)) }
        if let variable = variables.last(where: { $0.name == name }) {
            position += 1
            var value = variable.value
            value.column = start
            return try indexed(value)
        }
        guard let index = names.firstIndex(of: name) else { throw unknown(name) }
        position += 1
        return FormulaFragment(steps: [.value(index)], kind: .number, column: start)
    }

    private func binaryOperator() -> (symbol: String, precedence: Int)? {
        switch token {
        case .symbol(let symbol):
            switch symbol {
            case "|": return (symbol, 0)
            case "||": return ("or", 10)
            case "&&": return ("and", 15)
            case "==", "!=", "<", "<=", ">", ">=": return (symbol, 20)
            case "..": return (symbol, 25)
            case "+", "-": return (symbol, 30)
            case "*", "/", "%": return (symbol, 60)
            case "**", "^": return (symbol, 100)
            case "??": return (symbol, 500)
            default: return nil
            }
        case .name("or"): return ("or", 10)
        case .name("and"): return ("and", 15)
        case .name("in"): return ("in", 20)
        case .name("not") where tokens[position + 1].token == .name("in"): return ("not in", 20)
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
        if !take(symbol) { throw unexpected("expected \(symbol) (\(what))") }
    }

    /// What stands here can't; where it means something elsewhere, or to others, the message says so.
    func unexpected(_ expected: String, _ remedy: String = "") -> FormulaError {
        switch token {
        case .symbol("="): fault("= means nothing here; write == to compare")
        case .symbol(";"): fault("; means nothing here; it ends let NAME = …")
        case .name(let name) where FormulaAdvice.textOperators.contains(name): fault("\(name) compares texts, and a formula has none")
        default: fault("\(expected), found \(token.shown)\(remedy)")
        }
    }

    func fault(_ message: String) -> FormulaError { FormulaError(column: column, message: message) }

    private mutating func enter() throws(FormulaError) {
        depth += 1
        expressionsRead += 1
        if expressionsRead > Formula.readingLimit {
            throw fault("the formula takes more than \(Formula.readingLimit) steps to compile; make it simpler")
        }
        if depth > Formula.nestingLimit { throw fault("nested more than \(Formula.nestingLimit) deep; split the formula") }
    }

    // MARK: - Unknown names

    private func unknown(_ name: String) -> FormulaError {
        if let (dashed, start) = unwritable(around: tokens[position].offset) {
            let message =
                "\(dashed) can't be written in a formula, where a name is letters, digits and _; give that trigger a name of those"
            return FormulaError(column: start + 1, message: message)
        }
        if name == "let" { return fault("let gives a value a name, as in let x = a + b; x * 2") }
        return fault("no trigger is called \(name)\(NearestName.hint(for: name, in: names + variables.map(\.name)))")
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
