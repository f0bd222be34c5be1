import Foundation
import TestSupport
import Testing

// Can a person use the page in a browser: find an incident, see why, undo it?
//
// Runs `Tests/Page/page_in_chromium.py` with the program that was built beside the tests. Says loudly what was left out. It takes
// minutes and a quiet machine, so it runs where PAGE_TESTS is 1, and as `make page-test`.

@Suite("The page in a browser")
struct PageInChromiumTests {
    @Test(.timeLimit(.minutes(20)))
    func aPersonUsesThePage() async throws {
        guard ProcessInfo.processInfo.environment["PAGE_TESTS"] == "1" else {
            return Tool.skip("PAGE_TESTS isn't 1: the page was not tried in a browser; make page-test does")
        }
        guard let python = Tool.find("python3") else { return Tool.skip("python3 is not installed: the page was not tried") }
        guard let program = Program.built() else {
            return Tool.skip("greenroom wasn't built beside the tests: the page was not tried")
        }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let script = root.appendingPathComponent("Tests/Page/page_in_chromium.py").path
        let (status, output) = try await Tool.run(python, [script, "--program", program])
        let lines = output.split(separator: "\n")
        for line in lines where line.hasPrefix("SKIPPED") { Tool.skip(String(line)) }
        let wrong = lines.filter { $0.hasPrefix("WRONG") }.joined(separator: "\n")
        #expect(status == 0, "\(wrong.isEmpty ? String(output.suffix(2_000)) : wrong)")
    }
}
