import Basics

// What do the functions of a formula compile to?
//
// `max([a, b], c)` is max(max(a, b), c). A function of a list that `filter` may have shortened takes pairs of a number and
// whether it counts, or chooses what stands for what is gone. Functions that return lists compile to nothing.

extension FormulaParser {
    static let functions = [
        "min", "max", "abs", "ceil", "floor", "round", "sum", "mean", "median", "count", "any", "all", "none", "one", "int", "float", "len",
        "first", "last",
        "take", "map", "filter", "find", "findLast", "findIndex", "reduce", "concat", "reverse",
    ]

    /// What stands in the parentheses.
    private struct Call {
        var name: String
        /// From 1.
        var column: Int
        var arguments: [FormulaFragment] = []
        /// What the predicate gave for each element of the first argument.
        var predicate: [FormulaFragment]?
    }

    /// The function at the parser's position, its arguments and its closing parenthesis. `piped` is its first argument.
    mutating func call(_ name: String, piped: FormulaFragment? = nil) throws(FormulaError) -> FormulaFragment {
        guard Self.functions.contains(name) else {
            throw fault(FormulaAdvice.onFunction(name) ?? "no function is called \(name)\(NearestName.hint(for: name, in: Self.functions))")
        }
        var call = Call(name: name, column: column)
        position += 2
        if let piped { call.arguments = [piped] }
        var needsComma = false
        while token != .symbol(")") {
            if needsComma {
                // A comma may stand behind the last.
                guard take(","), token != .symbol(")") else { break }
            }
            needsComma = true
            if call.arguments.count == 1, call.predicate == nil, Self.predicates[name] != nil, let list = call.arguments.first,
                list.kind == .list
            {
                call.predicate = try predicate(over: list, of: call)
            } else {
                call.arguments.append(try expression())
            }
        }
        try expect(")", "the end of \(name)(…)")
        return try compile(call)
    }

    /// What a function's predicate must give.
    private enum PredicateResult { case number, condition, anything }
    private static let predicates: [String: PredicateResult] = [
        "count": .condition, "any": .condition, "all": .condition, "none": .condition, "one": .condition, "filter": .condition,
        "find": .condition,
        "findLast": .condition, "findIndex": .condition, "sum": .number, "map": .anything, "reduce": .anything,
    ]

    /// Each element put through the predicate that is next, with or without braces.
    private mutating func predicate(over list: FormulaFragment, of call: Call) throws(FormulaError) -> [FormulaFragment] {
        let (start, outer) = (position, (element, elementIndex, accumulator))
        defer { (element, elementIndex, accumulator) = outer }
        let nobody = FormulaElement(value: FormulaFragment(steps: [.constant(0)], kind: .number, column: column))
        let all = try elements(of: list, for: call.name)
        let isWhole = all.allSatisfy { $0.keep == nil }
        var results: [FormulaFragment] = []
        if call.name == "reduce" { return try reduced(all) }
        // An empty list's predicate is read too, for its mistakes.
        for (index, each) in (all.isEmpty ? [nobody] : all).enumerated() {
            position = start
            element = each.value
            elementIndex = isWhole ? index : nil
            let result = try braced()
            switch Self.predicates[call.name] {
            case .number: try check(result, is: .number, for: "the predicate of \(call.name)")
            case .condition: try check(result, is: .condition, for: "the predicate of \(call.name)")
            case .anything, nil: break
            }
            results.append(result)
        }
        return all.isEmpty ? [] : results
    }

    private mutating func braced() throws(FormulaError) -> FormulaFragment {
        let hasBraces = take("{")
        let result = try expression()
        if hasBraces { try expect("}", "the end of the predicate") }
        return result
    }

