import Autoscaling
import Domain
import Kubernetes
import Machine
import Synchronization
import TestSupport
import Testing

@testable import Kubernetes

// Who is asked when, and what of it is news: on a clock that the test moves, with pods whose answers the test says.

@Suite struct BusyPodsTests {
    private struct Refused: Error {}

    private final class Bench: Sendable {
        let clock = ManualClock()
        let pods: BusyPods
        let said: Said
        let lines = Recorder<String>()
        let ids = Recorder<String>()
        let refusesAppends = Mutex(false)

        /// What pods answer, by address, and who was asked.
        final class Said: Sendable {
            let answers = Mutex<[String: BusyResponse]>([:])
            let asked = Recorder<BusyProbe>()
            func set(_ ip: String, _ response: BusyResponse?) { answers.withLock { $0[ip] = response } }
        }

        init() {
            let said = Said()
            self.said = said
            pods = BusyPods(clock: clock.clock) { probe in
                said.asked.add(probe)
                return said.answers.withLock { $0[probe.ip] } ?? .failed("no answer")
            }
        }

        func begin() async {
            await pods.begin(
                run: "run",
                append: { batch in
                    if self.refusesAppends.withLock({ $0 }) { throw Refused() }
                    for line in batch.lines { self.lines.add(line) }
                    for id in batch.ids { self.ids.add(id) }
                }, trouble: { _ in })
        }

        /// One look of the service's.
        func look(_ workers: [BusyPods.Worker]) async {
            await pods.note(workers)
            for name in await pods.due() { await pods.probeDue(name) }
        }

        /// `busy 1`, in order.
        var states: [String] {
            lines.values.map { line in
                let body = line.split(separator: " ", maxSplits: 2).last.map(String.init) ?? ""
                let json = (try? JSONValue(parsing: body)) ?? .null
                return "\(json["state"].string ?? "?") \(json["busy"].int ?? -1)"
            }
        }
    }

    private func check(_ change: (inout BusyCheck) -> Void = { _ in }) -> BusyCheck {
        var check = BusyCheck(.http(port: .number(8080), path: "/busy"))
        change(&check)
        return check
    }

    private func worker(
        _ name: String = "a", ip: String? = "10.0.0.1", uid: String = "u", check: BusyCheck? = nil, slots: Int = 1,
        isDraining: Bool = false,
        life: Int = 1,
        _ change: (inout PodView) -> Void = { _ in }
    ) -> BusyPods.Worker {
        var view = PodView(name: name, uid: uid, resourceVersion: "1", node: "n", ip: ip)
        change(&view)
        return BusyPods.Worker(
            name: "ns/\(name)", view: view, check: check ?? self.check(), slots: slots, isDraining: isDraining, life: life)
    }

    private func begun(_ body: (Bench) async throws -> Void) async throws {
        let bench = Bench()
        await bench.begin()
        try await body(bench)
    }

    @Test func `transitions are logged, not answers`() async throws {
        try await begun { (bench: Bench) async throws in
            for tasks in [0, 0, 2, 3, 0, 0, 1] {
                bench.said.set("10.0.0.1", .tasks(tasks))
                await bench.look([worker()])
                bench.clock.advance(.seconds(10))
            }
            #expect(bench.said.asked.values.count == 7)
            #expect(bench.states == ["idle 0", "busy 1", "idle 0", "busy 1"], "two or three tasks in one slot are as good as one")
            #expect(
                bench.lines.values.first
                    == #"worker.observed ns/a {"state":"idle","busy":0,"from":"http :8080/busy","uid":"u"}"#)
            #expect(bench.ids.values == ["u-run-1", "u-run-2", "u-run-3", "u-run-4"])
        }
    }

    @Test func `of several slots each number of tasks is news`() async throws {
        try await begun { (bench: Bench) async throws in
            for tasks in [1, 2, 2, 9, 10] {
                bench.said.set("10.0.0.1", .tasks(tasks))
                await bench.look([worker(slots: 4)])
                bench.clock.advance(.seconds(10))
            }
            #expect(bench.states == ["busy 1", "busy 2", "busy 4"])
        }
    }

