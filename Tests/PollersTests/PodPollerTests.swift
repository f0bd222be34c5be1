import Autoscaling
import Domain
import Foundation
import Machine
import TestSupport
import Testing

@testable import Pollers

// What three kinds of pods answer: a number, JSON, and Prometheus text; and what no pod should.

@Suite struct PodResponseTests {
    private static func outcome(_ read: () throws -> Int) -> String {
        do { return "\(try read())" } catch { return "\(error)" }
    }

    @Test(
        "a busy endpoint's answer: status, body, tasks or words of the fault",
        arguments: [
            (200, "0", "0"), (200, "3\n", "3"), (200, "0.5", "1"), (200, "true", "1"), (200, #"{"busy": 0}"#, "0"),
            (200, #"{"busy": 2, "x": []}"#, "2"),
            (200, #"{"busy": true}"#, "1"), (200, #"{"busy": false}"#, "0"), (200, #"{"busy": 1e9}"#, "65536"),
            (200, "", "neither a number"), (200, "<html>", "neither a number"), (200, "-1", "neither"), (200, #"{"busy": -1}"#, "neither"),
            (200, #"{"busy": "2"}"#, "neither"), (200, #"{"busy": null}"#, "neither"), (200, #"{"Busy": 2}"#, "neither"),
            (200, "[2]", "neither"),
            (200, "nan", "neither"), (200, #"{"busy": 1e999}"#, "neither"), (204, "", "answered 204"),
            (302, "2", "redirects aren't followed"),
            (404, "0", "answered 404"), (500, "0", "answered 500"),
        ])
    func number(_ status: Int, _ body: String, _ wanted: String) {
        let outcome = Self.outcome { try PodPoller.number(status: status, body: Array(body.utf8)) }
        #expect(outcome == wanted || (Int(wanted) == nil && outcome.contains(wanted)), "\(outcome)")
    }

    static let text = """
        # HELP tasks_in_flight Tasks being worked on.
        # TYPE tasks_in_flight gauge
        tasks_in_flight{queue="a",kind="x"} 2
        tasks_in_flight{queue="b",} 0.5 1763719200000
        tasks_in_flight_total 99
        # TYPE empty gauge
        plain 4
        \t spaced   7
        braces{} 1
        odd{a="x\\"}y\\\\z\\n"} 5
        exemplar 6 # {trace_id="t"} 0.5
        negative -3
        nothing NaN
        endless +Inf
        broken{a="x} 1
        wordless{a="b"}
        wrong one
        """

    @Test(
        "a gauge in Prometheus text: name, selector, tasks or words of the fault",
        arguments: [
            ("tasks_in_flight", [:], "3"), ("tasks_in_flight", ["queue": "a"], "2"), ("tasks_in_flight", ["queue": "b"], "1"),
            ("tasks_in_flight", ["queue": "a", "kind": "x"], "2"), ("tasks_in_flight", ["queue": "c"], "none has the labels"),
            ("tasks_in_flight", ["queue": "a", "kind": "y"], "none has the labels"), ("empty", [:], "0"), ("plain", [:], "4"),
            ("spaced", [:], "7"),
            ("braces", [:], "1"), ("odd", ["a": "x\"}y\\z\n"], "5"), ("exemplar", [:], "6"), ("negative", [:], "no number of tasks"),
            ("nothing", [:], "no number behind it"), ("endless", [:], "no number behind it"), ("broken", [:], "labels of a line"),
            ("wordless", [:], "no number"), ("wrong", [:], "no number"), ("missing", [:], "no metric missing"),
            ("tasks_in", [:], "no metric tasks_in"),
        ] as [(String, [String: String], String)])
    func gauge(_ name: String, _ selector: [String: String], _ wanted: String) {
        let labels = selector.map { Trigger.Label(key: $0.key, value: $0.value) }
        let outcome = Self.outcome { try PodPoller.gauge(status: 200, body: Array(Self.text.utf8), name, labels) }
        #expect(outcome == wanted || (Int(wanted) == nil && outcome.contains(wanted)), "\(outcome)")
    }

    @Test func `whatever is changed in a text, reading it ends in a number or a fault`() {
        var random = SystemRandomNumberGenerator()
        let whole = Array(Self.text.utf8)
        for _ in 0..<2_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...40, using: &random)))
                default: bytes.insert(contentsOf: "{}\"\\=\n#,".utf8.shuffled(using: &random), at: at)
                }
                if bytes.isEmpty { bytes = [0x20] }
            }
            for name in ["tasks_in_flight", "odd", "plain"] {
                let outcome = Self.outcome { try PodPoller.gauge(status: 200, body: bytes, name, [.init(key: "queue", value: "a")]) }
                #expect(Int(outcome).map { (0...65_536).contains($0) } ?? (outcome.count <= PollFault.limitCharacters), "\(outcome)")
            }
        }
    }
}

@Suite struct PodPollerTests {
    private static let loopback = AddressRule(allowed: [AddressPrefix("127.0.0.1")].compactMap { $0 })

    private func query(_ path: String, port: Int, metric: String? = nil, rule: AddressRule = loopback, ip: String = "127.0.0.1") async
        -> String
    {
        let source: BusyCheck.Source =
            metric.map { .metric(port: .number(port), path: path, name: $0, selector: []) } ?? .http(port: .number(port), path: path)
        switch await PodPoller(rule: rule).tasks(ip: ip, port: port, source, timeoutSeconds: 1) {
        case .success(let tasks): return "\(tasks)"
        case .failure(let fault): return fault.description
        }
    }

    @Test("pods that lie, hang, drip, redirect and flood are faults in time; one that answers is asked", .timeLimit(.minutes(2)))
    func rudePods() async throws {
        guard let python = Tool.find("python3") else { return Tool.skip("python3 is not installed: no rude pod was asked") }
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
            "Peers/busy_pod.py"
        ).path
        let port = try LocalPort.free()
        try await Peer.with(python, [script, "\(port)"], port: port) {
            #expect(await query("/busy/3", port: port) == "3")
            #expect(await query("/json/2", port: port) == "2")
            #expect(await query("/metrics/4", port: port, metric: "tasks_in_flight") == "4")
            #expect(await query("/slow", port: port).contains("no answer"))
            #expect(await query("/drip", port: port).contains("no answer"))
            #expect(await query("/flood", port: port).contains("too large"))
            #expect(await query("/flood", port: port, metric: "tasks_in_flight").contains("too large"))
            #expect(await query("/away", port: port).contains("redirects aren't followed"))
            #expect(await query("/html", port: port).contains("neither a number"))
            #expect(await query("/error", port: port).contains("answered 500"))
            #expect(await query("/cut", port: port).contains("can't be asked"))
            // Those above and this one: no redirect was followed.
            #expect(await query("/count", port: port) == "12")
        }
        #expect(await query("/busy/3", port: port).contains("the connection was refused"))
    }

    @Test(
        "addresses that are no pod's are never asked",
        arguments: [
            "127.0.0.1", "::1", "169.254.169.254", "0.0.0.0", "::ffff:127.0.0.1", "fd00:ec2::254", "localhost", "10.0.0.1@127.0.0.1", "",
        ])
    func addresses(_ ip: String) async {
        let response = await query("/busy/3", port: 80, rule: AddressRule(), ip: ip)
        #expect(response.contains("no pod may be asked") || response.contains("no address of a pod"), "\(response)")
    }
}
