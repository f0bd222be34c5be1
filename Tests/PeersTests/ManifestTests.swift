import Foundation
import TestSupport
import Testing

// Are the manifests of deploy/ right, does the CRD take what policies say, and do dashboards/ ask for metrics that exist?
//
// Runs the scripts of `Tests/Deploy` with the program that was built beside the tests. Says loudly what was left out.

@Suite("Manifests and dashboards")
struct ManifestTests {
    @Test(.timeLimit(.minutes(10)))
    func manifestsAreRight() async throws { try await run("check_manifests.py") }

    @Test(.timeLimit(.minutes(5)))
    func dashboardsAskForWhatThereIs() async throws { try await run("check_dashboards.py") }

    private func run(_ script: String) async throws {
        guard let python = Tool.find("python3") else { return Tool.skip("python3 is not installed: \(script) was not run") }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        var arguments = [root.appendingPathComponent("Tests/Deploy/\(script)").path]
        if let program = Program.built() { arguments += ["--greenroom", program] }
        let (status, output) = try await Tool.run(python, arguments)
        let lines = output.split(separator: "\n")
        for line in lines where line.hasPrefix("SKIPPED") { Tool.skip(String(line)) }
        let wrong = lines.filter { $0.hasPrefix("WRONG") }.joined(separator: "\n")
        #expect(status == 0, "\(wrong.isEmpty ? String(output.suffix(2_000)) : wrong)")
    }
}

/// The program that was built beside the tests; nil where it wasn't.
enum Program {
    static func built() -> String? {
        let path = Bundle.main.bundleURL.appendingPathComponent("greenroom").path
        let fallback = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")).map {
            URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("greenroom").path
        }
        return [path, fallback].compactMap { $0 }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
