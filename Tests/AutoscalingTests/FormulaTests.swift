import Basics
import Domain
import Testing

@testable import Autoscaling

// Formulas over three triggers: a = 6, b = 4, and c, which fails and has no value.

private let names = ["a", "b", "c", "request-rate"]
private let values: [Double?] = [6, 4, nil, 9]

private func compile(_ text: String) throws -> Formula { try Formula(compiling: text, names: names) }

private func refusal(_ text: String, names: [String] = names) -> FormulaError? {
    do throws(FormulaError) {
        _ = try Formula(compiling: text, names: names)
        return nil
    } catch {
        return error
    }
}

@Suite struct FormulaTests {
    @Test(arguments: [
        // Arithmetic and precedence.
        ("1", 1), ("1.5e3", 1_500), (".25", 0.25), ("a", 6), ("a + b", 10), ("a - b - 1", 1), ("a + b * 2", 14), ("(a + b) * 2", 20),
        ("a / b", 1.5),
        ("7 % 3", 1), ("-7 % 3", -1), ("7.5 % 2", 1.5), ("-a", -6), ("+a", 6), ("--a", 6), ("a - -b", 10), ("2 ** 3", 8), ("2 ^ 3", 8),
        ("2 ** 3 ** 2", 512), ("-2 ** 2", -4), ("2 ** -1", 0.5), ("9 ** 0.5", 3), ("2 * 3 % 4", 2),
        // Conditions and choices; a condition alone is 1 or 0.
        ("a > b", 1), ("a < b", 0), ("a >= 6", 1), ("a <= 5", 0), ("a == 6", 1), ("a != 6", 0), ("true", 1), ("not true", 0),
        ("!(a > b)", 0),
        ("a > 2 ? a + b : 1", 10), ("a < 2 ? a + b : 1", 1), ("a < 2 ? a + b >= 2 ? 5 : 10 : 0", 0), ("a < 8 ? a + b >= 2 ? 5 : 10 : 0", 5),
        ("a > 9 ? 1 : a > 5 ? 2 : 3", 2), ("a > 5 and b > 5", 0), ("a > 5 or b > 5", 1), ("a > 5 && !(b > 5) || false", 1),
        ("true or true and false", 1),
        ("true == (a > b)", 1), ("if a > 5 { 1 } else { 2 }", 1), ("if (a > 9) { 1 } else if (b > 3) { 2 } else { 3 }", 2),
        // Functions.
        ("min(a, b)", 4), ("max(a, b, 9)", 9), ("max([a, b])", 6), ("max([a, b], 8)", 8), ("abs(b - a)", 2), ("ceil(a / b)", 2),
        ("floor(a / b)", 1),
        ("round(2.5)", 3), ("round(-2.5)", -3), ("sum(a, b, 1)", 11), ("sum([a, b])", 10), ("sum([])", 0), ("mean(a, b)", 5),
        ("mean([a, b, 2])", 4),
        ("count([a, b])", 2), ("count(a, b, c)", 2), ("count([])", 0), ("count([a > 5, b > 5])", 1),
        ("count([a, b, 7], {# > 5})", 2), ("count([a, b, 7], # > 5)", 2), ("count([a,b],{#>1}) > 1 ? 5 : 0", 5),
        ("sum([a, b], {# * 2})", 20),
        ("any([a, b], {# > 5})", 1), ("all([a, b], {# > 5})", 0), ("none([a, b], {# > 9})", 1), ("one([a, b], {# > 5})", 1),
        ("sum([a, b], {count([1, 5], {# > 4}) * #})", 10), ("max([a, count([a, b], {# > 1}), 3])", 6),
        // Triggers without a value.
        ("c ?? 3", 3), ("a ?? 3", 6), ("a + c ?? 3", 9), ("(a + c) ?? 3", 3), ("c == nil", 1), ("c != nil", 0), ("nil == a", 0),
        ("c != nil ? c : b", 4),
        ("max(a, c ?? 0)", 6), ("c > 1 or a > 5", 1), ("c > 1 and a > 9", 0), ("(c > 1) ?? true", 1), ("c ?? nil ?? 2", 2),
        ("true ? a : c", 6),
        // Space is nothing, and neither are comments.
        ("\n a\t+\r\n b ", 10), ("a // six\n + b", 10), ("a /* six */ + /* four */ b", 10), ("a + b // ten", 10),
        // Numbers as expr-lang writes them.
        ("0x10", 16), ("0b101 + 0o17", 20), ("1_000", 1_000), ("1_000.5", 1_000.5),
        // Conversions: there is one kind of number, whole or not.
        ("float(a)", 6), ("float(1 / 2)", 0.5), ("float(a > 5 ? a : b)", 6), ("int(7.9)", 7), ("int(-7.9)", -7), ("int(a / b) * 2", 2),
        ("int(1e300)", 1e300),
        ("7 / 2", 3.5), ("int(7) / int(2)", 3.5), ("c ?? int(2.5)", 2),
        // Names.
        ("let x = a + b; x * 2", 20), ("let x = a; let y = x + 1; y * y", 49), ("let busy = a > 5; busy ? 1 : 2", 1),
        ("let l = [a, b]; max(l) - min(l)", 2),
        ("(let x = 2; x + 1) * a", 18), ("if a > 5 { let d = b; d * 2 } else { 0 }", 8), ("sum([a, b], {let d = # * 2; d + 1})", 22),
        ("let x = c; x ?? 5", 5),
        ("let x = a;\nx;", 6), ("let n = nil; n ?? 3", 3), ("let x = a | max(b, 9); x", 9),
    ])
    func evaluates(_ text: String, to expected: Double) throws {
        #expect(try compile(text).evaluate(values) == expected)
    }

