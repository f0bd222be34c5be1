import Foundation
import TestSupport
import Testing

// Do the Python client and its examples work with this program, as an agent's developer would run them?
//
// Runs `scripts/python-examples.sh` with the program that was built beside the tests. Says loudly what was left out.

@Suite("Python's client and examples")
struct PythonClientTests {
    @Test(.timeLimit(.minutes(20)))
    func clientAndExamplesWork() async throws {
        guard let bash = Tool.find("bash") else { return Tool.skip("bash is not installed: the Python client was not tried") }
        guard let program = Program.built() else {
            return Tool.skip("greenroom wasn't built beside the tests: the Python client was not tried")
        }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let (status, output) = try await Tool.run(
            bash,
            [
                root.appendingPathComponent("scripts/python-examples.sh").path, program,
                root.appendingPathComponent(".build-peers/python").path,
            ])
        let lines = output.split(separator: "\n")
        for line in lines where line.hasPrefix("SKIPPED") { Tool.skip(String(line)) }
        let wrong = lines.filter { $0.hasPrefix("WRONG") }.joined(separator: "\n")
        #expect(status == 0, "\(wrong.isEmpty ? String(output.suffix(2_000)) : wrong)")
        print(lines.suffix(1).joined())
    }
}
