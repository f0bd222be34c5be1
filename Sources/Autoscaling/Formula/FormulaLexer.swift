// What are the words of a formula, and where does each begin?
//
// The text is cut into tokens once; the parser walks over them, back again where a list's predicate is read for each
// element. Every token knows its offset. All of the language is ASCII, so an offset is a column too.

enum FormulaToken: Hashable, Sendable {
    case number(Double)
    case name(String)
    case symbol(String)
    case end

    /// As a message shows it.
    var shown: String {
        switch self {
        case .number(let value): value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
        case .name(let name): name
        case .symbol(let symbol): symbol
        case .end: "the end"
        }
    }
}

struct FormulaLexer {
    struct Located: Hashable, Sendable {
        var token: FormulaToken
        /// From 0.
        var offset: Int
    }

    private static let symbols = ["**", "&&", "||", "??", "<=", ">=", "==", "!=", ".."] + "+-*/%^<>!?:()[]{},#|;=".map(String.init)

    private let bytes: [UInt8]
    private var index = 0

    /// All tokens of `text`, the last of them `.end`.
    static func tokens(of text: String) throws(FormulaError) -> [Located] {
        var lexer = FormulaLexer(bytes: Array(text.utf8))
        var tokens: [Located] = []
        while true {
            let next = try lexer.next()
            tokens.append(next)
            if next.token == .end { return tokens }
        }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func next() throws(FormulaError) -> Located {
        skipSpace()
        while try skipComment() { skipSpace() }
        let start = index
        guard start < bytes.count else { return Located(token: .end, offset: start) }
        if isDigit(at: index) || (bytes[index] == UInt8(ascii: ".") && isDigit(at: index + 1)) {
            return Located(token: .number(try number()), offset: start)
        }
        if isNameByte(at: index) { return Located(token: .name(name()), offset: start) }
        return Located(token: .symbol(try symbol()), offset: start)
    }

    private mutating func skipSpace() {
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
    }

    /// `// to the end of the line` and `/* to its mark */`.
    private mutating func skipComment() throws(FormulaError) -> Bool {
        if bytes[index...].starts(with: "//".utf8) {
            index = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            return true
        }
        guard bytes[index...].starts(with: "/*".utf8) else { return false }
        let start = index
        index += 2
        while !bytes[index...].starts(with: "*/".utf8) {
            guard index < bytes.count else { throw fault(start, "the comment opened here has no end; write */") }
            index += 1
        }
        index += 2
        return true
    }

    private mutating func name() -> String {
        let start = index
        while isNameByte(at: index) { index += 1 }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }

    private mutating func number() throws(FormulaError) -> Double {
        let start = index
        if let value = try prefixedNumber() { return value }
        digits()
        // Two points are a range: 1..3.
        if index < bytes.count, bytes[index] == UInt8(ascii: "."), index + 1 == bytes.count || bytes[index + 1] != UInt8(ascii: ".") {
            index += 1
            guard isDigit(at: index) else { throw fault(start, "a number needs digits after its point") }
            digits()
        }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[index]) { index += 1 }
            guard isDigit(at: index) else { throw fault(start, "a number needs digits in its exponent") }
            digits()
        }
        if isNameByte(at: index) { throw fault(start, "a number runs into a name; names begin with a letter or _") }
        let digits = bytes[start..<index].filter { $0 != UInt8(ascii: "_") }
        guard let value = Double(String(decoding: digits, as: UTF8.self)), value.isFinite else {
            throw fault(start, "this number is too large")
        }
        return value
    }

    /// `0x2A`, `0o52`, `0b101010`; nil, and nothing read, where there is no such beginning.
    private mutating func prefixedNumber() throws(FormulaError) -> Double? {
        guard bytes[index] == UInt8(ascii: "0"), index + 1 < bytes.count else { return nil }
        let radix: Int
        switch bytes[index + 1] | 0x20 {
        case UInt8(ascii: "x"): radix = 16
        case UInt8(ascii: "o"): radix = 8
        case UInt8(ascii: "b"): radix = 2
        default: return nil
        }
        let start = index
        index += 2
        let first = index
        while isNameByte(at: index) { index += 1 }
        let digits = bytes[first..<index].filter { $0 != UInt8(ascii: "_") }
        guard let value = Int64(String(decoding: digits, as: UTF8.self), radix: radix) else {
            throw fault(start, "this is no number of base \(radix) that fits 64 bits")
        }
        return Double(value)
    }

    private mutating func symbol() throws(FormulaError) -> String {
        for symbol in Self.symbols where bytes[index...].starts(with: symbol.utf8) {
            index += symbol.utf8.count
            return symbol
        }
        switch bytes[index] {
        case UInt8(ascii: "&"): throw fault(index, "& means nothing here; write && or and")
        case UInt8(ascii: "."): throw fault(index, "a point means nothing here; trigger names in formulas are letters, digits and _")
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
            throw fault(index, "a formula has numbers and trigger names, no texts")
        case 0x21...0x7E: throw fault(index, "\(Character(Unicode.Scalar(bytes[index]))) means nothing here")
        default: throw fault(index, "only ASCII characters mean something in a formula")
        }
    }

    /// With `_` between them, as in 1_000.
    private mutating func digits() {
        while isDigit(at: index) || (index < bytes.count && bytes[index] == UInt8(ascii: "_") && isDigit(at: index + 1)) { index += 1 }
    }

    private func isDigit(at index: Int) -> Bool { index < bytes.count && bytes[index] &- UInt8(ascii: "0") <= 9 }

    private func isNameByte(at index: Int) -> Bool {
        guard index < bytes.count else { return false }
        let byte = bytes[index]
        return byte == UInt8(ascii: "_") || (byte | 0x20) &- UInt8(ascii: "a") < 26 || isDigit(at: index)
    }

    private func fault(_ offset: Int, _ message: String) -> FormulaError { FormulaError(column: offset + 1, message: message) }
}
