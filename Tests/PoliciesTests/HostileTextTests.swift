import Basics
import Domain
import Autoscaling
import Testing

@testable import Policies

// Texts that want to cost much or to break something.

@Suite struct HostileTextTests {
    private func message(_ text: String) -> String { problems(text).first?.message ?? "accepted" }

    @Test func sizesAreBounded() {
        #expect(message(Sample.text("mode: auto") + String(repeating: "#", count: PolicyReader.textLimitBytes)).contains("bytes"))
        #expect(message(String(repeating: "---\n5\n", count: PolicyReader.documentLimit + 5)).contains("a policy is"))
        let triggers = (0..<65).map { "{type: demand, name: t\($0)}" }.joined(separator: ", ")
        #expect(message(Sample.text("triggers: [\(triggers)]")).contains("at most 64"))
        let schedules = Array(repeating: "{cron: \"@daily\", durationSeconds: 1, minReplicaCount: 1}", count: 65).joined(separator: ", ")
        #expect(message(Sample.text("schedules: [\(schedules)]")).contains("at most 64"))
        let labels = (0..<65).map { "l\($0): x" }.joined(separator: ", ")
        #expect(message(Sample.text("triggers: [{type: observed, metric: m, threshold: 1, selector: {\(labels)}}]")).contains("at most 64"))
        #expect(message(Sample.text("triggers: [{type: demand, name: \(String(repeating: "n", count: 254))}]")).contains("253"))
        #expect(
            message(Sample.text("advanced: {scalingModifiers: {target: 1, formula: \"\(String(repeating: "1+", count: 2_048))1\"}}"))
                .contains("4096"))
        #expect(problems(Sample.text((0..<5_000).map { "x\($0): 1" }.joined(separator: "\n"))).count <= 101)
    }

    @Test func nestingIsBounded() {
        for opening in ["[", "{a: ", "{? ", "{["] {
            #expect(message("a: " + String(repeating: opening, count: 40)).contains("nested more than"), "\(opening)")
        }
        for indicator in ["- ", "? ", "-\n ", " "] {
            #expect(!message(String(repeating: indicator, count: 20_000) + "a").contains("accepted"), "\(indicator)")
        }
        let stairs = (0..<400).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n")
        #expect(message(stairs).contains("indented more than"))
    }

    /// Nine levels of nine would be 387 million copies.
    @Test func aliasBombsAreRefusedUnopened() {
        var bomb = "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n"
        for level in 1...9 {
            bomb += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",") + "]\n"
        }
        #expect(message(bomb).contains("aliases"))
        let asKeys = bomb + "*a9 : x\n"
        #expect(message(asKeys).contains("aliases"))
    }

    /// The dearest texts that the limits let through: keys, which the parser compares deeply, inside keys, over long lists.
    @Test(.timeLimit(.minutes(1))) func theDearestTextsAreStillReadSoon() {
        let list = { (count: Int) in "[" + Array(repeating: "a", count: count).joined(separator: ",") + "]" }
        let copies = "a: &a \(list(7_500))\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\n\(String(repeating: "? ", count: 30))[*c,*c]\n"
        #expect(message(copies).contains("missing"))
        #expect(message(String(repeating: "? ", count: 30) + list(120_000)).contains("missing"))
    }

    @Test func aTextWithAliasesMustBeShort() {
        let filler = String(repeating: "# \(String(repeating: "x", count: 70))\n", count: 500)
        #expect(message("a: &a 1\nb: *a\n" + filler).contains("with aliases"))
        // Stars and ampersands that are no anchors cost nothing: cron expressions, formulas, comments.
        #expect(problems(Sample.documented + "\n" + filler + "# R&D\n").isEmpty)
    }

    @Test func commentsAndBlankLinesMayBeIndentedAtWill() {
        let margin = String(repeating: " ", count: 100)
        #expect(problems(Sample.documented + "\n\(margin)# far right\n\(margin)\n").isEmpty)
    }

    @Test(arguments: 0..<8)
    func mutatedTextsNeverCrash(_ seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let original = Array(Sample.documented.utf8)
        let marks = Array("{}[]:,-?*&!|>'\"%@`#~ \n\t0159.eabz\u{0}\u{E9}".utf8)
        for _ in 0..<40 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...30, using: &random)))
                case 2: bytes.insert(marks[Int.random(in: 0..<marks.count, using: &random)], at: place)
                default:
                    bytes.insert(contentsOf: original[place % original.count..<min(original.count, place % original.count + 40)], at: place)
                }
            }
            do throws(PolicyError) {
                for policy in try PolicyReader.policies(from: bytes, source: "fuzz", now: Sample.now) { #expect(policy.violations.isEmpty) }
            } catch {
                #expect(!error.problems.isEmpty)
                #expect(error.problems.allSatisfy { $0.line >= 1 && $0.column >= 1 && !$0.message.isEmpty }, "\(error)")
            }
        }
    }
}
