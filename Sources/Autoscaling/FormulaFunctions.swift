// What do the functions of a formula compile to?
//
// Lists have no existence of their own: `max([a, b], c)` is max(max(a, b), c), and a predicate is compiled once for each
// element with `#` standing for it, so `count([a, b], {# > 1})` is (a > 1) + (b > 1). A program stays flat, and its length
// says what evaluating it costs.

extension FormulaParser {
    private static let functions = [
        "min", "max", "abs", "ceil", "floor", "round", "sum", "mean", "count", "any", "all", "none", "one",
    ]

    /// The function at the parser's position, its arguments and its closing parenthesis.
    mutating func call(_ name: String) throws(FormulaError) -> FormulaFragment {
        let start = column
        guard Self.functions.contains(name) else {
            throw fault("no function is called \(name)\(NearestName.hint(for: name, in: Self.functions))")
        }
        position += 2
        var arguments: [FormulaFragment] = []
        var isMapped = false
        if !take(")") {
            if token == .symbol("["), takesPredicate(name) {
                arguments = try list()
                isMapped = take(",")
                if isMapped { arguments = try mapped(arguments, by: name) }
            }
            if !isMapped, arguments.isEmpty || take(",") { try appendArguments(to: &arguments) }
            try expect(")", "the end of \(name)(…)")
        }
        return try apply(name, to: arguments, isMapped: isMapped, at: start)
    }

    private func takesPredicate(_ name: String) -> Bool { ["count", "sum", "any", "all", "none", "one"].contains(name) }

    private mutating func appendArguments(to arguments: inout [FormulaFragment]) throws(FormulaError) {
        guard token != .symbol(")") else { return }
        repeat {
            if token == .symbol("[") { arguments += try list() } else { arguments.append(try expression()) }
        } while take(",")
    }

    /// The elements of `[a, b]`.
    private mutating func list() throws(FormulaError) -> [FormulaFragment] {
        let start = column
        position += 1
        var elements: [FormulaFragment] = []
        if take("]") { return elements }
        repeat { elements.append(try expression()) } while take(",")
        try expect("]", "the list opened at column \(start)")
        return elements
    }

    /// Each element put through the predicate that is next, with or without braces.
    private mutating func mapped(_ elements: [FormulaFragment], by name: String) throws(FormulaError) -> [FormulaFragment] {
        let start = position
        let outer = element
        defer { element = outer }
        var results: [FormulaFragment] = []
        let nobody = FormulaFragment(steps: [.constant(0)], kind: .number, column: column)
        // An empty list's predicate is read too, for its mistakes.
        for each in elements.isEmpty ? [nobody] : elements {
            position = start
            element = each
            let hasBraces = take("{")
            let result = try expression()
            if hasBraces { try expect("}", "the end of the predicate") }
            try check(result, is: name == "sum" ? .number : .condition, for: "the predicate of \(name)")
            results.append(result)
        }
        return elements.isEmpty ? [] : results
    }

    // MARK: - Steps

    private func apply(_ name: String, to arguments: [FormulaFragment], isMapped: Bool, at start: Int) throws(FormulaError) -> FormulaFragment {
        switch name {
        case "abs": return try single(.absolute, name, arguments, at: start)
        case "ceil": return try single(.ceiling, name, arguments, at: start)
        case "floor": return try single(.floor, name, arguments, at: start)
        case "round": return try single(.round, name, arguments, at: start)
        case "min": return try fold(try atLeastOne(name, arguments, at: start), .minimum, name, at: start)
        case "max": return try fold(try atLeastOne(name, arguments, at: start), .maximum, name, at: start)
        case "sum": return try fold(arguments, .add, name, at: start)
        case "mean": return try mean(try atLeastOne(name, arguments, at: start), at: start)
        case "count": return try count(arguments, at: start)
        case "any": return try combineConditions(arguments, .or, name, at: start)
        case "all": return try combineConditions(arguments, .and, name, at: start)
        case "none": return try join([try combineConditions(arguments, .or, name, at: start)], .unary(.not), .condition, at: start)
        default: return try exactlyOne(arguments, name, at: start)
        }
    }

    private func single(_ operation: FormulaStep.Unary, _ name: String, _ arguments: [FormulaFragment], at start: Int) throws(FormulaError) -> FormulaFragment {
        guard arguments.count == 1 else {
            throw FormulaError(column: start, message: "\(name) takes one number, not \(arguments.count)")
        }
        try check(arguments[0], is: .number, for: name)
        return try join(arguments, .unary(operation), .number, at: start)
    }

    private func atLeastOne(_ name: String, _ arguments: [FormulaFragment], at start: Int) throws(FormulaError) -> [FormulaFragment] {
        if arguments.isEmpty { throw FormulaError(column: start, message: "\(name) of nothing is undefined; give it at least one number") }
        return arguments
    }

    /// a, b, c → a b op c op. Of nothing: 0.
    private func fold(_ arguments: [FormulaFragment], _ operation: FormulaStep.Binary, _ name: String, at start: Int) throws(FormulaError) -> FormulaFragment {
        var result: FormulaFragment?
        for argument in arguments {
            if argument.kind != .missing { try check(argument, is: .number, for: name) }
            if let left = result { result = try join([left, argument], .binary(operation), .number, at: start) } else { result = argument }
        }
        var whole = result ?? FormulaFragment(steps: [.constant(0)], kind: .number, column: start)
        whole.kind = .number
        whole.column = start
        return whole
    }

    private func mean(_ arguments: [FormulaFragment], at start: Int) throws(FormulaError) -> FormulaFragment {
        let sum = try fold(arguments, .add, "mean", at: start)
        let divisor = FormulaFragment(steps: [.constant(Double(arguments.count))], kind: .number, column: start)
        return try join([sum, divisor], .binary(.divide), .number, at: start)
    }

    /// How many conditions are true, or how many numbers there are (a trigger without a value isn't there).
    private func count(_ arguments: [FormulaFragment], at start: Int) throws(FormulaError) -> FormulaFragment {
        var counted: [FormulaFragment] = []
        for argument in arguments {
            if let first = arguments.first(where: { $0.kind != .missing }), argument.kind != .missing {
                try check(argument, is: first.kind, for: "count, beside \(first.kind.shown),")
            }
            let isCondition = argument.kind == .condition
            var one = isCondition ? argument : try join([argument], .unary(.hasValue), .number, at: argument.column)
            one.kind = .number
            counted.append(one)
        }
        return try fold(counted, .add, "count", at: start)
    }

    private func combineConditions(_ arguments: [FormulaFragment], _ operation: FormulaStep.Binary, _ name: String, at start: Int) throws(FormulaError) -> FormulaFragment {
        // Of nothing: none is true, and all are.
        var whole = FormulaFragment(steps: [.constant(operation == .and ? 1 : 0)], kind: .condition, column: start)
        for argument in arguments {
            try check(argument, is: .condition, for: name)
            whole = try join([whole, argument], .binary(operation), .condition, at: start)
        }
        return whole
    }

    private func exactlyOne(_ arguments: [FormulaFragment], _ name: String, at start: Int) throws(FormulaError) -> FormulaFragment {
        for argument in arguments { try check(argument, is: .condition, for: name) }
        let one = FormulaFragment(steps: [.constant(1)], kind: .number, column: start)
        return try join([try count(arguments, at: start), one], .binary(.equal), .condition, at: start)
    }
}