    @Test func `a pod is asked at the policy's pace, and each second while it drains`() async throws {
        try await begun { (bench: Bench) async throws in
            bench.said.set("10.0.0.1", .tasks(0))
            func asked(after seconds: Int, draining: Bool = false) async -> Int {
                bench.said.asked.clear()
                for _ in 0..<(4 * seconds) {
                    bench.clock.advance(.milliseconds(250))
                    await bench.look([worker(isDraining: draining)])
                }
                return bench.said.asked.values.count
            }
            await bench.look([worker()])
            #expect(await asked(after: 30) == 3)
            bench.said.asked.clear()
            await bench.look([worker(isDraining: true)])
            #expect(bench.said.asked.values.count == 1, "at once")
            #expect(await asked(after: 10, draining: true) == 10)
        }
    }

    @Test(
        "a pod that doesn't answer counts as busy for unknownSeconds after its last answer, then as the policy says",
        arguments: [(BusyCheck.Unknown.busy, ["idle 0", "unknown 1", "idle 0"]), (.free, ["idle 0", "unknown 1", "unknown 0", "idle 0"])])
    func unknown(_ unknown: BusyCheck.Unknown, _ states: [String]) async throws {
        try await begun { (bench: Bench) async throws in
            let worker = worker(
                check: check {
                    $0.unknownSeconds = 25; $0.unknown = unknown
                })
            bench.said.set("10.0.0.1", .tasks(0))
            await bench.look([worker])
            bench.said.set("10.0.0.1", nil)
            var freeAt: Duration?
            for _ in 0..<60 {
                bench.clock.advance(.seconds(1))
                await bench.look([worker])
                if bench.states.last == "unknown 0", freeAt == nil { freeAt = bench.clock.now }
            }
            #expect(freeAt == (unknown == .free ? .seconds(25) : nil))
            bench.said.set("10.0.0.1", .tasks(0))
            bench.clock.advance(.seconds(10))
            await bench.look([worker])
            #expect(bench.states == states)
            #expect(bench.lines.values[1].contains(#""error":"no answer""#))
        }
    }

    @Test func `one that never answered has the same time`() async throws {
        try await begun { (bench: Bench) async throws in
            let worker = worker(
                check: check {
                    $0.unknownSeconds = 5; $0.unknown = .free
                })
            for _ in 0..<8 {
                await bench.look([worker])
                bench.clock.advance(.seconds(1))
            }
            #expect(bench.states == ["unknown 1", "unknown 0"])
        }
    }

    @Test func `what the log didn't take is said again`() async throws {
        try await begun { (bench: Bench) async throws in
            bench.said.set("10.0.0.1", .tasks(1))
            bench.refusesAppends.withLock { $0 = true }
            await bench.look([worker()])
            #expect(bench.states.isEmpty)
            bench.refusesAppends.withLock { $0 = false }
            bench.clock.advance(.seconds(10))
            await bench.look([worker()])
            #expect(bench.states == ["busy 1"])
        }
    }

    @Test func `a worker that was announced again, another pod, another probe: each is said anew`() async throws {
        try await begun { (bench: Bench) async throws in
            bench.said.set("10.0.0.1", .tasks(1))
            await bench.look([worker()])
            await bench.look([worker(life: 2)])
            await bench.look([worker(uid: "v", life: 3)])
            await bench.look([worker(uid: "v", check: check { $0.source = .http(port: .number(1), path: "/") }, life: 3)])
            await bench.look([])
            await bench.look([worker(uid: "v", life: 3)])
            #expect(bench.states == Array(repeating: "busy 1", count: 5))
            await bench.look([worker(uid: "v", life: 3)])
            #expect(bench.states.count == 5)
        }
    }

    @Test func `an annotation is read where it is, and at once where it changes`() async throws {
        try await begun { (bench: Bench) async throws in
            let annotated = check { $0.source = .annotation("example.com/tasks") }
            func look(_ value: String?) async {
                await bench.look([worker(check: annotated) { view in if let value { view.numbers["example.com/tasks"] = value } }])
            }
            await look("0")
            await look("2")
            await look("0")
            await look(nil)
            #expect(bench.states == ["idle 0", "busy 1", "idle 0", "unknown 1"])
            #expect(bench.said.asked.values.isEmpty)
            #expect(bench.lines.values.last?.contains("its pod has no annotation example.com/tasks") == true)
        }
    }

