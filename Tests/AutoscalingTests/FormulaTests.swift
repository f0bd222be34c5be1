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
        ("1", 1), ("1.5e3", 1_500), (".25", 0.25), ("a", 6), ("a + b", 10), ("a - b - 1", 1), ("a + b * 2", 14), ("(a + b) * 2", 20), ("a / b", 1.5),
        ("7 % 3", 1), ("-7 % 3", -1), ("7.5 % 2", 1.5), ("-a", -6), ("+a", 6), ("--a", 6), ("a - -b", 10), ("2 ** 3", 8), ("2 ^ 3", 8),
        ("2 ** 3 ** 2", 512), ("-2 ** 2", -4), ("2 ** -1", 0.5), ("9 ** 0.5", 3), ("2 * 3 % 4", 2),
        // Conditions and choices; a condition alone is 1 or 0.
        ("a > b", 1), ("a < b", 0), ("a >= 6", 1), ("a <= 5", 0), ("a == 6", 1), ("a != 6", 0), ("true", 1), ("not true", 0), ("!(a > b)", 0),
        ("a > 2 ? a + b : 1", 10), ("a < 2 ? a + b : 1", 1), ("a < 2 ? a + b >= 2 ? 5 : 10 : 0", 0), ("a < 8 ? a + b >= 2 ? 5 : 10 : 0", 5),
        ("a > 9 ? 1 : a > 5 ? 2 : 3", 2), ("a > 5 and b > 5", 0), ("a > 5 or b > 5", 1), ("a > 5 && !(b > 5) || false", 1), ("true or true and false", 1),
        ("true == (a > b)", 1), ("if a > 5 { 1 } else { 2 }", 1), ("if (a > 9) { 1 } else if (b > 3) { 2 } else { 3 }", 2),
        // Functions.
        ("min(a, b)", 4), ("max(a, b, 9)", 9), ("max([a, b])", 6), ("max([a, b], 8)", 8), ("abs(b - a)", 2), ("ceil(a / b)", 2), ("floor(a / b)", 1),
        ("round(2.5)", 3), ("round(-2.5)", -3), ("sum(a, b, 1)", 11), ("sum([a, b])", 10), ("sum([])", 0), ("mean(a, b)", 5), ("mean([a, b, 2])", 4),
        ("count([a, b])", 2), ("count(a, b, c)", 2), ("count([])", 0), ("count([a > 5, b > 5])", 1),
        ("count([a, b, 7], {# > 5})", 2), ("count([a, b, 7], # > 5)", 2), ("count([a,b],{#>1}) > 1 ? 5 : 0", 5), ("sum([a, b], {# * 2})", 20),
        ("any([a, b], {# > 5})", 1), ("all([a, b], {# > 5})", 0), ("none([a, b], {# > 9})", 1), ("one([a, b], {# > 5})", 1),
        ("sum([a, b], {count([1, 5], {# > 4}) * #})", 10), ("max([a, count([a, b], {# > 1}), 3])", 6),
        // Triggers without a value.
        ("c ?? 3", 3), ("a ?? 3", 6), ("a + c ?? 3", 9), ("(a + c) ?? 3", 3), ("c == nil", 1), ("c != nil", 0), ("nil == a", 0), ("c != nil ? c : b", 4),
        ("max(a, c ?? 0)", 6), ("c > 1 or a > 5", 1), ("c > 1 and a > 9", 0), ("(c > 1) ?? true", 1), ("c ?? nil ?? 2", 2), ("true ? a : c", 6),
        // Space is nothing.
        ("\n a\t+\r\n b ", 10),
    ])
    func evaluates(_ text: String, to expected: Double) throws {
        #expect(try compile(text).evaluate(values) == expected)
    }

    @Test(arguments: ["c", "a + c", "c > 1", "c > 1 ? 2 : 3", "max(a, c)", "mean([a, c])", "c > 1 and a > 5", "a / 0", "-a / 0", "0 / 0", "a % 0", "10 ** 400", "(-2) ** 0.5", "false ? a : c"])
    func isUndefined(_ text: String) throws {
        #expect(try compile(text).evaluate(values) == nil)
    }

    /// Mistake, column, and a word that the message must have.
    @Test(arguments: [
        ("", 1, "empty"), ("  ", 3, "empty"), ("1 +", 4, "found the end"), ("1 2", 3, "operator"), ("(a + b", 7, "expected )"), ("a + b)", 6, "operator"),
        ("1 + true", 5, "+ needs a number"), ("true + 1", 1, "+ needs a number"), ("1 + nil", 5, "nil"), ("not a", 5, "condition"), ("-true", 2, "- needs"),
        ("a and b", 1, "and needs a condition"), ("a > 1 and b", 11, "condition"), ("a ? 1 : 2", 1, "condition"), ("a > 1 ? 1 : true", 13, "both halves"),
        ("a > 1 ? 1", 10, "expected :"), ("1 < a < 3", 1, "chain"), ("a == true", 6, "number"), ("a ?? true", 6, "number"), ("nil", 1, "always nil"),
        ("nil ?? nil", 1, "always nil"),
        ("queue", 1, "known here: a, b, c, request-rate"), ("mx(a, b)", 1, "did you mean max?"), ("a(1)", 1, "no function"),
        ("request-rate * 2", 1, "request-rate can't be written"), ("a + request-rate", 5, "letters, digits and _"),
        ("min()", 1, "min of nothing"), ("max([])", 1, "max of nothing"), ("mean([])", 1, "mean of nothing"), ("abs(a, b)", 1, "one number"), ("abs([a, b])", 1, "one number"),
        ("max(true, 1)", 5, "number"), ("count([a, b > 1])", 11, "number"), ("any([a, b])", 6, "condition"), ("count([a], {# + 1})", 13, "condition"),
        ("sum([a], {# > 1})", 11, "number"), ("count([], {# + true})", 16, "number"), ("[a, b]", 1, "list"), ("# > 1", 1, "predicate"), ("count([a, b], {# > 1)", 21, "expected }"),
        ("a = 1", 3, "=="), ("a & b", 3, "&&"), ("a | b", 3, "||"), ("a.b", 2, "point"), ("a; b", 2, "; means nothing"), ("'a'", 1, "texts"), ("a + é", 5, "ASCII"),
        ("1.", 1, "point"), ("1e", 1, "exponent"), ("1e999", 1, "too large"), ("2a", 1, "runs into"), ("if a > 1 { 2 }", 15, "else"), ("if a > 1 2", 10, "expected {"),
        ("1 + if a > 1 { 2 } else { 3 }", 5, "found if"),
    ])
    func refuses(_ text: String, at column: Int, saying words: String) throws {
        let error = try #require(refusal(text))
        #expect(error.column == column, "\(error)")
        #expect(error.message.contains(words), "\(error)")
    }

    @Test func theNearestTriggerIsNamed() {
        #expect(refusal("1 + queue_dpeth", names: ["request_rate", "queue_depth"]) == FormulaError(column: 5, message: "no trigger is called queue_dpeth; did you mean queue_depth?"))
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
        (0.0, 0.0, 1.0), (0, 2, 0), (0, -1, .infinity), (0, 0.3, 0), (1, 1e300, 1), (2, 5_000, .infinity), (2, -5_000, 0), (-2, 3, -8), (-1, 1e9 + 1, -1),
        (.infinity, 0.3, .infinity), (.infinity, -0.3, 0), (0.5, .infinity, 0),
    ])
    func powersOfTheExtremes(_ base: Double, _ exponent: Double, _ expected: Double) {
        #expect(Power.raise(base, to: exponent) == expected)
    }

    @Test(arguments: 0..<8)
    func mutatedTextsNeverCrash(_ seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let samples = ["count([a,b,c],{# > 1}) > 1 ? 5 : 0", "(a + b) / 2 ?? max(a, [b, c])", "if a > 1 { a ** 2 } else { not (b > c) ? 1 : nil }"]
        let alphabet = Array("ab c1.5e9+-*/%^<>=!?:()[]{}#,&|\u{E9}\"nil true sum(".utf8)
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