    /// `reduce([a, b, c], #acc + #)` and, from a first value on, `reduce([a, b], #acc + #, 1)`: the value, alone.
    private mutating func reduced(_ all: [FormulaElement]) throws(FormulaError) -> [FormulaFragment] {
        let start = position
        // Once to find out what follows the predicate.
        element = all.first?.value ?? FormulaFragment(steps: [.constant(0)], kind: .number, column: column)
        accumulator = element
        elementIndex = 0
        _ = try braced()
        var result: FormulaFragment?
        if take(","), token != .symbol(")") { result = try expression() }
        let end = position
        for (index, each) in all.enumerated() {
            guard let before = result else {
                try check(each.value, is: .number, for: "reduce")
                result = try number(each, orElse: 0)
                continue
            }
            position = start
            element = each.value
            elementIndex = index
            accumulator = try remembered(before)
            let after = try braced()
            try check(after, is: before.kind, for: "the predicate of reduce")
            if let keep = each.keep { result = try choice(keep, after, try remembered(before)) } else { result = after }
        }
        position = end
        return result.map { [$0] } ?? []
    }

    // MARK: - Steps

    private mutating func compile(_ call: Call) throws(FormulaError) -> FormulaFragment {
        let start = call.column
        switch call.name {
        case "abs": return try single(.absolute, call)
        case "ceil": return try single(.ceiling, call)
        case "floor": return try single(.floor, call)
        case "round": return try single(.round, call)
        case "int": return try single(.truncate, call)
        // A number is one already.
        case "float": return try single(nil, call)
        case "min": return try extreme(.minimum, .minimum, call)
        case "max": return try extreme(.maximum, .maximum, call)
        case "mean": return try mean(call)
        case "median": return try aggregate(.median, try atLeastOne(call), at: start)
        case "sum": return try sum(call)
        case "count": return try count(call)
        case "len": return try length(call)
        case "any": return try combineConditions(try conditions(of: call), .or, at: start)
        case "all": return try combineConditions(try conditions(of: call, ifGone: true), .and, at: start)
        case "none": return try join([try combineConditions(try conditions(of: call), .or, at: start)], .unary(.not), .condition, at: start)
        case "one":
            let one = FormulaFragment(steps: [.constant(1)], kind: .number, column: start)
            return try join([try total(try conditions(of: call), at: start), one], .binary(.equal), .condition, at: start)
        case "reduce":
            guard let result = try needed(call).first else {
                throw FormulaError(column: start, message: "reduce of nothing is undefined; give it a first value")
            }
            return result
        default: return try ofList(call)
        }
    }

    private func single(_ operation: FormulaStep.Unary?, _ call: Call) throws(FormulaError) -> FormulaFragment {
        guard call.arguments.count == 1, let argument = call.arguments.first, argument.kind != .list else {
            let found = call.arguments.first?.kind == .list ? "a list" : "\(call.arguments.count)"
            throw FormulaError(column: call.column, message: "\(call.name) takes one number, not \(found)")
        }
        try check(argument, is: .number, for: call.name)
        guard let operation else { return argument }
        return try join([argument], .unary(operation), .number, at: call.column)
    }

    /// All arguments in a row, lists by their elements.
    private func flattened(_ call: Call) throws(FormulaError) -> [FormulaElement] {
        var all: [FormulaElement] = []
        for argument in call.arguments { try append(FormulaElement(value: argument), to: &all, for: call.name) }
        return all
    }

    private func append(_ element: FormulaElement, to all: inout [FormulaElement], for use: String) throws(FormulaError) {
        guard element.value.kind == .list else {
            guard all.count < Formula.listLimit else {
                throw FormulaError(
                    column: element.value.column, message: "\(use) takes at most \(Formula.listLimit) elements, and these are more")
            }
            return all.append(element)
        }
        for inner in try elements(of: element.value, for: use) {
            var inner = inner
            if let keep = element.keep { inner.keep = try kept(inner, keep) }
            try append(inner, to: &all, for: use)
        }
    }