    /// Lists exist while compiling, and nowhere else.
    @Test(arguments: [
        ("a in [1, 6]", 1), ("a in [1, 7]", 0), ("a not in [1, 7]", 1), ("a in 1..6", 1), ("a in 1..5", 0), ("b not in 1..3", 1),
        ("a / 4 in 1..2", 0), ("a in []", 0),
        ("a in 1..3 ? 1 : a in 4..6 ? 2 : 3", 2), ("a in b..b + 3", 1), ("a + 1 in [7]", 1), ("not (a in 1..6)", 0),
        ("a in 1..6 and b in 1..6", 1), ("true in [a > 9, b > 3]", 1),
        ("1 < b < a", 1), ("1 < a < 5", 0), ("0 <= b <= 4 <= a", 1), ("(c ?? 2) in 1..3", 1), ("a in 6..1", 0),
        ("median(a, b, 1)", 4), ("median([a, b])", 5), ("median([1, 9, a, b])", 5), ("median(7)", 7), ("median([a, [b, 9]])", 6),
        ("max([a, [b, 9]])", 9),
        ("mean(1..4)", 2.5), ("sum(1..4)", 10), ("sum(1..4, # * #)", 30), ("len([a, b, c])", 3), ("len(1..5)", 5), ("len([])", 0),
        ("count(1..9, # % 2 == 0)", 4),
        ("sum(map([a, b], # * 2))", 20), ("max(map([a, b], {# > 5 ? # : 0}))", 6), ("sum(filter([a, b, 7], # > 5))", 13),
        ("len(filter([a, b, 7], # > 5))", 2),
        ("max(filter([a, b, 7], # < 7))", 6), ("mean(filter([a, b, 8], # > 5))", 7), ("median(filter([a, b, 8, 1], # > 1))", 6),
        ("mean(filter([a], # > 9))", 0),
        ("min(filter([a, c ?? 99], # < 50))", 6), ("count(filter([a, b, 7], # > 5), # > 6)", 1), ("all(filter([a, b], # > 5), # > 5)", 1),
        ("any(filter([a, b], # > 5), # < 5)", 0),
        ("first([a, b])", 6), ("last([a, b])", 4), ("find([b, a, 7], # > 5)", 6), ("findLast([b, a, 7], # > 5)", 7),
        ("findIndex([b, a, 7], # > 5)", 1), ("find([a], # > 9) ?? 1", 1),
        ("first(filter([a, b], # < 5))", 4), ("[a, b][0]", 6), ("[a, b][-1]", 4), ("let l = [a, b]; l[1]", 4),
        ("sum(take([a, b, 9], 2))", 10), ("first(reverse([a, b]))", 4),
        ("sum(concat([a], [b, 1]))", 11), ("reduce([a, b], #acc + #)", 10), ("reduce([a, b], #acc * #, 2)", 48),
        ("reduce([], #acc + #, 5)", 5), ("reduce(1..3, #acc + # * #index, 0)", 8),
        ("sum([a, b], {# * #index})", 4), ("max([a, b,],)", 6), ("a in filter([a, b], # > 5)", 1), ("b in filter([a, b], # > 5)", 0),
        // Pipes.
        ("[a, b] | sum()", 10), ("a + b | max(3)", 10), ("[a, b, 7] | filter(# > 5) | len()", 2), ("a / b | ceil()", 2),
        ("a | float() | int()", 6), ("[a, b] | map(# * 2) | sum()", 20),
    ])
    func evaluatesLists(_ text: String, to expected: Double) throws {
        #expect(try compile(text).evaluate(values) == expected)
    }

