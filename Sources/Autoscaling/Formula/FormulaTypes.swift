// Which parts of a formula fit together?
//
// Kinds are checked when a formula is compiled: numbers are calculated with, conditions are combined and chosen by. A
// trigger's value is a number (or, while it fails, nil: that is known only at evaluation). The word nil itself fits wherever
// it makes sense: compared with == and !=, on either side of ??, as one half of a choice, in a list.

extension FormulaParser {
    mutating func combine(_ symbol: String, _ left: FormulaFragment, _ right: FormulaFragment) throws(FormulaError) -> FormulaFragment {
        switch symbol {
        case "==", "!=": return try equality(symbol, left, right)
        case "??": return try coalesce(left, right)
        case "in": return try membership(left, right)
        case "not in": return try join([try membership(left, right)], .unary(.not), .condition, at: left.column)
        case "..": return try range(left, right)
        default: break
        }
        guard let rule = Self.rules[symbol] else { throw FormulaError(column: left.column, message: "no operator \(symbol)") }
        if rule.takes == .number, rule.gives == .condition, left.kind == .condition {
            throw FormulaError(
                column: left.column, message: "\(symbol) compares numbers, and this is a condition; write a chain as a < b and b < c")
        }
        try check(left, is: rule.takes, for: symbol)
        try check(right, is: rule.takes, for: symbol)
        return try join([left, right], .binary(rule.operation), rule.gives, at: left.column)
    }

    private typealias Rule = (operation: FormulaStep.Binary, takes: FormulaFragment.Kind, gives: FormulaFragment.Kind)

    private static let rules: [String: Rule] = [
        "+": (.add, .number, .number), "-": (.subtract, .number, .number), "*": (.multiply, .number, .number),
        "/": (.divide, .number, .number), "%": (.remainder, .number, .number),
        "**": (.power, .number, .number), "^": (.power, .number, .number),
        "<": (.less, .number, .condition), "<=": (.lessOrEqual, .number, .condition),
        ">": (.greater, .number, .condition), ">=": (.greaterOrEqual, .number, .condition),
        "and": (.and, .condition, .condition), "or": (.or, .condition, .condition),
    ]

    /// With nil on one side, whether the other has no value: always an answer. Otherwise nil where either has none.
    private func equality(_ symbol: String, _ left: FormulaFragment, _ right: FormulaFragment) throws(FormulaError) -> FormulaFragment {
        let isEqual = symbol == "=="
        if left.kind == .missing || right.kind == .missing {
            let asked = left.kind == .missing ? right : left
            try checkNoList(asked, for: symbol)
            return try join([asked], .unary(isEqual ? .isMissing : .hasValue), .condition, at: left.column)
        }
        for side in [left, right] { try checkNoList(side, for: symbol) }
        try check(right, is: left.kind, for: symbol)
        return try join([left, right], .binary(isEqual ? .equal : .notEqual), .condition, at: left.column)
    }

    private func coalesce(_ left: FormulaFragment, _ right: FormulaFragment) throws(FormulaError) -> FormulaFragment {
        for side in [left, right] { try checkNoList(side, for: "??") }
        if left.kind != .missing, right.kind != .missing { try check(right, is: left.kind, for: "??") }
        let kind = left.kind == .missing ? right.kind : left.kind
        return try join([left, right], .binary(.coalesce), kind, at: left.column)
    }

    func choice(_ condition: FormulaFragment, _ then: FormulaFragment, _ otherwise: FormulaFragment) throws(FormulaError) -> FormulaFragment
    {
        try check(condition, is: .condition, for: "the condition of a choice")
        for half in [then, otherwise] { try checkNoList(half, for: "a choice") }
        if then.kind != .missing, otherwise.kind != .missing, then.kind != otherwise.kind {
            let message = "both halves of a choice must be of one kind; this is \(otherwise.kind.shown), the other is \(then.kind.shown)"
            throw FormulaError(column: otherwise.column, message: message)
        }
        let kind = then.kind == .missing ? otherwise.kind : then.kind
        return try join([condition, then, otherwise], .choose, kind, at: condition.column)
    }

    func checkNoList(_ fragment: FormulaFragment, for use: String) throws(FormulaError) {
        guard fragment.kind == .list else { return }
        throw FormulaError(column: fragment.column, message: "\(use) takes no list; use a function of it: max([a, b])")
    }

    func check(_ fragment: FormulaFragment, is kind: FormulaFragment.Kind, for use: String) throws(FormulaError) {
        guard fragment.kind != kind else { return }
        throw FormulaError(column: fragment.column, message: "\(use) needs \(kind.shown), and this is \(fragment.kind.shown)")
    }

    /// The parts one after the other, then the step that takes them.
    func join(_ parts: [FormulaFragment], _ step: FormulaStep, _ kind: FormulaFragment.Kind, at column: Int) throws(FormulaError)
        -> FormulaFragment
    {
        let steps = parts.flatMap(\.steps) + [step]
        try checkLength(steps, at: column)
        return FormulaFragment(steps: steps, kind: kind, column: column)
    }
}

extension FormulaFragment.Kind {
    var shown: String {
        switch self {
        case .number: "a number"
        case .condition: "a condition (true or false)"
        case .missing: "nil"
        case .list: "a list"
        }
    }
}
