// What does a formula take the place of that expr-lang has and formulas here don't?
//
// A formula here is pure arithmetic over triggers: no texts, no maps, no clock, no order of a list that only evaluation knows.
// What asks for one of these is refused by its name, with what comes nearest.

enum FormulaAdvice {
    static let textOperators = ["matches", "contains", "startsWith", "endsWith"]

    /// Why this function of expr-lang isn't taken, and what to write; nil where expr-lang has none of the name.
    static func onFunction(_ name: String) -> String? {
        untaken.first { $0.names.contains(name) }.map { "\(name) isn't taken here: \($0.why)" }
    }

    private static let untaken: [(names: [String], why: String)] = [
        (
            [
                "string", "trim", "trimPrefix", "trimSuffix", "upper", "lower", "split", "splitAfter", "replace", "repeat", "join",
                "indexOf", "lastIndexOf",
                "hasPrefix", "hasSuffix", "toJSON", "fromJSON", "toBase64", "fromBase64", "type",
            ], "it is about texts, and a formula has numbers alone"
        ),
        (["now", "date", "duration", "timezone"], "a formula has no clock; what depends on the time of day goes into spec.schedules"),
        (
            ["keys", "values", "toPairs", "fromPairs", "get", "groupBy"],
            "it is about maps, and a formula has none; name the trigger itself"
        ),
        (["sort", "sortBy"], "min, max and median tell what a sorted list is asked for"),
        (["uniq", "flatten"], "write the elements out, in one list"),
        (
            ["bitnot", "bitand", "bitor", "bitxor", "bitnand", "bitshl", "bitshr", "bitushr"],
            "there is no bit arithmetic; use %, / and floor"
        ),
    ]
}