    private func atLeastOne(_ call: Call) throws(FormulaError) -> [FormulaElement] {
        let all = try flattened(call)
        if all.isEmpty {
            throw FormulaError(column: call.column, message: "\(call.name) of nothing is undefined; give it at least one number")
        }
        for element in all where element.value.kind != .missing { try check(element.value, is: .number, for: call.name) }
        return all
    }

    private func extreme(_ operation: FormulaStep.Binary, _ whole: FormulaStep.Aggregate, _ call: Call) throws(FormulaError)
        -> FormulaFragment
    {
        let all = try atLeastOne(call)
        if all.contains(where: { $0.keep != nil }) { return try aggregate(whole, all, at: call.column) }
        return try fold(all.map(\.value), operation, call.name, at: call.column)
    }

    private func mean(_ call: Call) throws(FormulaError) -> FormulaFragment {
        let all = try atLeastOne(call)
        if all.contains(where: { $0.keep != nil }) { return try aggregate(.mean, all, at: call.column) }
        let sum = try fold(all.map(\.value), .add, call.name, at: call.column)
        let divisor = FormulaFragment(steps: [.constant(Double(all.count))], kind: .number, column: call.column)
        return try join([sum, divisor], .binary(.divide), .number, at: call.column)
    }

    private func aggregate(_ operation: FormulaStep.Aggregate, _ all: [FormulaElement], at start: Int) throws(FormulaError)
        -> FormulaFragment
    {
        let always = FormulaFragment(steps: [.constant(1)], kind: .condition, column: start)
        return try join(all.flatMap { [$0.value, $0.keep ?? always] }, .aggregate(operation, all.count), .number, at: start)
    }

    private func sum(_ call: Call) throws(FormulaError) -> FormulaFragment {
        var all = try call.predicate == nil ? flattened(call) : elements(of: call.arguments[0], for: call.name)
        for (index, value) in (call.predicate ?? []).enumerated() { all[index].value = value }
        var numbers: [FormulaFragment] = []
        for element in all { numbers.append(try number(element, orElse: 0)) }
        return try fold(numbers, .add, call.name, at: call.column)
    }