    @Test(arguments: [
        "median(a, c)", "max(filter([a], # > 9))", "find([a], # > 9)", "c in 1..3", "c in [1, 2]", "sum(filter([a, c], # > 1))", "int(c)",
        "let x = c; x + 1", "c", "a + c", "c > 1", "c > 1 ? 2 : 3", "max(a, c)", "mean([a, c])", "c > 1 and a > 5", "a / 0", "-a / 0",
        "0 / 0", "a % 0", "10 ** 400", "(-2) ** 0.5", "false ? a : c",
    ])
    func isUndefined(_ text: String) throws {
        #expect(try compile(text).evaluate(values) == nil)
    }

    /// Mistake, column, and a word that the message must have.
    @Test(arguments: [
        ("", 1, "empty"), ("  ", 3, "empty"), ("1 +", 4, "found the end"), ("1 2", 3, "operator"), ("(a + b", 7, "expected )"),
        ("a + b)", 6, "operator"),
        ("1 + true", 5, "+ needs a number"), ("true + 1", 1, "+ needs a number"), ("1 + nil", 5, "nil"), ("not a", 5, "condition"),
        ("-true", 2, "- needs"),
        ("a and b", 1, "and needs a condition"), ("a > 1 and b", 11, "condition"), ("a ? 1 : 2", 1, "condition"),
        ("a > 1 ? 1 : true", 13, "both halves"),
        ("a > 1 ? 1", 10, "expected :"), ("(1 < a) < 3", 2, "chain"), ("a == true", 6, "number"), ("a ?? true", 6, "number"),
        ("nil", 1, "always nil"),
        ("nil ?? nil", 1, "always nil"),
        ("queue", 1, "known here: a, b, c, request-rate"), ("mx(a, b)", 1, "did you mean max?"), ("a(1)", 1, "no function"),
        ("request-rate * 2", 1, "request-rate can't be written"), ("a + request-rate", 5, "letters, digits and _"),
        ("min()", 1, "min of nothing"), ("max([])", 1, "max of nothing"), ("mean([])", 1, "mean of nothing"),
        ("abs(a, b)", 1, "one number"), ("abs([a, b])", 1, "one number"),
        ("max(true, 1)", 5, "number"), ("count([a, b > 1])", 11, "number"), ("any([a, b])", 6, "condition"),
        ("count([a], {# + 1})", 13, "condition"),
        ("sum([a], {# > 1})", 11, "number"), ("count([], {# + true})", 16, "number"), ("[a, b]", 1, "list"), ("# > 1", 1, "predicate"),
        ("count([a, b], {# > 1)", 21, "expected }"),
        ("a = 1", 3, "=="), ("a & b", 3, "&&"), ("a | b", 3, "||"), ("a.b", 2, "point"), ("a; b", 2, "; means nothing"),
        ("'a'", 1, "texts"), ("a + é", 5, "ASCII"),
        ("1.", 1, "point"), ("1e", 1, "exponent"), ("1e999", 1, "too large"), ("2a", 1, "runs into"), ("if a > 1 { 2 }", 15, "else"),
        ("if a > 1 2", 10, "expected {"),
        ("1 + if a > 1 { 2 } else { 3 }", 5, "found if"),
    ])
    func refuses(_ text: String, at column: Int, saying words: String) throws {
        let error = try #require(refusal(text))
        #expect(error.column == column, "\(error)")
        #expect(error.message.contains(words), "\(error)")
    }

