import ControlLoop
import Domain
import Glibc
import Machine
import Subprocess
import TestSupport
import Testing

@testable import LocalWorkers

@Suite(.timeLimit(.minutes(1))) struct LocalWorkersTests {
    @Test func `a resize starts what is missing, told whom it serves`() async throws {
        try await withBench(Bench.obedient, arguments: ["--restore-millis", "9,1"]) { bench in
            try await bench.workers.resize(bench.pool(slots: 3, command: ["/bin/echo", "hi"]), to: 2, fence: Fence(1))
            try await bench.upCount(2)
            let names = bench.up.sorted()
            #expect(Set(names).count == 2)
            let words = bench.log.entries.filter { $0.worker == names[0] && $0.message.hasPrefix("up") }.map(\.message)
            #expect(
                words == [
                    "up worker --server http://127.0.0.1:1 --pool ns/p --name \(names[0]) --slots 3 --exit-on-eof --ttl-seconds 0 --token-file /tokens --restore-millis 9,1 -- /bin/echo hi"
                ])
            #expect(try await bench.workers.observe(bench.pool()) == TargetObservation(specReplicas: 2, readyReplicas: 2))
        }
    }

    @Test func `workers are spread over the nodes that are named`() async throws {
        try await withBench(Bench.obedient, nodes: ["node-a", "node-b"]) { bench in
            try await bench.resize(3)
            try await bench.upCount(3)
            let lines = bench.log.entries.map(\.message).filter { $0.hasPrefix("up") }
            #expect(["node-a", "node-b"].map { node in lines.count { $0.contains(" --node \(node)") } } == [2, 1])
        }
    }

    @Test func `the same resize twice starts nothing more, and lowering stops nothing`() async throws {
        try await withBench(Bench.obedient) { bench in
            for count in [2, 2, 1, 0] { try await bench.resize(count) }
            try await bench.upCount(2)
            #expect(bench.marked.count == 2)
            #expect(try await bench.workers.observe(bench.pool()) == TargetObservation(specReplicas: 0, readyReplicas: 2))
        }
    }

    @Test func `of a worker's last lines the one it ends with says all`() {
        let words = LastWords()
        for line in ["1", "2", "3", "4"] { words.heard(line) }
        #expect(words.text == "2 / 3 / 4")
        words.heard("greenroom: http://127.0.0.1:8080: the token is not known here: name another")
        #expect(words.text == "greenroom: http://127.0.0.1:8080: the token is not known here: name another")
        words.heard("a turn's command said something more")
        #expect(words.text.hasPrefix("4 / greenroom: "))
    }

    @Test func `another command replaces the workers that run, and the same again none`() async throws {
        try await withBench(Bench.obedient) { bench in
            try await bench.resize(2)
            try await bench.upCount(2)
            let old = bench.up
            for _ in 1...2 {
                try await bench.workers.resize(bench.pool(command: ["/bin/echo"]), to: 2, fence: Fence(1))
                try await bench.upCount(4)
                try await eventually("the old ones are gone") { old.allSatisfy { bench.process(of: $0) == nil } }
            }
            #expect(bench.up.count == 4 && bench.marked.count == 2)
            let lines = bench.log.entries.map(\.message).filter { $0.hasPrefix("up") }
            #expect(lines.map { $0.hasSuffix(" -- /bin/echo") } == [false, false, true, true])
            try await bench.workers.resize(bench.pool(slots: 2, command: ["/bin/echo"]), to: 2, fence: Fence(1))
            try await bench.upCount(6)
        }
    }

    @Test func `a worker that holds an actor is replaced at once, and ends when the actor has left`() async throws {
        try await withBench(Bench.stubborn) { bench in
            try await bench.resize(1)
            try await bench.upCount(1)
            let old = bench.up[0]
            bench.set(old, busy: true)
            try await bench.workers.resize(bench.pool(command: ["/bin/echo"]), to: 1, fence: Fence(1))
            try await bench.upCount(2)
            try await eventually("it was asked whether it is busy") { bench.requests > 0 }
            #expect(bench.process(of: old) != nil)
            bench.set(old, busy: false)
            try await eventually("it is gone") { bench.process(of: old) == nil }
        }
    }

    /// A leader whose lease ran out, and that doesn't know yet who leads now, starts nothing: what died is replaced by whoever leads.
    @Test func `a worker that dies isn't replaced while its instance may not act`() async throws {
        let (may, asked) = (Locked(true), Locked(0))
        let mayStart = { @Sendable in
            asked.withValue { $0 += 1 }
            return may.value
        }
        try await withBench("echo up >&2; read -r line; exit 1", mayStart: mayStart) { bench in
            try await bench.resize(1)
            try await bench.upCount(1)
            may.value = false
            let before = asked.value
            let first = try #require(bench.process(of: bench.up[0]))
            kill(first.pid, SIGKILL)
            try await eventually("it was asked several times") { asked.value > before + 2 }
            #expect(bench.up.count == 1)
            may.value = true
            try await bench.upCount(2)
        }
    }

    @Test func `a worker that dies is reported with its reason and replaced under a new name`() async throws {
        try await withBench("echo up >&2; read -r line; exit 1") { bench in
            try await bench.resize(1)
            try await bench.upCount(1)
            let first = bench.up[0]
            ProcessTable.signal(try #require(bench.process(of: first)), SIGKILL)
            try await eventually("it is reported") { bench.reports == ["worker.gone \(first) killed by signal 9"] }
            try await eventually("another runs") { bench.marked.count == 1 && bench.process(of: first) == nil }
        }
    }

    @Test func `a worker that fails at once is replaced again and again, ever more slowly`() async throws {
        try await withBench("exit 1") { bench in
            try await bench.resize(1)
            try await eventually("it failed five times") { bench.reports.count >= 5 }
            #expect(bench.reports.allSatisfy { $0.hasSuffix("exited with status 1") })
            #expect(Set(bench.reports).count == bench.reports.count)
            try await bench.resize(0)
        }
    }

    @Test func `a program that isn't there fails the resize and is named`() async throws {
        try await withBench("", executable: "/nowhere/greenroom") { bench in
            let fault = await #expect(throws: ActuationFault.self) { try await bench.resize(1) }
            guard case .unreachable(let problem) = fault else { Issue.record("\(String(describing: fault))"); return }
            #expect(problem.hasPrefix("can't start /nowhere/greenroom: "))
            // Still so while the next start waits for its backoff.
            await #expect(throws: ActuationFault.self) { try await bench.resize(1) }
            #expect(!bench.reports.isEmpty && bench.reports.allSatisfy { $0.hasPrefix("scale.failed ns/p ") })
        }
    }

    @Test func `a drained worker stays until it is removed, and then isn't replaced`() async throws {
        try await withBench(Bench.obedient) { bench in
            try await bench.resize(2)
            try await bench.upCount(2)
            let pool = bench.pool(drainTimeoutSeconds: 600)
            try await bench.workers.drain(WorkerIdentity(bench.up[0]), of: pool, fence: Fence(1))
            try await bench.workers.drain(WorkerIdentity(bench.up[0]), of: pool, fence: Fence(1))
            #expect(try await bench.workers.observe(pool).readyReplicas == 1)
            try await bench.resize(1)
            #expect(bench.marked.count == 2)
            try await bench.workers.remove(WorkerIdentity(bench.up[0]), of: pool, fence: Fence(1))
            try await eventually("one is left") { bench.marked.count == 1 }
            #expect(bench.reports == [])
        }
    }

    @Test func `a drain is taken back while the worker hasn't been told, and then nothing is started in its place`() async throws {
        try await withBench(Bench.obedient) { bench in
            try await bench.resize(2)
            try await bench.upCount(2)
            let (pool, worker) = (bench.pool(), bench.up[0])
            try await bench.resize(1)
            try await bench.workers.drain(WorkerIdentity(worker), of: pool, fence: Fence(1))
            #expect(try await bench.workers.cancelDrain(WorkerIdentity(worker), of: pool, fence: Fence(1)))
            #expect(try await bench.workers.cancelDrain(WorkerIdentity(worker), of: pool, fence: Fence(1)), "once more changes nothing")
            try await bench.resize(2)
            #expect(try await bench.workers.observe(pool) == TargetObservation(specReplicas: 2, readyReplicas: 2))
            #expect(bench.up.count == 2 && bench.marked.count == 2)

            try await bench.resize(1)
            try await bench.workers.drain(WorkerIdentity(worker), of: pool, fence: Fence(1))
            try await bench.workers.remove(WorkerIdentity(worker), of: pool, fence: Fence(1))
            #expect(try await !bench.workers.cancelDrain(WorkerIdentity(worker), of: pool, fence: Fence(1)), "it was told")
            try await eventually("one is left") { bench.marked.count == 1 }
            #expect(try await !bench.workers.cancelDrain(WorkerIdentity(worker), of: pool, fence: Fence(1)))
        }
    }

    @Test func `a worker that ends before it is ready is told of, with how it ended and what it said last`() async throws {
        try await withBench("echo 'no such server' >&2; exit 3") { bench in
            bench.neverReady.withLock { $0 = true }
            try await bench.resize(1)
            try await eventually("three starts came to nothing") { bench.reports.count >= 3 }
            for report in bench.reports {
                #expect(report.hasPrefix("scale.failed ns/p ") && report.contains("exited with status 3: no such server"))
            }
        }
    }

    @Test(arguments: [Bench.obedient, Bench.stubborn])
    func `a worker that starts and never becomes ready counts as a failed start, and is replaced`(_ script: String) async throws {
        var limits = LocalWorkersConfiguration.Limits.quick
        limits.startDeadline = .milliseconds(200)
        try await withBench(script, limits: limits) { bench in
            bench.neverReady.withLock { $0 = true }
            try await bench.resize(1)
            try await bench.upCount(1)
            let first = try #require(bench.up.first.flatMap { bench.process(of: $0) })
            try await eventually("three starts came to nothing; \(bench.reports)") { bench.reports.count >= 3 }
            for report in bench.reports {
                #expect(
                    report.hasPrefix("scale.failed ns/p ") && report.contains("isn't ready: the log hasn't heard of it 0 s after its start")
                )
            }
            #expect(bench.reports.enumerated().allSatisfy { $1.contains(#""attempt":\#($0 + 1)"#) })
            #expect(!ProcessTable.isAlive(first))
            #expect(bench.marked.count <= 2)
        }
    }

    @Test func `a worker that became ready in time is left alone`() async throws {
        var limits = LocalWorkersConfiguration.Limits.quick
        limits.startDeadline = .milliseconds(20)
        try await withBench(Bench.obedient, limits: limits) { bench in
            try await bench.resize(1)
            try await bench.upCount(1)
            try await eventually("it was looked at") { bench.looks >= 1 }
            #expect(bench.reports.isEmpty && bench.marked.count == 1 && bench.up.count == 1)
        }
    }

    @Test func `a worker that can't be started is told of each time`() async throws {
        try await withBench(Bench.obedient, executable: "/nowhere/at/all") { bench in
            do { try await bench.resize(1) } catch is ActuationFault {}
            try await eventually("it is told") {
                bench.reports.contains { $0.hasPrefix("scale.failed ns/p ") && $0.contains("/nowhere/at/all") }
            }
        }
    }

    @Test func `a worker that holds an actor isn't removed, and may still come back`() async throws {
        try await withBench(Bench.obedient) { bench in
            try await bench.resize(1)
            try await bench.upCount(1)
            let (pool, worker) = (bench.pool(), bench.up[0])
            bench.set(worker, busy: true)
            try await bench.resize(0)
            try await bench.workers.drain(WorkerIdentity(worker), of: pool, fence: Fence(1))
            await #expect(throws: ActuationFault.holdsActor(worker: worker)) {
                try await bench.workers.remove(WorkerIdentity(worker), of: pool, fence: Fence(1))
            }
            #expect(bench.process(of: worker) != nil)
            #expect(try await bench.workers.cancelDrain(WorkerIdentity(worker), of: pool, fence: Fence(1)))
        }
    }

    @Test func `a drained worker counts as gone, so the pool is filled up again`() async throws {
        try await withBench(Bench.obedient) { bench in
            try await bench.resize(1)
            try await bench.upCount(1)
            let first = bench.up[0]
            try await bench.workers.drain(WorkerIdentity(first), of: bench.pool(drainTimeoutSeconds: 600), fence: Fence(1))
            try await bench.workers.remove(WorkerIdentity(first), of: bench.pool(drainTimeoutSeconds: 600), fence: Fence(1))
            try await bench.resize(1)
            try await eventually("the successor runs alone") { bench.up.count == 2 && bench.marked.count == 1 }
            #expect(bench.process(of: first) == nil)
        }
    }

    @Test func `a removal that isn't heard ends in a kill once the log knows of no actor`() async throws {
        try await withBench(Bench.stubborn) { bench in
            try await bench.resize(1)
            try await bench.upCount(1)
            let worker = bench.up[0]
            try await bench.resize(0)
            try await bench.workers.drain(WorkerIdentity(worker), of: bench.pool(), fence: Fence(1))
            try await bench.workers.remove(WorkerIdentity(worker), of: bench.pool(), fence: Fence(1))
            // It got one in the last moment.
            bench.set(worker, busy: true)
            try await eventually("it was asked for several times") { bench.requests >= 4 }
            #expect(bench.process(of: worker) != nil)
            #expect(bench.log.entries.contains { $0.level == .warning && $0.message.contains("still holds an actor") })
            bench.set(worker, busy: false)
            try await eventually("it is killed") { bench.reports.count == 2 && bench.marked.isEmpty }
            #expect(
                bench.reports == [
                    "worker.draining \(worker) removed, and still there after 0 s", "worker.gone \(worker) removed: killed by signal 9",
                ])
        }
    }

    @Test func `a removed worker that doesn't go is killed soon`() async throws {
        try await withBench(Bench.stubborn) { bench in
            try await bench.resize(1)
            try await bench.upCount(1)
            let worker = bench.up[0]
            let pool = bench.pool(drainTimeoutSeconds: 600)
            try await bench.resize(0)
            try await bench.workers.remove(WorkerIdentity(worker), of: pool, fence: Fence(1))
            try await eventually("it is gone") { bench.reports.last == "worker.gone \(worker) removed: killed by signal 9" }
        }
    }

    @Test func `a second removal changes nothing`() async throws {
        try await withBench(Bench.stubborn) { bench in
            try await bench.resize(1)
            try await bench.upCount(1)
            let worker = bench.up[0]
            let pool = bench.pool(drainTimeoutSeconds: 0)
            try await bench.resize(0)
            for _ in 1...2 { try await bench.workers.remove(WorkerIdentity(worker), of: pool, fence: Fence(1)) }
            try await eventually("it is gone") { bench.reports.last == "worker.gone \(worker) removed: killed by signal 9" }
        }
    }

    @Test func `unknown workers are fine`() async throws {
        try await withBench(Bench.obedient) { bench in
            try await bench.workers.drain(WorkerIdentity("never-seen"), of: bench.pool(), fence: Fence(1))
            #expect(try await !bench.workers.cancelDrain(WorkerIdentity("never-seen"), of: bench.pool(), fence: Fence(1)))
            try await bench.workers.remove(WorkerIdentity("never-seen"), of: bench.pool(), fence: Fence(1))
        }
    }

    @Test func `a lower fence than seen is refused, pool by pool`() async throws {
        try await withBench(Bench.obedient) { bench in
            try await bench.resize(0, fence: 7)
            await #expect(throws: ActuationFault.fenced(current: Fence(7))) { try await bench.resize(1, fence: 6) }
            await #expect(throws: ActuationFault.fenced(current: Fence(7))) {
                try await bench.workers.drain(WorkerIdentity("w"), of: bench.pool(), fence: Fence(6))
            }
            await #expect(throws: ActuationFault.fenced(current: Fence(7))) {
                try await bench.workers.remove(WorkerIdentity("w"), of: bench.pool(), fence: Fence(6))
            }
            try await bench.workers.resize(bench.pool("ns/other"), to: 0, fence: Fence(1))
            #expect(bench.marked.isEmpty)
        }
    }

    @Test func `more workers than the limit are refused`() async throws {
        var limits = LocalWorkersConfiguration.Limits.quick
        limits.workersPerPool = 2
        try await withBench(Bench.obedient, limits: limits) { bench in
            let fault = await #expect(throws: ActuationFault.self) { try await bench.resize(3) }
            guard case .refused = fault else { Issue.record("\(String(describing: fault))"); return }
        }
    }

    @Test func `stopping ends all, and speaks for those that didn't hear`() async throws {
        try await withBench(Bench.stubborn) { bench in
            try await bench.resize(3)
            try await bench.upCount(3)
            await bench.workers.stop()
            #expect(bench.marked.isEmpty)
            #expect(bench.reports.sorted() == bench.up.sorted().map { "worker.gone \($0) the service stopped: killed by signal 9" })
            await #expect(throws: ActuationFault.refused("the service is stopping")) { try await bench.resize(1) }
        }
    }

    /// One that left the worker's session and its stderr, as daemons do.
    static let daemon = "setsid sh -c 'trap \"\" TERM HUP; exec >/dev/null 2>&1; read -r x < $0' $0.never </dev/null & "

    @Test(arguments: [SIGKILL, SIGTERM])
    func `what left a worker's session ends with the worker`(signal: Int32) async throws {
        try await withBench(Self.daemon + Bench.obedient) { bench in
            try await bench.resize(1)
            try await bench.upCount(1)
            let first = bench.up[0]
            try await eventually("the worker and what it started") { bench.marked.count { $0.session == $0.identity.pid } == 2 }
            let leader = try #require(bench.leader(of: first))
            let daemon = try #require(bench.marked.first { $0.identity != leader && $0.session == $0.identity.pid }?.identity)
            ProcessTable.signal(leader, signal)
            try await eventually("it is gone") { !ProcessTable.isAlive(daemon) }
        }
    }

    @Test func `nothing outlives a stop, in whichever session it is`() async throws {
        try await withBench(Self.daemon + Bench.obedient) { bench in
            try await bench.resize(2)
            try await bench.upCount(2)
            try await eventually("workers and what they started") { bench.marked.count { $0.session == $0.identity.pid } == 4 }
            await bench.workers.stop()
            #expect(bench.marked == [])
        }
    }

    @Test func `a worker's end is noticed where what it had started holds its stderr`() async throws {
        try await withBench("setsid sh -c 'trap \"\" TERM HUP; read -r x < $0' $0.never & " + Bench.obedient) { bench in
            try await bench.resize(1)
            try await bench.upCount(1)
            let first = bench.up[0]
            ProcessTable.signal(try #require(bench.leader(of: first)), SIGKILL)
            try await eventually("it is reported") { bench.reports == ["worker.gone \(first) killed by signal 9"] }
        }
    }

    @Test func `what a dead worker had started dies with it`() async throws {
        try await withBench("(trap '' TERM HUP; read -r x < $0.never) & echo up >&2; wait") { bench in
            try await bench.resize(1)
            try await bench.upCount(1)
            let worker = bench.up[0]
            try await eventually("both run") { bench.marked.count == 2 }
            let other = try #require(bench.marked.first { $0.session != $0.identity.pid })
            try await bench.resize(0)
            ProcessTable.signal(try #require(bench.process(of: worker)), SIGKILL)
            try await eventually("nothing is left") { bench.marked.isEmpty }
            // A dying process gives up its environment, and with it its mark, a moment before it is a zombie.
            try await eventually("it is dead") { !ProcessTable.isAlive(other.identity) }
        }
    }

    @Test func `a worker gets its three streams and nothing else`() async throws {
        try await withBench(Bench.obedient) { bench in
            try await bench.resize(2)
            try await bench.upCount(2)
            for process in bench.marked {
                #expect(openFiles(of: process.identity.pid) == [0, 1, 2])
            }
        }
    }

    private func openFiles(of pid: Int32) -> Set<Int32> {
        guard let directory = opendir("/proc/\(pid)/fd") else { return [] }
        defer { closedir(directory) }
        var found: Set<Int32> = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if let file = Int32(name) { found.insert(file) }
        }
        return found
    }
}

