import Foundation
import Testing
@testable import greenroom

// Does `simulate --report` leave a page behind?

@Suite struct SimulateReportTests {
    @Test("a page with every policy is written, whole; a place that can't be written is a fault that names it")
    func page() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-simulate-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let trace = folder.appendingPathComponent("arrivals.csv").path
        try "arrival_s,service_s\n0,2\n0.5,2\n30,1\n".write(toFile: trace, atomically: true, encoding: .utf8)
        func command(_ report: String) throws -> SimulateCommand {
            try SimulateCommand.parse(["--trace", trace, "--policy", "builtin:fixed:2", "--policy", "builtin:knative-kpa", "--report", report, "-o", "json"])
        }

        let report = folder.appendingPathComponent("report.html").path
        try await command(report).run()
        let page = try String(contentsOfFile: report, encoding: .utf8)
        #expect(page.hasPrefix("<!doctype html>") && page.hasSuffix("</html>\n"))
        #expect(page.contains("arrivals.csv under 2 policies") && page.contains("builtin:fixed:2") && page.contains("builtin:knative-kpa"))
        #expect(page.contains("3 turns arrive within 30s; a worker starts in 10 s"))

        let nowhere = folder.appendingPathComponent("missing/report.html").path
        let fault = await #expect(throws: Fault.self) { try await command(nowhere).run() }
        #expect(fault?.status == .unreachable && fault?.what.contains(nowhere) == true)
    }
}
