package import Yams

// What does a word of a YAML text mean?
//
// Types are those of YAML 1.2's core schema. A plain word is null, true or false, a number, or else a text. What is quoted is a
// text. So `on`, `yes` and `1:30` are texts, never a flag or a time.

package enum Scalar: Hashable, Sendable {
    case null
    case flag(Bool)
    /// As written: `-3`, `1.5`, `1e3`.
    case number(String)
    case text(String)

    /// nil for a node that is no word: a list, an object.
    package init?(_ node: Node) {
        guard case .scalar(let scalar) = node else { return nil }
        switch (scalar.style, scalar.tag.rawValue) {
        case (.plain, ""), (.any, ""): self.init(plain: scalar.string)
        default: self = .text(scalar.string)
        }
    }

    package init(plain word: String) {
        switch word {
        case "", "~", "null", "Null", "NULL": self = .null
        case "true", "True", "TRUE": self = .flag(true)
        case "false", "False", "FALSE": self = .flag(false)
        default: self = Self.isNumber(word) ? .number(word) : .text(word)
        }
    }

    /// `[-+]? (digits [. digits?] | . digits) ([eE] [-+]? digits)?`
    private static func isNumber(_ word: String) -> Bool {
        var rest = word.utf8[...]
        func digits() -> Int {
            let count = rest.prefix { $0 &- UInt8(ascii: "0") <= 9 }.count
            rest = rest.dropFirst(count)
            return count
        }
        func take(_ these: String) -> Bool {
            guard let first = rest.first, these.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }
        _ = take("+-")
        let whole = digits()
        let fraction = take(".") ? digits() : 0
        guard whole + fraction > 0 else { return false }
        if take("eE") {
            _ = take("+-")
            if digits() == 0 { return false }
        }
        return rest.isEmpty
    }

    package var isNull: Bool { self == .null }

    package var flag: Bool? { if case .flag(let flag) = self { flag } else { nil } }

    package var double: Double? { if case .number(let number) = self { Double(number) } else { nil } }

    package var integer: Int? {
        guard integerProblem == nil, case .number(let number) = self else { return nil }
        return Int(number)
    }

    /// Why it is no whole number; nil where it is one.
    package var integerProblem: String? {
        guard case .number(let number) = self else { return "must be a whole number" }
        let digits = number.drop { $0 == "-" || $0 == "+" }
        if number.hasPrefix("+") || digits.utf8.contains(where: { $0 &- UInt8(ascii: "0") > 9 }) { return "must be a whole number" }
        if digits.count > 1, digits.first == "0" { return "must be a whole number without leading zeros" }
        return Int(number) == nil ? "must be a whole number that fits 64 bits" : nil
    }

    package var shown: String {
        switch self {
        case .null: "empty"
        case .flag(let flag): "the word \(flag)"
        case .number(let number): "the number \(number)"
        case .text(let text): "the text \"\(text.prefix(40))\""
        }
    }
}