@Suite(.timeLimit(.minutes(1))) struct OrphanTests {
    /// Starts a script that nobody waits for, marked as a worker of `owner`.
    private func leave(_ script: String, owner: String, worker: String) async throws {
        _ = try await Subprocess.run(
            .path("/bin/sh"), arguments: ["-c", "setsid /bin/sh -c \"$1\" < /dev/null > /dev/null 2>&1 &", "sh", script],
            environment: .inherit.updating([
                .init(stringLiteral: OwnershipMarker.owner): owner, .init(stringLiteral: OwnershipMarker.worker): worker,
            ]),
            output: .discarded, error: .discarded)
    }

    @Test func `what a crash left behind is found, ended and reported, whether it listens or not`() async throws {
        try await withBench(Bench.obedient) { bench in
            try await leave("read -r x < \(bench.directory)/worker.never", owner: bench.owner, worker: "p-00000-1")
            try await leave("trap '' TERM; read -r x < \(bench.directory)/worker.never", owner: bench.owner, worker: "p-00000-2")
            try await leave("read -r x < \(bench.directory)/worker.never", owner: "\(bench.owner)-other", worker: "p-00000-3")
            try await eventually("they run on their own") {
                bench.marked.count == 2 && bench.marked.allSatisfy { $0.session == $0.identity.pid }
            }
            await bench.workers.start()
            #expect(bench.marked.isEmpty)
            let reason = "the service it belonged to ended"
            #expect(bench.reports == ["worker.gone p-00000-1 \(reason)", "worker.gone p-00000-2 \(reason)"])
            let other = OrphanReaper(owner: "\(bench.owner)-other", logger: .init(label: "test"))
            #expect(await other.reap(grace: .seconds(5), killWait: .seconds(5)) == ["p-00000-3"])
        }
    }

    @Test func `workers that the log holds for alive are reported gone where an earlier run started them`() async throws {
        try await withBench(Bench.obedient) { bench in
            await bench.workers.start(known: [("p-0k3xz-12", "ns/p"), ("laptop-4711", "ns/p"), ("p-0k3xz-3", "ns/p")])
            let reason = "the service it belonged to ended"
            #expect(bench.reports == ["worker.gone p-0k3xz-12 \(reason)", "worker.gone p-0k3xz-3 \(reason)"])
        }
    }

    @Test func `this process and those it descends from are not touched`() {
        let all = [(10, 1), (20, 10), (30, 20), (40, 20)].map { pid, parent in
            ProcessStatus(identity: ProcessIdentity(pid: pid, startTicks: 1), parent: parent, session: pid, state: UInt8(ascii: "S"))
        }
        #expect(OrphanReaper.ancestry(of: 30, in: all) == [30, 20, 10, 1])
    }
}
