import Domain
import Foundation
import Simulation
import Testing
@testable import Commands
@testable import Inspection
@testable import Output

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
            try SimulateCommand.parse([
                "--trace", trace, "--policy", "builtin:fixed:2", "--policy", "builtin:knative-kpa", "--report", report, "-o", "json",
            ])
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

// Does `simulate --nodes` take its options, and tell restores by tier?

@Suite struct SimulateNodesTests {
    private func command(_ arguments: String...) throws -> SimulateCommand {
        try SimulateCommand.parse(["--trace", "t.csv", "--policy", "builtin:fixed:2"] + arguments)
    }

    @Test("each policy runs with our placement and at random, unless others are named; without nodes nothing changes")
    func placements() throws {
        #expect(try command().nodes.settings == [nil])
        #expect(try command("--nodes", "8").nodes.settings.map(\.?.placement) == [.greenroom, .random])
        let settings = try command(
            "--nodes", "8", "--placement", "first-free", "--actors", "9", "--zipf", "0", "--node-cache-bytes", "0", "--pause-seconds", "1.5"
        ).nodes.settings
        #expect(settings.count == 1)
        let only = try #require(settings[0])
        #expect((only.count, only.placement, only.actors, only.zipfExponent) == (8, .firstFree, 9, 0))
        #expect(only.cacheBytes == 0 && only.pauseMicroseconds == 1_500_000)
    }

    @Test(
        "what can't be is refused",
        arguments: [
            ["--nodes", "0"], ["--placement", "random"], ["--nodes", "2", "--placement", "best"],
            ["--nodes", "2", "--placement", "random", "--placement", "random"],
            ["--nodes", "2", "--zipf", "-1"], ["--nodes", "2", "--actors", "0"], ["--nodes", "2", "--new-actors", "1.1"],
            ["--nodes", "2", "--cold-bandwidth", "0"],
        ])
    func mistakes(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try SimulateCommand.parse(["--trace", "t", "--policy", "p"] + arguments) }
    }

    @Test("the table and the JSON tell shares by tier, what was fetched, and what that saves against random")
    func output() throws {
        let trace = try TraceFile.parse(
            Array("arrival_s,service_s,actor,snapshot_bytes\n0,9,b,100\n1,1,a,400000000\n20,1,a,400000000\n".utf8), name: "t.csv")
        let runs = try command("--nodes", "2", "--placement", "greenroom", "--placement", "random").nodes.settings.map { nodes in
            var settings = SimulationSettings()
            settings.nodes = nodes
            return Simulation.run(trace, .fixed(2), settings)
        }
        let report = SimulationReport(runs: runs)
        let lines = SimulateCommand.table(report).split(separator: "\n").map {
            $0.split(whereSeparator: { $0 == " " }).joined(separator: " ")
        }
        #expect(lines[0] == "POLICY PLACEMENT TURNS MEAN P50 P95 P99 MAX COST KILLED FLAPS PEAK")
        #expect(lines[1].hasPrefix("builtin:fixed:2 greenroom 3 0.00 s"))
        #expect(lines[3] == "POLICY PLACEMENT LOCAL WARM GOLDEN COLD FETCHED RESTORING LESS FETCHED LESS RESTORING")
        #expect(lines[4].hasPrefix("builtin:fixed:2 greenroom 0.0 % 33.3 % 0.0 % 66.7 % 0.4 GB 1.70 s"))
        #expect(lines[5].hasSuffix("- -"))
        var json = JSONWriter()
        report.write(to: &json)
        for part in [
            #""placement":"greenroom","restores":{"local":{"count":0,"share":0,"bytes":0,"seconds":0},"warm":{"count":1,"share":0.333333,"bytes":400000000,"seconds":0.5}"#,
            #""restoreBytes":800000100,"fetchedBytes":400000100,"restoreSeconds":1.7,"heldTurns":0,"savedAgainstRandom":{"fetchedBytes":"#,
            #""replicas":"#,
        ] { #expect(json.text.contains(part), "\(part) in \(json.text)") }
    }
}
