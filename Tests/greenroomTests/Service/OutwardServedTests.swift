import Domain
import Foundation
import Replay
import TestSupport
import Testing

@testable import Assembly
@testable import Commands
@testable import Inspection
@testable import Machine
@testable import Output

// What other systems get of a real service: a sink that is away, a bill, a trace that goes on at the worker.

@Suite("What other systems hear of a service", .timeLimit(.minutes(5)))
struct OutwardServedTests {
    @Test("a sink that is away gets everything once it is back, also over a crash of the service")
    func sink() async throws {
        guard let receiver = try EventReceiver() else { return Tool.skip("python3 is not installed: no receiver of events was tried") }
        let sender = try Served { folder in
            try "secret-token\n".write(to: folder.appendingPathComponent("token"), atomically: true, encoding: .utf8)
            return """
                sinks:
                  other: {url: "\(receiver.url)", events: [actor.requested], from: beginning, tokenFile: token, pools: [ns/*]}
                  late: {url: "\(receiver.url)", mode: structured, events: [actor.idle]}
                """
        }
        try await sender.start()
        for id in 1...5 { #expect(await sender.send("e\(id)")?.status == 200) }
        try await sender.request("elsewhere", pool: "other/p")
        try await eventually("it is said that a sink is away") {
            try await sender.text("/readyz").contains("sink other takes no events since")
        }
        #expect(try await sender.metric("greenroom_sink_lag_events", [#"sink="other""#]) ?? 0 >= 5)
        #expect(try await sender.metric("greenroom_sink_failures_total", [#"sink="other""#]) ?? 0 >= 1)
        sender.signal(SIGKILL)
        try await sender.ended()
        try await sender.start()
        for id in 6...8 { #expect(await sender.send("e\(id)")?.status == 200) }
        try await receiver.start()
        try await eventually("all came: \(sender.log)", within: .seconds(90)) { try receiver.seen().count >= 8 }
        let seen = try receiver.seen()
        #expect(seen.map { $0["subject"].string } == (1...8).map { "a-e\($0)" })
        #expect(seen.allSatisfy { $0["source"].string == "/test" && $0["mode"].string == "binary" && $0["data"]["pool"].string == "ns/p" })
        try await eventually("it is at the end") { try await sender.metric("greenroom_sink_lag_events", [#"sink="other""#]) == 0 }
        #expect(try await sender.metric("greenroom_sink_events_total", [#"sink="other""#, #"outcome="delivered""#]) ?? 0 >= 3)
        #expect(!sender.log.contains("secret-token"))
        // A stop in good order leaves nothing to be sent again.
        sender.signal(SIGTERM)
        try await sender.ended()
        try await sender.start()
        #expect(await sender.send("e9")?.status == 200)
        try await eventually("the ninth came") { try receiver.seen().last?["subject"].string == "a-e9" }
        #expect(try receiver.seen().count == 9)
    }

    @Test("the service counts the same as the command does on its file, as JSON and as CSV")
    func usage() async throws {
        let served = try Served()
        try await served.start()
        for id in 1...3 { #expect(await served.send("e\(id)")?.status == 200) }
        let json = try await served.text("/v1/usage?by=actor")
        let report = try #require(UsageReport(try JSONValue(parsing: Array(json.utf8))))
        #expect(report.rows.map(\.name) == ["ns/a-e1", "ns/a-e2", "ns/a-e3"] && report.total.requests == 3)
        let command = try UsageCommand.parse(["--db", served.database, "--by", "actor", "--to", "\(report.last)", "-o", "csv"])
        let log = try LogFile.open(served.database)
        defer { log.close() }
        let counted = try command.count(log)
        #expect(counted == report)
        #expect(try await served.text("/v1/usage?by=actor&to=\(report.last)&format=csv") == command.text(counted))
        let asked = try UsageCommand.parse(["--server", served.url, "--by", "actor", "--to", "\(report.last)"])
        #expect(try await asked.ask(ServiceConnection.open(url: served.url, token: nil)) == report)
        #expect(asked.text(report).contains("ns/a-e2") && asked.text(report).contains("TOTAL"))
        for wrong in ["by=team", "format=xml", "from=soon", "from=9&to=2", "pool=ns/none"] {
            #expect(await served.query(APIRequest(path: "/v1/usage?\(wrong)"))?.status == 400, "\(wrong)")
        }
    }

    @Test("a placement is handed to the worker with the trace of its request, and nothing waits for the collector")
    func traces() async throws {
        let served = try Served { _ in "otlp: {endpoint: 'http://127.0.0.1:1', metricsSeconds: 1, tracesSeconds: 1}" }
        try await served.start()
        try await served.put(
            "apiVersion: greenroom.dev/v1\nkind: WorkerPoolAutoscaler\nmetadata: {namespace: ns, name: p}\nspec:\n  maxReplicaCount: 1\n  scaleTargetRef: {kind: Process}\n",
            "ns/p")
        let trace = "0af7651916cd43dd8448eb211c80319c"
        let event =
            #"{"specversion":"1.0","type":"dev.greenroom.actor.requested","source":"/test","id":"1","subject":"a","traceparent":"00-\#(trace)-b7ad6b7169203331-01","data":{"pool":"ns/p"}}"#
        let request = APIRequest(method: .post, path: "/v1/events", contentType: "application/cloudevents+json", body: Array(event.utf8))
        #expect(await served.query(request)?.status == 200)
        var placed = ""
        try await eventually("it is placed: \(served.log)") {
            placed = try await served.text("/v1/events?kind=actor.placed&limit=1")
            return !placed.isEmpty
        }
        let header = try JSONValue(parsing: Array(placed.split(separator: "\n").first.map { Array($0.utf8) } ?? []))["traceparent"].string
        #expect(
            header?.hasPrefix("00-\(trace)-") == true && header?.hasSuffix("-01") == true && header?.contains("b7ad6b7169203331") == false)
        try await eventually("the collector is missed") {
            try await served.metric("greenroom_otlp_failures_total", [#"signal="metrics""#]) ?? 0 >= 1
        }
        #expect(await served.query(APIRequest(path: "/readyz"))?.status == 200)
    }

    @Test(
        "a faulty section is refused with what to do",
        arguments: [
            ("sinks: {A: {url: 'http://a'}}", "is no name of a sink"), ("sinks: {a: {url: 'ftp://a'}}", "must be a URL"),
            ("sinks: {a: {events: [decisions]}}", "url is missing"),
            ("sinks: {a: {url: 'http://a', events: [all]}}", "there are decisions"),
            ("sinks: {a: {url: 'http://a', mode: batch}}", "must be binary or structured"),
            ("sinks: {a: {url: 'http://a', timeoutSeconds: 0}}", "1 to 300"), ("sinks: {a: {url: 'http://a', token: t}}", "is no field"),
            ("otlp: {metrics: true}", "endpoint is missing"), ("otlp: {endpoint: 'http://u:p@a'}", "must not hold a password"),
            ("otlp: {endpoint: 'http://a', tracesSeconds: 0}", "1 to 3600"), ("sinks: {a: 3}", "must be a mapping"),
        ])
    func faulty(yaml: String, problem: String) {
        let fault = #expect(throws: (any Error).self) { try ServiceConfiguration(yaml: yaml, file: "/etc/greenroom.yaml") }
        #expect(fault.map { "\($0)" }?.contains(problem) == true, "\(fault.map { "\($0)" } ?? "")")
    }
}

/// `Tests/Peers/event_sink.py`: a receiver that isn't ours.
private final class EventReceiver: Sendable {
    let url: String
    private let port: Int
    private let python: String
    private let file = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-events-\(UUID().uuidString)")
    private let running = Locked<Running?>(nil)

    /// Foundation's classes aren't Sendable: they are touched under the lock alone.
    private struct Running: @unchecked Sendable {
        var process: Process
        var input: Pipe
    }

    /// nil where there is no Python.
    init?() throws {
        guard let python = Tool.find("python3") else { return nil }
        self.python = python
        port = try LocalPort.free()
        url = "http://127.0.0.1:\(port)/events"
    }

    deinit {
        // It ends with its input.
        try? running.value?.input.fileHandleForWriting.close()
        running.value?.process.waitUntilExit()
        try? FileManager.default.removeItem(at: file)
    }

    func start() async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let (process, input) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [root.appendingPathComponent("Peers/event_sink.py").path, "\(port)", file.path]
        process.standardInput = input
        process.standardOutput = Pipe()
        try process.run()
        running.value = Running(process: process, input: input)
        try await eventually("the receiver listens") { FileManager.default.fileExists(atPath: self.file.path) }
    }

    /// What came, in its order.
    func seen() throws -> [JSONValue] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
    }
}