    @Test func `a port by its name is the pod's own, and what can't be asked is unknown`() async throws {
        try await begun { (bench: Bench) async throws in
            let named = check { $0.source = .http(port: .name("agent"), path: "/busy") }
            bench.said.set("10.0.0.1", .tasks(1))
            await bench.look([worker(check: named) { $0.ports = ["agent": 4711] }])
            #expect(bench.said.asked.values.map(\.port) == [4711])
            await bench.look([worker("b", uid: "w", check: named)])
            await bench.look([worker("c", ip: nil, uid: "x")])
            #expect(bench.states.suffix(2) == ["unknown 1", "unknown 1"])
            #expect(bench.lines.values[1].contains("names a port agent"))
            #expect(bench.lines.values[2].contains("has no address"))
            #expect(bench.said.asked.values.count == 1)
        }
    }

    @Test func `the last word is asked though the pod was asked a moment ago, and is in the log before it is told`() async throws {
        try await begun { (bench: Bench) async throws in
            bench.said.set("10.0.0.1", .tasks(0))
            await bench.look([worker()])
            #expect(try await !bench.pods.lastWord("ns/a", worker().view, check()))
            bench.said.set("10.0.0.1", .tasks(1))
            #expect(try await bench.pods.lastWord("ns/a", worker().view, check()))
            #expect(bench.states == ["idle 0", "busy 1"])
            #expect(await bench.pods.isLogged("ns/a"))
            bench.said.set("10.0.0.1", nil)
            #expect(try await bench.pods.lastWord("ns/a", worker().view, check()), "one that doesn't answer isn't taken")
            bench.said.set("10.0.0.1", .tasks(0))
            bench.refusesAppends.withLock { $0 = true }
            await #expect(throws: Refused.self) { _ = try await bench.pods.lastWord("ns/a", worker().view, check()) }
        }
    }

    @Test func `of a pod that is no known worker the last word is told and not logged`() async throws {
        try await begun { (bench: Bench) async throws in
            let check = check {
                $0.unknownSeconds = 30; $0.unknown = .free
            }
            #expect(try await bench.pods.lastWord("ns/a", worker().view, check))
            bench.clock.advance(.seconds(31))
            #expect(try await !bench.pods.lastWord("ns/a", worker().view, check))
            bench.said.set("10.0.0.1", .tasks(1))
            #expect(try await bench.pods.lastWord("ns/a", worker().view, check))
            #expect(bench.states.isEmpty)
            #expect(await !bench.pods.isLogged("ns/a"))
        }
    }

    @Test func `requests under way are bounded, and pods that drain go first`() async throws {
        try await begun { (bench: Bench) async throws in
            let many = (0..<200).map { worker("p\($0)", ip: "10.0.0.1", uid: "u\($0)", isDraining: $0 >= 190) }
            await bench.pods.note(many)
            let first = await bench.pods.due()
            #expect(first.count == BusyPods.atOnce)
            #expect(Set(first.prefix(10)) == Set((190..<200).map { "ns/p\($0)" }))
            #expect(await bench.pods.due().isEmpty)
            for name in first.prefix(5) { await bench.pods.probeDue(name) }
            #expect(await bench.pods.due().count == 5)
        }
    }

    @Test func `the last pod of a namespace that nobody looks at any more isn't asked any more`() async throws {
        try await begun { (bench: Bench) async throws in
            await bench.look([worker()])
            #expect(bench.said.asked.values.count == 1)
            await bench.look([])
            bench.clock.advance(.seconds(600))
            await bench.look([])
            #expect(bench.said.asked.values.count == 1)
        }
    }

    @Test func `one that goes while it is asked leaves nothing behind`() async throws {
        try await begun { (bench: Bench) async throws in
            bench.said.set("10.0.0.1", .tasks(1))
            await bench.pods.note([worker()])
            #expect(await bench.pods.due() == ["ns/a"])
            await bench.pods.note([])
            await bench.pods.note([worker(uid: "v", life: 2)])
            await bench.pods.probeDue("ns/a")
            await bench.look([worker(uid: "v", life: 2)])
            #expect(bench.lines.values.last?.contains(#""uid":"v""#) == true)
        }
    }
}
