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

    private static let symbols = ["**", "&&", "||", "??", "<=", ">=", "==", "!="] + "+-*/%^<>!?:()[]{},#".map(String.init)

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
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
        let start = index
        guard start < bytes.count else { return Located(token: .end, offset: start) }
        if isDigit(at: index) || (bytes[index] == UInt8(ascii: ".") && isDigit(at: index + 1)) {
            return Located(token: .number(try number()), offset: start)
        }
        if isNameByte(at: index) { return Located(token: .name(name()), offset: start) }
        return Located(token: .symbol(try symbol()), offset: start)
    }

    private mutating func name() -> String {
        let start = index
        while isNameByte(at: index) { index += 1 }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }

    private mutating func number() throws(FormulaError) -> Double {
        let start = index
        digits()
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
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
        guard let value = Double(String(decoding: bytes[start..<index], as: UTF8.self)), value.isFinite else {
            throw fault(start, "this number is too large")
        }
        return value
    }

    private mutating func symbol() throws(FormulaError) -> String {
        for symbol in Self.symbols where bytes[index...].starts(with: symbol.utf8) {
            index += symbol.utf8.count
            return symbol
        }
        switch bytes[index] {
        case UInt8(ascii: "="): throw fault(index, "= means nothing here; write == to compare")
        case UInt8(ascii: "&"): throw fault(index, "& means nothing here; write && or and")
        case UInt8(ascii: "|"): throw fault(index, "| means nothing here; write || or or")
        case UInt8(ascii: "."): throw fault(index, "a point means nothing here; trigger names in formulas are letters, digits and _")
        case UInt8(ascii: "\""), UInt8(ascii: "'"): throw fault(index, "a formula has numbers and trigger names, no texts")
        case 0x21...0x7E: throw fault(index, "\(Character(Unicode.Scalar(bytes[index]))) means nothing here")
        default: throw fault(index, "only ASCII characters mean something in a formula")
        }
    }

    private mutating func digits() { while isDigit(at: index) { index += 1 } }

    private func isDigit(at index: Int) -> Bool { index < bytes.count && bytes[index] &- UInt8(ascii: "0") <= 9 }

    private func isNameByte(at index: Int) -> Bool {
        guard index < bytes.count else { return false }
        let byte = bytes[index]
        return byte == UInt8(ascii: "_") || (byte | 0x20) &- UInt8(ascii: "a") < 26 || isDigit(at: index)
    }

    private func fault(_ offset: Int, _ message: String) -> FormulaError { FormulaError(column: offset + 1, message: message) }
}
