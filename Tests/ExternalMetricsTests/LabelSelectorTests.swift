import Basics
import Domain
import Testing

@testable import ExternalMetrics

@Suite struct LabelSelectorTests {
    static let labels = [
        "pool": "kagent-default", "state": "blocked", "empty": "", "size": "7", "in": "notin", "example.com/team": "a.b_c-D",
    ]

    @Test(
        "a selector selects as in Kubernetes",
        arguments: [
            ("", true), ("   ", true),
            ("pool=kagent-default", true), ("pool==kagent-default", true), ("pool = kagent-default", true), ("pool=other", false),
            ("absent=x", false),
            ("pool!=other", true), ("pool!=kagent-default", false), ("absent!=x", true),
            ("empty=", true), ("empty==", true), ("empty!=", false), ("pool=", false), ("absent=", false), ("absent!=", true),
            ("empty=,pool", true),
            ("state in (blocked,resident)", true), ("state in(blocked)", true), ("state in ( resident , paused )", false),
            ("absent in (x)", false),
            ("state notin (resident)", true), ("state notin (resident,blocked)", false), ("absent notin (x)", true),
            ("empty in (a,)", true), ("empty in (,a)", true), ("empty in (,)", true), ("empty in (a,,b)", true), ("pool in (,)", false),
            ("pool", true), ("absent", false), ("empty", true), ("!pool", false), ("!absent", true), ("! absent", true),
            ("pool,state", true), ("pool,!absent,state in (blocked),size!=8", true), ("pool,absent", false),
            ("size>6", true), ("size>7", false), ("size<8", true), ("size < 7", false), ("pool>1", false), ("absent<1", false),
            ("in=notin", true), ("in in (in,notin)", true), ("in", true), ("!in", false), ("in notin (in)", true), ("in in (in)", false),
            ("example.com/team=a.b_c-D", true), ("example.com/team in (a.b_c-D)", true), ("pool\t=\nkagent-default", true),
            ("pool=kagent-default,state in (blocked,resident)", true),
        ])
    func selects(_ text: String, _ expected: Bool) throws {
        #expect(try LabelSelector(parsing: text).matches { Self.labels[$0] } == expected)
    }

