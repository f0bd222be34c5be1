import Testing
import Yams

@testable import YAML

// What does a word mean, where does a text end, and what is refused before a parser sees it?

@Suite struct ScalarTests {
    @Test(arguments: [
        ("", Scalar.null), ("~", .null), ("null", .null), ("true", .flag(true)), ("False", .flag(false)), ("yes", .text("yes")),
        ("on", .text("on")), ("no", .text("no")), ("12", .number("12")), ("-1.5e3", .number("-1.5e3")), ("010", .number("010")),
        ("0x10", .text("0x10")), ("1_000", .text("1_000")), ("1:30", .text("1:30")), ("2026-11-21", .text("2026-11-21")), (".", .text(".")),
    ])
    func `a plain word means what YAML 1_2 says`(word: String, meaning: Scalar) throws {
        #expect(Scalar(plain: word) == meaning)
        guard !word.isEmpty else { return }
        let node = try #require(try YAMLReader.document(of: "a: \(word)"))
        #expect(node["a"].flatMap { Scalar($0) } == meaning)
        let quoted = try #require(try YAMLReader.document(of: "a: \"\(word)\""))
        #expect(quoted["a"].flatMap { Scalar($0) } == .text(word), "what is quoted is a text")
    }

    @Test(
        arguments: [
            ("7", 7, nil), ("-7", -7, nil), ("007", nil, "leading zeros"), ("+7", nil, "whole number"), ("7.0", nil, "whole number"),
            ("7e1", nil, "whole number"), ("9223372036854775808", nil, "64 bits"), ("seven", nil, "whole number"),
        ] as [(String, Int?, String?)])
    func `a whole number is one, or says why not`(word: String, value: Int?, problem: String?) {
        let scalar = Scalar(plain: word)
        #expect(scalar.integer == value)
        #expect(problem.map { scalar.integerProblem?.contains($0) == true } ?? (scalar.integerProblem == nil))
    }
}

@Suite struct YAMLReaderTests {
    @Test func `documents come in their order, and the fault behind them`() {
        let (documents, fault) = YAMLReader.documents(of: "a: 1\n---\nb: 2\n---\n\tc: 3\n")
        #expect(documents.count == 2 && documents.last?["b"]?.scalar?.string == "2")
        #expect(fault?.document == 3 && fault?.place.line == 5)
    }

    @Test(arguments: [
        ("a: 1\n---\nb: 2", "a second document"), ("a: 1\na: 2", "is there twice"), ("a: *b", "not YAML"),
        (String(repeating: "[", count: 40), "nested more than 32 deep"), (String(repeating: " ", count: 70) + "a: 1", "indented more than"),
        ("a: &x 1\n" + String(repeating: "- *x\n", count: 9), "aliases"), (String(repeating: "#", count: 300_000), "bytes; split the text"),
    ])
    func `what can't be read is refused with its place`(text: String, problem: String) {
        let fault = #expect(throws: YAMLFault.self) { try YAMLReader.document(of: text) }
        #expect(fault?.problem.contains(problem) == true, "\(fault?.description ?? "")")
    }

    @Test(arguments: ["", "# nothing\n", "---\n", "\u{FEFF}"])
    func `a text without a document is none`(text: String) throws {
        #expect(try YAMLReader.document(of: text) == nil)
    }

    @Test func `a byte order mark says nothing`() throws {
        #expect(try YAMLReader.document(of: "\u{FEFF}a: 1")?["a"]?.scalar?.string == "1")
    }
}