    /// a, b, c → a b op c op. Of nothing: 0.
    private func fold(_ arguments: [FormulaFragment], _ operation: FormulaStep.Binary, _ name: String, at start: Int) throws(FormulaError)
        -> FormulaFragment
    {
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

    // MARK: - Conditions

    /// The conditions that a function is about: its predicate's, or its arguments. What `filter` took out says `ifGone`.
    private func conditions(of call: Call, ifGone: Bool = false) throws(FormulaError) -> [FormulaFragment] {
        var all = try call.predicate == nil ? flattened(call) : elements(of: call.arguments[0], for: call.name)
        for (index, value) in (call.predicate ?? []).enumerated() { all[index].value = value }
        var conditions: [FormulaFragment] = []
        for element in all {
            try check(element.value, is: .condition, for: call.name)
            guard let keep = element.keep, ifGone else {
                conditions.append(try kept(element, element.value))
                continue
            }
            let isGone = try join([keep], .unary(.not), .condition, at: element.value.column)
            conditions.append(try join([isGone, element.value], .binary(.or), .condition, at: element.value.column))
        }
        return conditions
    }

    private func combineConditions(_ conditions: [FormulaFragment], _ operation: FormulaStep.Binary, at start: Int) throws(FormulaError)
        -> FormulaFragment
    {
        // Of nothing: none is true, and all are.
        var whole = FormulaFragment(steps: [.constant(operation == .and ? 1 : 0)], kind: .condition, column: start)
        for condition in conditions { whole = try join([whole, condition], .binary(operation), .condition, at: start) }
        return whole
    }

    /// How many of them are true.
    private func total(_ conditions: [FormulaFragment], at start: Int) throws(FormulaError) -> FormulaFragment {
        try fold(
            conditions.map { condition in
                var one = condition
                one.kind = .number
                return one
            }, .add, "count", at: start)
    }

    /// How many conditions are true, or how many numbers there are (a trigger without a value isn't there).
    private func count(_ call: Call) throws(FormulaError) -> FormulaFragment {
        if call.predicate != nil { return try total(try conditions(of: call), at: call.column) }
        let all = try flattened(call)
        var counted: [FormulaFragment] = []
        for element in all {
            let value = element.value
            if let first = all.first(where: { $0.value.kind != .missing })?.value, value.kind != .missing {
                try check(value, is: first.kind, for: "count, beside \(first.kind.shown),")
            }
            let isThere = value.kind == .condition ? value : try join([value], .unary(.hasValue), .condition, at: value.column)
            counted.append(try kept(element, isThere))
        }
        return try total(counted, at: call.column)
    }

    /// How many elements a list has, whatever they are.
    private func length(_ call: Call) throws(FormulaError) -> FormulaFragment {
        guard call.arguments.count == 1 else {
            throw FormulaError(column: call.column, message: "len takes one list, not \(call.arguments.count)")
        }
        let always = FormulaFragment(steps: [.constant(1)], kind: .condition, column: call.column)
        return try total(try elements(of: call.arguments[0], for: "len").map { $0.keep ?? always }, at: call.column)
    }

    // MARK: - Elements and lists

    private func ofList(_ call: Call) throws(FormulaError) -> FormulaFragment {
        if call.name == "concat" {
            var all: [FormulaElement] = []
            for argument in call.arguments { all += try elements(of: argument, for: call.name) }
            return try .list(all, column: call.column)
        }
        guard let list = call.arguments.first else { throw FormulaError(column: call.column, message: "\(call.name) needs a list") }
        let all = try elements(of: list, for: call.name)
        switch call.name {
        case "map":
            let values = try needed(call)
            return try .list(zip(all, values).map { FormulaElement(value: $1, keep: $0.keep) }, column: call.column)
        case "filter": return try .list(try filtered(all, call), column: call.column)
        case "find": return try first(try filtered(all, call), at: call.column)
        case "findLast": return try first(try filtered(all, call).reversed(), at: call.column)
        case "findIndex":
            let found = try filtered(try allKept(list, for: call.name), call)
            let places = found.enumerated().map { index, element in
                FormulaElement(
                    value: FormulaFragment(steps: [.constant(Double(index))], kind: .number, column: call.column), keep: element.keep)
            }
            return try first(places, at: call.column)
        case "first": return try first(all, at: call.column)
        case "last": return try first(all.reversed(), at: call.column)
        case "reverse": return try .list(all.reversed(), column: call.column)
        default:
            guard call.arguments.count == 2 else {
                throw FormulaError(column: call.column, message: "take needs a list and how many: take([a, b], 1)")
            }
            let most = try wholeNumber(call.arguments[1], for: "take")
            return try .list(Array(try allKept(list, for: "take").prefix(Int(max(most, 0)))), column: call.column)
        }
    }

    private func needed(_ call: Call) throws(FormulaError) -> [FormulaFragment] {
        guard let predicate = call.predicate else {
            throw FormulaError(
                column: call.column, message: "\(call.name) needs a list and what to do with each element: \(call.name)([a, b], {# > 1})")
        }
        return predicate
    }

    private func filtered(_ all: [FormulaElement], _ call: Call) throws(FormulaError) -> [FormulaElement] {
        var kept: [FormulaElement] = []
        for (element, condition) in zip(all, try needed(call)) {
            kept.append(FormulaElement(value: element.value, keep: try self.kept(element, condition)))
        }
        return kept
    }

    /// The first that is there; nil where none is.
    private func first(_ all: [FormulaElement], at start: Int) throws(FormulaError) -> FormulaFragment {
        var result = FormulaFragment(steps: [.missing], kind: .missing, column: start)
        for element in all.reversed() {
            guard let keep = element.keep else {
                result = element.value
                continue
            }
            result = try choice(keep, element.value, result)
        }
        result.column = start
        return result
    }
}
