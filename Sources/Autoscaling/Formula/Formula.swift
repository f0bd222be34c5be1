// What one number do several triggers' values come to?
//
// A `Formula` is KEDA's `scalingModifiers.formula`: an expression in the language of expr-lang, as far as it is about
// numbers. It is compiled once, when its policy is read, to a flat postfix program in which trigger names are indexes:
// evaluating looks nothing up, takes no branch backwards, and always ends.
//
// What always holds: a compiled formula's types fit (numbers are added, conditions are true or false); the same values
// give the same bits on every machine; whatever is undefined is nil, never a trap. A trigger without a value is nil; nil
// spreads through arithmetic and comparisons until `??` replaces it; `x == nil` asks for it. `and` and `or` know their
// answer where one side alone decides it.

package struct Formula: Hashable, Sendable {
    package static let textLimitBytes = 4_096
    /// Parentheses, conditions and unary operators inside one another.
    package static let nestingLimit = 64
    package static let stepLimit = 1_024
    /// Elements of a list, those of lists within it too.
    static let listLimit = stepLimit
    /// Numbers of a range that is written out.
    static let rangeLimit = 256
    /// Expressions read while compiling: a predicate is read once for each element.
    static let readingLimit = 50_000

    /// As the policy has it.
    package let text: String
    private let steps: [FormulaStep]
    private let localCount: Int

    /// Compiles `text`, in which `names[i]` stands for the i-th value of `evaluate`.
    package init(compiling text: String, names: [String]) throws(FormulaError) {
        var parser = try FormulaParser(text: text, names: names)
        steps = try parser.program()
        localCount = parser.localCount
        self.text = text
    }

    /// The result for these values, in the order of the names; nil in them is a trigger that has no value.
    /// nil where the result is undefined (nil, not a number, infinite); 1 or 0 where it is a condition.
    package func evaluate(_ values: [Double?]) -> Double? {
        var stack: [Double?] = []
        stack.reserveCapacity(8)
        var locals = [Double?](repeating: nil, count: localCount)
        for step in steps { step.run(on: &stack, values, &locals) }
        guard let result = stack.popLast() ?? nil, result.isFinite else { return nil }
        return result
    }
}

/// Why a formula was refused, and where.
package struct FormulaError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Of the first character that is wrong, from 1; line breaks count as characters.
    package var column: Int
    package var message: String

    package init(column: Int, message: String) { self.column = column; self.message = message }

    package var description: String { "column \(column): \(message)" }
}

/// One step of a compiled formula. Operands are on the stack; a condition is 1 or 0.
enum FormulaStep: Hashable, Sendable {
    case constant(Double)
    case missing
    case value(Int)
    case unary(Unary)
    case binary(Binary)
    /// condition, then, else → one of the latter two.
    case choose
    /// What `let` named: put away, and looked up. A local is stored before any step reads it.
    case store(Int)
    case local(Int)
    /// Of so many pairs of a number and whether it counts: one number, or nil where none counts.
    case aggregate(Aggregate, Int)

    enum Unary: Hashable, Sendable { case negate, not, absolute, ceiling, floor, round, truncate, isMissing, hasValue }

    enum Aggregate: Hashable, Sendable { case minimum, maximum, mean, median }

    enum Binary: Hashable, Sendable {
        case add, subtract, multiply, divide, remainder, power
        case less, lessOrEqual, greater, greaterOrEqual, equal, notEqual
        case and, or, coalesce, minimum, maximum
    }

    func run(on stack: inout [Double?], _ values: [Double?], _ locals: inout [Double?]) {
        switch self {
        case .constant(let number): stack.append(number)
        case .missing: stack.append(nil)
        case .value(let index): stack.append(index < values.count ? values[index] : nil)
        case .unary(let operation):
            let operand = stack.popLast() ?? nil
            stack.append(operation.apply(operand))
        case .binary(let operation):
            let right = stack.popLast() ?? nil
            let left = stack.popLast() ?? nil
            stack.append(operation.apply(left, right))
        case .choose:
            let otherwise = stack.popLast() ?? nil
            let then = stack.popLast() ?? nil
            let condition = stack.popLast() ?? nil
            stack.append(condition.flatMap { $0 != 0 ? then : otherwise })
        case .store(let slot):
            locals[slot] = stack.popLast() ?? nil
        case .local(let slot):
            stack.append(locals[slot])
        case .aggregate(let aggregate, let count):
            let pairs = Array(stack.suffix(2 * count))
            stack.removeLast(pairs.count)
            stack.append(aggregate.apply(pairs))
        }
    }
}

extension FormulaStep.Aggregate {
    /// number, whether it counts, number, whether it counts, …
    func apply(_ pairs: [Double?]) -> Double? {
        var numbers: [Double] = []
        for k in stride(from: 0, to: pairs.count - 1, by: 2) {
            guard let counts = pairs[k + 1] else { return nil }
            if counts == 0 { continue }
            guard let number = pairs[k], !number.isNaN else { return nil }
            numbers.append(number)
        }
        switch self {
        case .minimum: return numbers.min()
        case .maximum: return numbers.max()
        // Of nothing: 0, as expr-lang's.
        case .mean: return numbers.isEmpty ? 0 : numbers.reduce(0, +) / Double(numbers.count)
        case .median: return median(numbers.sorted())
        }
    }

    private func median(_ sorted: [Double]) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

extension FormulaStep.Unary {
    func apply(_ operand: Double?) -> Double? {
        switch self {
        case .isMissing: return operand == nil ? 1 : 0
        case .hasValue: return operand == nil ? 0 : 1
        default: break
        }
        guard let x = operand else { return nil }
        switch self {
        case .negate: return -x
        case .not: return x == 0 ? 1 : 0
        case .absolute: return abs(x)
        case .ceiling: return x.rounded(.up)
        case .floor: return x.rounded(.down)
        // Halves away from zero, as Go's math.Round: 2.5 → 3, −2.5 → −3.
        case .round: return x.rounded(.toNearestOrAwayFromZero)
        // Go's int(x): −7.9 → −7. What no Int64 holds stays what it is.
        case .truncate: return x.rounded(.towardZero)
        case .isMissing, .hasValue: return nil
        }
    }
}

extension FormulaStep.Binary {
    func apply(_ left: Double?, _ right: Double?) -> Double? {
        switch self {
        case .coalesce: return left ?? right
        case .and: return left == 0 || right == 0 ? 0 : left == nil || right == nil ? nil : 1
        case .or: return left == 1 || right == 1 ? 1 : left == nil || right == nil ? nil : 0
        default: break
        }
        guard let a = left, let b = right else { return nil }
        return arithmetic(a, b) ?? comparison(a, b)
    }

    private func arithmetic(_ a: Double, _ b: Double) -> Double? {
        switch self {
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        // The sign of the dividend, as Go's: -7 % 3 is -1.
        case .remainder: a.truncatingRemainder(dividingBy: b)
        case .power: Power.raise(a, to: b)
        // What is not a number stays so, on either side.
        case .minimum: a.isNaN || b.isNaN ? .nan : min(a, b)
        case .maximum: a.isNaN || b.isNaN ? .nan : max(a, b)
        default: nil
        }
    }

    private func comparison(_ a: Double, _ b: Double) -> Double? {
        switch self {
        case .less: a < b ? 1 : 0
        case .lessOrEqual: a <= b ? 1 : 0
        case .greater: a > b ? 1 : 0
        case .greaterOrEqual: a >= b ? 1 : 0
        case .equal: a == b ? 1 : 0
        case .notEqual: a != b ? 1 : 0
        default: nil
        }
    }
}
