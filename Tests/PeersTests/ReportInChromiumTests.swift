import Autoscaling
import Foundation
import Simulation
import TestSupport
import Testing

// Does a browser draw the report of a real simulation?
//
// Runs `Tests/Peers/report_in_chromium.py` on the page of a small trace under three policies, one of them with a name that
// would be a script if it were not escaped. Says loudly what is missing and was left out.

@Suite("A report in a browser")
struct ReportInChromiumTests {
    @Test(.timeLimit(.minutes(10)))
    func drawsEveryRun() async throws {
        guard let python = Tool.find("python3") else { return Tool.skip("python3 is not installed: no browser was tried") }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-report-\(UUID().uuidString).html")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(ReportPage.html(report).utf8).write(to: file)
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let script = root.appendingPathComponent("Tests/Peers/report_in_chromium.py").path
        let (status, output) = try await Tool.run(python, [script, "--report", file.path, "--runs", "3"])
        let lines = output.split(separator: "\n")
        for line in lines where line.hasPrefix("SKIPPED") { Tool.skip(String(line)) }
        let wrong = lines.filter { $0.hasPrefix("WRONG") }.joined(separator: "\n")
        #expect(status == 0, "\(wrong.isEmpty ? String(output.suffix(2_000)) : wrong)")
    }

    private var report: Report {
        let turns = (0..<200).map {
            Turn(arrivalMicroseconds: Int64($0 / 20) * 60_000_000 + Int64($0 % 20) * 250_000, serviceMicroseconds: 7_000_000)
        }
        let trace = ArrivalTrace(turns: turns)
        var policy = Policy(pool: "kagent/default", target: ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "default"))
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 2_000)]
        policy.slotsPerWorker = 2
        policy.buffer = .fixed(1)
        let policies: [SimulatedPolicy] = [.policy(policy, name: "</script><script>nonsense()</script>"), .kedaHPA(nil), .fixed(4)]
        return Report(title: "Bursts & <b>pauses</b>", subtitle: "200 turns", runs: policies.map { Simulation.recorded(trace, $0).run })
    }
}
