// What is a list in a formula, and what do the functions of lists compile to?
//
// Lists have no existence at evaluation: a list is its elements, compiled, and a predicate is compiled once for each element
// with `#` standing for it, so `count([a, b], {# > 1})` is (a > 1) + (b > 1). What `filter` may take out stays in the list
// with the condition under which it counts. A program stays flat, and its length says what evaluating it costs.

indirect enum FormulaList {
    case elements([FormulaElement])
    /// Whole numbers from one to the other. Its ends may be calculated only where it stands after `in`.
    case range(from: FormulaFragment, through: FormulaFragment)
}

struct FormulaElement {
    var value: FormulaFragment
    /// The condition under which it is in the list; nil where it always is.
    var keep: FormulaFragment?
}

extension FormulaParser {
    /// The elements of `[a, b]`; a comma may stand behind the last.
    mutating func list() throws(FormulaError) -> FormulaFragment {
        let start = column
        position += 1
        var elements: [FormulaElement] = []
        while token != .symbol("]") {
            elements.append(FormulaElement(value: try expression()))
            guard take(",") else { break }
        }
        try expect("]", "the list opened at column \(start)")
        return try .list(elements, column: start)
    }

    func range(_ from: FormulaFragment, _ through: FormulaFragment) throws(FormulaError) -> FormulaFragment {
        for end in [from, through] { try check(end, is: .number, for: "..") }
        return .range(from: from, through: through, column: from.column)
    }

    mutating func remembered(_ list: FormulaList) throws(FormulaError) -> FormulaList {
        switch list {
        case .range(let from, let through): return .range(from: try remembered(from), through: try remembered(through))
        case .elements(let all):
            var elements: [FormulaElement] = []
            for element in all {
                var kept: FormulaFragment?
                if let keep = element.keep { kept = try remembered(keep) }
                elements.append(FormulaElement(value: try remembered(element.value), keep: kept))
            }
            return .elements(elements)
        }
    }

    /// What the list holds, a range written out.
    func elements(of fragment: FormulaFragment, for use: String) throws(FormulaError) -> [FormulaElement] {
        switch fragment.list {
        case .elements(let elements)?: return elements
        case .range(let from, let through)?:
            let (first, last) = (try wholeNumber(from, for: use), try wholeNumber(through, for: use))
            guard first <= last else { return [] }
            guard last - first < Double(Formula.rangeLimit) else {
                throw FormulaError(
                    column: fragment.column,
                    message: "a range that is written out has at most \(Formula.rangeLimit) numbers, and this one has more")
            }
            return stride(from: first, through: last, by: 1).map { number in
                FormulaElement(value: FormulaFragment(steps: [.constant(number)], kind: .number, column: fragment.column))
            }
        case nil: throw FormulaError(column: fragment.column, message: "\(use) needs a list, and this is \(fragment.kind.shown)")
        }
    }

    /// A number that is known while compiling.
    func wholeNumber(_ fragment: FormulaFragment, for use: String) throws(FormulaError) -> Double {
        try check(fragment, is: .number, for: use)
        let isConstant = fragment.steps.allSatisfy { step in
            switch step {
            case .value, .local, .store, .missing: false
            default: true
            }
        }
        var stack: [Double?] = []
        var locals: [Double?] = []
        if isConstant { for step in fragment.steps { step.run(on: &stack, [], &locals) } }
        guard isConstant, let number = stack.popLast() ?? nil, number == number.rounded(), abs(number) < 9e15 else {
            throw FormulaError(
                column: fragment.column, message: "\(use) needs a whole number that doesn't depend on a trigger; x in a..b takes any")
        }
        return number
    }

    /// `x in [a, b]`: equal to one of them. `x in a..b`: whole, and from a to b.
    mutating func membership(_ left: FormulaFragment, _ right: FormulaFragment) throws(FormulaError) -> FormulaFragment {
        try checkNoList(left, for: "in")
        let sought = try remembered(left)
        if case .range(let from, let through)? = right.list {
            try check(sought, is: .number, for: "in, with a range,")
            let whole = try combine("==", sought, try join([sought], .unary(.truncate), .number, at: left.column))
            return try combine("and", try combine("and", try combine(">=", sought, from), try combine("<=", sought, through)), whole)
        }
        guard right.kind == .list else {
            throw FormulaError(
                column: right.column, message: "in needs a list or a range, as in a in [1, 2] or a in 1..3, and this is \(right.kind.shown)"
            )
        }
        var found = FormulaFragment(steps: [.constant(0)], kind: .condition, column: left.column)
        for element in try elements(of: right, for: "in") {
            found = try combine("or", found, try kept(element, try combine("==", sought, element.value)))
        }
        return found
    }

    /// `l[0]`, `l[-1]`, and no more: which element it is must be known while compiling.
    mutating func indexed(_ fragment: FormulaFragment) throws(FormulaError) -> FormulaFragment {
        var fragment = fragment
        while token == .symbol("["), fragment.kind == .list {
            position += 1
            let all = try allKept(fragment, for: "an index")
            let index = try expression()
            let number = try wholeNumber(index, for: "an index")
            try expect("]", "the end of an index")
            let place = number < 0 ? number + Double(all.count) : number
            guard place >= 0, place < Double(all.count) else {
                throw FormulaError(
                    column: index.column, message: "the list has \(all.count) elements, from 0; there is none at \(Int64(number))")
            }
            fragment = all[Int(place)].value
        }
        return fragment
    }

    /// The elements of a list that lost none to `filter`.
    func allKept(_ fragment: FormulaFragment, for use: String) throws(FormulaError) -> [FormulaElement] {
        let elements = try elements(of: fragment, for: use)
        if elements.contains(where: { $0.keep != nil }) {
            throw FormulaError(
                column: fragment.column,
                message: "\(use) needs to know which elements filter left; count, sum, min, max, mean, median, first and last don't")
        }
        return elements
    }

    // MARK: - Elements that may be gone

    /// The condition, where the element is in the list at all; else false.
    func kept(_ element: FormulaElement, _ condition: FormulaFragment) throws(FormulaError) -> FormulaFragment {
        guard let keep = element.keep else { return condition }
        return try join([keep, condition], .binary(.and), .condition, at: condition.column)
    }

    /// The element's number, or what stands for it where it is gone.
    func number(_ element: FormulaElement, orElse other: Double) throws(FormulaError) -> FormulaFragment {
        guard let keep = element.keep else { return element.value }
        let none = FormulaFragment(steps: [.constant(other)], kind: .number, column: element.value.column)
        return try choice(keep, element.value, none)
    }
}