    /// What expr-lang has and formulas don't is refused by its name.
    @Test(arguments: [
        ("now() - 1", 1, "now isn't taken here: a formula has no clock"), ("len(sort([a, b]))", 5, "min, max and median"),
        ("string(a)", 1, "texts"), ("get(a, b)", 1, "maps"),
        ("bitand(1, 2)", 1, "no bit arithmetic"), ("a contains b", 3, "contains compares texts"),
        ("uniq([a])", 1, "write the elements out"),
        ("let a = 1; a", 5, "a is the name of something already"), ("let max = 1; max", 5, "a word of the language"),
        ("let x 1; x", 7, "expected ="), ("let x = 1 x", 11, "expected ;"),
        ("let x = 1;", 11, "found the end"), ("let", 1, "let gives a value a name"), ("y = 1; y", 1, "no trigger"),
        ("a in 3", 6, "a list or a range"), ("a in b", 6, "a list or a range"),
        ("sum(1..a)", 8, "doesn't depend on a trigger"), ("sum(1..1000)", 5, "at most 256"), ("1..3", 1, "a list, not a number"),
        ("[a] + 1", 1, "+ needs a number, and this is a list"),
        ("[a] == [b]", 1, "takes no list"), ("a > 1 ? [a] : [b]", 9, "takes no list"), ("int([a])", 1, "one number"),
        ("int(a > 1)", 5, "number"), ("float(true)", 7, "number"),
        ("[a][1]", 5, "there is none at 1"), ("map([a, b])", 1, "what to do with each element"),
        ("take(filter([a], # > 1), 1)", 6, "which elements filter left"),
        ("sum([a], #acc)", 11, "no reduce"), ("sum([a], #foo)", 11, "none of them"), ("reduce([], #acc + #)", 1, "first value"),
        ("a /* b", 3, "no end"), ("0xZZ", 1, "base 16"),
        ("a | b()", 5, "no function is called b"), ("a ?? [b]", 6, "takes no list"), ("first(a)", 7, "needs a list"), ("1...3", 1, "list"),
        ("median()", 1, "median of nothing"),
    ])
    func refusesByName(_ text: String, at column: Int, saying words: String) throws {
        let error = try #require(refusal(text))
        #expect(error.column == column, "\(error)")
        #expect(error.message.contains(words), "\(error)")
    }