    @Test(
        "what can't be read is told with its column",
        arguments: [
            ("pool in", 8, "found end of selector, expected '('"), ("pool in (a", 11, "found end of selector, expected ',' or ')'"),
            ("pool in ()", 10, "'in' needs at least one value"), ("pool notin ()", 13, "'notin' needs at least one value"),
            ("pool in a", 9, "found 'a', expected '('"),
            ("pool in (a b)", 12, "found 'b', expected ',' or ')'"), (",", 1, "found ',', expected a label's key"),
            ("pool,", 6, "found end of selector, expected a label's key"),
            ("a,,b", 3, "found ',', expected a label's key"),
            ("pool kagent", 6, "found 'kagent', expected =, ==, !=, in, notin, <, >, ',' or the end"),
            ("pool=a b", 8, "found 'b', expected ',' or the end"), ("=a", 1, "found '=', expected a label's key"),
            ("!pool=a", 6, "found '=', expected ',' or the end"),
            ("!!pool", 1, "'!!' is no operator"), ("pool===a", 5, "'===' is no operator"), ("pool=>a", 5, "'=>' is no operator"),
            ("pool=(a)", 6, "found '(', expected a value"),
            ("size>", 6, "found end of selector, expected a whole number"), ("size>x", 6, "found 'x', expected a whole number"),
            ("size>-1", 6, "'-1': a value"),
            ("-pool=a", 1, "'-pool': a key's name"), ("Example.com/a=b", 1, "DNS subdomain"), ("a/b/c", 1, "at most one slash"),
            ("/a", 1, "DNS subdomain"), ("a/", 1, "a key's name"),
            ("pool=a/b", 6, "'a/b': a value is empty or has"), ("pool=é", 6, "'é': a value"),
            ("pool in (ok,no!)", 15, "found '!', expected ',' or ')'"),
        ])
    func refuses(_ text: String, _ column: Int, _ problem: String) {
        #expect { try LabelSelector(parsing: text) } throws: { error in
            guard let error = error as? LabelSelector.SyntaxError else { return false }
            #expect(error.column == column, "\(text): \(error)")
            #expect(error.problem.contains(problem), "\(text): \(error)")
            return true
        }
    }

    @Test("lengths are limited: name 63, prefix 253, selector 4096")
    func lengths() throws {
        let (long, prefix) = (String(repeating: "a", count: 63), String(repeating: "a", count: 253))
        #expect(try LabelSelector(parsing: "\(prefix)/\(long)=\(long)").requirements == [.within("\(prefix)/\(long)", [long])])
        for text in ["\(long)a", "pool=\(long)a", "\(prefix)a/x", String(repeating: "a,", count: 2_048) + "a"] {
            #expect(throws: LabelSelector.SyntaxError.self) { try LabelSelector(parsing: text) }
        }
    }

    @Test("any selector means what a naive reading of its parts means", arguments: 1...40)
    func property(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        for _ in 0..<100 {
            let parts = (0..<Int.random(in: 0...4, using: &generator)).map { _ in NaiveRequirement(&generator) }
            let labels = NaiveRequirement.labels(&generator)
            let text = parts.map { $0.written(&generator) }.joined(separator: Bool.random(using: &generator) ? "," : " , ")
            #expect(
                try LabelSelector(parsing: text).matches { labels[$0] } == parts.allSatisfy { $0.holds(labels) },
                "\(text) on \(labels), seed \(seed)")
        }
    }

    @Test("no text makes the parser fail otherwise than by an error with a column inside the text", arguments: 1...40)
    func robust(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let pieces = ["a", "in", "notin", "(", ")", ",", "=", "==", "!=", "!", "<", ">", " ", "b/c", "7", "é", "-", "\u{0}", "🙂", "\r\n"]
        for _ in 0..<200 {
            let text = (0..<Int.random(in: 0...12, using: &generator)).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            do { _ = try LabelSelector(parsing: text) } catch { #expect((1...text.count + 1).contains(error.column), "\(text): \(error)") }
        }
    }
}

/// One requirement, judged without any cleverness.
private struct NaiveRequirement {
    var operation: String
    var key: String
    var values: [String]

    private static let keys = ["a", "b", "in", "notin", "example.com/x"]
    private static let texts = ["", "x", "y", "in", "notin", "1", "20"]

    init(_ generator: inout SplitMix64) {
        operation = ["=", "==", "!=", "in", "notin", "exists", "!", "<", ">"].randomElement(using: &generator) ?? "="
        key = Self.keys.randomElement(using: &generator) ?? "a"
        let isNumeric = operation == "<" || operation == ">"
        let count = operation == "in" || operation == "notin" ? Int.random(in: 1...3, using: &generator) : 1
        values = []
        for _ in 0..<count {
            values.append(isNumeric ? String(Int.random(in: 0...30, using: &generator)) : Self.texts.randomElement(using: &generator) ?? "")
        }
    }

    static func labels(_ generator: inout SplitMix64) -> [String: String] {
        var labels: [String: String] = [:]
        for key in keys where Bool.random(using: &generator) { labels[key] = texts.randomElement(using: &generator) }
        return labels
    }

    func written(_ generator: inout SplitMix64) -> String {
        let space = Bool.random(using: &generator) ? " " : ""
        switch operation {
        case "exists": return key
        case "!": return "!\(space)\(key)"
        // One empty value alone would read as no value at all.
        case "in", "notin": return "\(key) \(operation)\(space)(\(values == [""] ? "," : values.joined(separator: ",\(space)")))"
        default: return "\(key)\(space)\(operation)\(space)\(values[0])"
        }
    }

    func holds(_ labels: [String: String]) -> Bool {
        let has = labels.keys.contains(key)
        switch operation {
        case "exists": return has
        case "!": return !has
        case "=", "==", "in":
            for value in values where has && labels[key] == value { return true }
            return false
        case "!=", "notin":
            for value in values where has && labels[key] == value { return false }
            return true
        default:
            guard let text = labels[key], let label = Int(text), let bound = Int(values[0]) else { return false }
            return operation == "<" ? label < bound : label > bound
        }
    }
}