    @Test func theNearestTriggerIsNamed() {
        #expect(
            refusal("1 + queue_dpeth", names: ["request_rate", "queue_depth"])
                == FormulaError(column: 5, message: "no trigger is called queue_dpeth; did you mean queue_depth?"))
    }

    @Test func limitsAreNamedAndHold() throws {
        let longest = "1" + String(repeating: " ", count: Formula.textLimitBytes - 1)
        #expect(refusal(longest) == nil)
        #expect(refusal(longest + " ")?.column == Formula.textLimitBytes + 1)

        func nested(_ depth: Int) -> String { String(repeating: "(", count: depth) + "1" + String(repeating: ")", count: depth) }
        #expect(refusal(nested(Formula.nestingLimit - 1)) == nil)
        #expect(refusal(nested(Formula.nestingLimit))?.message.contains("nested") == true)
        for deep in ["-", "not ", "2 ** ", "true ? 1 : ", "max([", "if true { 1 } else "] {
            #expect(refusal(String(repeating: deep, count: 70) + "1")?.message.contains("nested") == true, "\(deep)")
        }

        func summed(_ terms: Int) -> String { Array(repeating: "1", count: terms).joined(separator: "+") }
        #expect(refusal(summed(Formula.stepLimit / 2)) == nil)
        #expect(refusal(summed(Formula.stepLimit / 2 + 1))?.message.contains("steps") == true)
    }

    /// Each level reads its predicate once for each element: without the limit on steps this would never end.
    @Test func nestedPredicatesEndSoon() {
        let text = String(repeating: "sum([1,2,3,4,5,6,7,8,9,10], {", count: 30) + "#" + String(repeating: "})", count: 30)
        #expect(refusal(text)?.message.contains("steps") == true)
        let single = String(repeating: "sum([1], {", count: 60) + "#" + String(repeating: "})", count: 60)
        #expect(refusal(single) == nil)
    }

    /// Lists are copies of their elements: doubling them, and reading predicates over them, is bounded too.
    @Test(.timeLimit(.minutes(1)))
    func compilingListsEndsSoon() {
        let doubling = "let l0 = [a, b];" + (1...40).map { "let l\($0) = concat(l\($0 - 1), l\($0 - 1));" }.joined() + "len(l40)"
        #expect(refusal(doubling)?.message.contains("at most") == true)
        let nesting = "let l0 = [a, b];" + (1...40).map { "let l\($0) = [l\($0 - 1), l\($0 - 1)];" }.joined() + "max(l40)"
        #expect(refusal(nesting)?.message.contains("at most") == true)
        let mapped = String(repeating: "len(map(0..255, {", count: 20) + "1" + String(repeating: "}))", count: 20)
        #expect(refusal(mapped)?.message.contains("steps") == true)
        let doubled = "let x0 = a + b;" + (1...60).map { "let x\($0) = x\($0 - 1) + x\($0 - 1);" }.joined() + "x60"
        #expect((try? compile(doubled).evaluate(values)) == 10 * 1_152_921_504_606_846_976)
    }

    /// A trigger may be called what is a word of the language elsewhere: such formulas are in logs.
    @Test func wordsOfLaterVersionsAreStillNames() throws {
        let words = ["let", "in", "median", "int"]
        #expect(try Formula(compiling: "let + in * 2", names: words).evaluate([1, 2, 3, 4]) == 5)
        #expect(try Formula(compiling: "in in [let, 2] ? int : median", names: words).evaluate([1, 2, 3, 4]) == 4)
    }

    @Test func missingValuesAtTheEndAreNil() throws {
        #expect(try compile("a ?? 7").evaluate([]) == 7)
        #expect(try compile("b").evaluate([1]) == nil)
    }

    @Test func equalTextsOverEqualNamesAreEqual() throws {
        #expect(try compile("a + b") == compile("a + b"))
        #expect(try Formula(compiling: "a + b", names: ["a", "b"]) != Formula(compiling: "a + b", names: ["b", "a"]))
    }

    /// Powers keep identities that need no library, to 10⁻¹² or so: (x^y)^(1/y) = x, x^(y+z) = x^y · x^z.
    @Test func powersAreAccurate() {
        var random = SplitMix64(seed: 4)
        for _ in 0..<2_000 {
            let x = Double.random(in: 0.001...1_000, using: &random)
            let y = Double.random(in: -8...8, using: &random)
            let z = Double.random(in: -3...3, using: &random)
            let there = Power.raise(Power.raise(x, to: y), to: 1 / y) / x - 1
            let parts = Power.raise(x, to: y + z) / (Power.raise(x, to: y) * Power.raise(x, to: z)) - 1
            if abs(there) > 1e-11 || abs(parts) > 1e-12 { Issue.record("\(x) ** \(y), and + \(z)") }
        }
        #expect(abs(Power.raise(2, to: 0.25) - 1.189207115002721) < 1e-15)
        #expect(abs(Power.raise(10, to: -2.5) - 0.0031622776601683795) < 1e-17)
    }

    @Test(arguments: [
        (0.0, 0.0, 1.0), (0, 2, 0), (0, -1, .infinity), (0, 0.3, 0), (1, 1e300, 1), (2, 5_000, .infinity), (2, -5_000, 0), (-2, 3, -8),
        (-1, 1e9 + 1, -1),
        (.infinity, 0.3, .infinity), (.infinity, -0.3, 0), (0.5, .infinity, 0),
    ])
    func powersOfTheExtremes(_ base: Double, _ exponent: Double, _ expected: Double) {
        #expect(Power.raise(base, to: exponent) == expected)
    }

    @Test(arguments: 0..<8)
    func mutatedTextsNeverCrash(_ seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let samples = [
            "let x = [a, b, c ?? 1]; median(filter(x, # > 1)) | max(len(x))",
            "a in 1..3 ? reduce([a, b], #acc + # * #index, 1) : float(int(b / 3))", "count([a,b,c],{# > 1}) > 1 ? 5 : 0",
            "(a + b) / 2 ?? max(a, [b, c])", "if a > 1 { a ** 2 } else { not (b > c) ? 1 : nil }",
        ]
        let alphabet = Array("ab c1.5e9+-*/%^<>=!?:()[]{}#,&|;.\u{E9}\"nil true sum( let in #acc median(..".utf8)
        for _ in 0..<500 {
            var bytes = Array(random.pick(samples).utf8)
            for _ in 0..<random.int(1...6) {
                let place = random.int(0...(bytes.count - 1))
                if random.chance(50) { bytes[place] = random.pick(alphabet) } else { bytes.insert(random.pick(alphabet), at: place) }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            do throws(FormulaError) {
                let result = try Formula(compiling: text, names: names).evaluate(values)
                if result?.isFinite == false { Issue.record("\(text) is \(String(describing: result))") }
            } catch {
                if !(1...text.utf8.count + 1).contains(error.column) { Issue.record("\(text): \(error)") }
            }
        }
    }
}
