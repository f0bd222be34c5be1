import ControlLoop
import Domain
import Kubernetes
import KubernetesTwin
import Synchronization
import TestSupport
import Testing

@testable import Kubernetes

@Suite struct LeaseStepTests {
    private func record(_ holder: String, seconds: Int = 15) -> LeaseRecord {
        LeaseRecord(holder: holder, durationSeconds: seconds, acquired: .zero, transitions: 3, fence: 3)
    }

    @Test(
        "whose lease, unchanged for how long, and what follows",
        arguments: [
            ("", 0, LeaseStep.take), ("me", 0, .renew), ("me", 100, .renew), ("other", 0, .wait(.seconds(15))),
            ("other", 14, .wait(.seconds(1))), ("other", 15, .take), ("other", 99, .take),
        ])
    func steps(_ holder: String, _ unchangedSeconds: Int, _ step: LeaseStep) {
        #expect(LeaseStep(record(holder), identity: "me", unchangedFor: .seconds(unchangedSeconds)) == step)
    }

    @Test(
        "a timing that would let a lease be taken from a leader that still acts is refused",
        arguments: [
            (15, 15, 2), (15, 16, 2), (15, 10, 10), (15, 10, 0), (0, 10, 2), (9_999, 10, 2),
        ])
    func timing(_ durationSeconds: Int, _ deadline: Int, _ retry: Int) {
        #expect(throws: ClusterAccessFault.self) {
            try LeaseTiming(durationSeconds: durationSeconds, renewDeadline: .seconds(deadline), retryPeriod: .seconds(retry))
        }
    }

    @Test("a lease given back may be taken at once, however short it was")
    func givenBack() {
        #expect(LeaseStep(record("other", seconds: 0), identity: "me", unchangedFor: .zero) == .take)
    }
}

// Two instances, one server, a clock that moves by hand. Time moves only when all there is to do at its moment was done.

@Suite struct LeaseElectionTests {
    final class Instance: Sendable {
        let name: String
        let client: KubernetesClient
        let election: LeaseElection
        private let task = Mutex<Task<Void, Never>?>(nil)

        /// - Parameter journal: hears `a leads 3`, `a stops`, each with the time.
        init(_ name: String, _ twin: KubernetesTwin, _ clock: ManualClock, _ journal: Recorder<(at: Duration, text: String)>) throws {
            self.name = name
            let token = "\(name)token"
            var limits = KubernetesClientLimits.quick
            limits.readTimeout = .seconds(60)
            client = try twin.client(token: token, limits: limits, clock: clock.clock)
            election = LeaseElection(
                client,
                .init(namespace: "default", identity: name, wallClock: { LogTime(microseconds: Int64(clock.now / .microseconds(1))) }),
                seed: 1,
                callbacks: .init(
                    started: { journal.add((clock.now, "\(name) leads \($0.number)")) },
                    stopped: { _ in journal.add((clock.now, "\(name) stops")) }, trouble: { _ in }))
        }

        func run() { task.withLock { $0 = Task { [election] in await election.run() } } }

        func stop() async {
            let task = task.withLock { $0 }
            task?.cancel()
            await task?.value
        }
    }

    private final class Bench: Sendable {
        let twin: KubernetesTwin
        let clock = ManualClock()
        let journal = Recorder<(at: Duration, text: String)>()
        let a: Instance
        let b: Instance

        init() async throws {
            var configuration = KubernetesTwin.Configuration()
            for name in ["a", "b"] { configuration.users["\(name)token"] = .admin }
            twin = try await KubernetesTwin.start(configuration)
            a = try Instance("a", twin, clock, journal)
            b = try Instance("b", twin, clock, journal)
        }

        var texts: [String] { journal.values.map(\.text) }
        func time(of text: String) -> Duration? { journal.values.last { $0.text == text }?.at }

        /// Everything that instances do at this moment is done: as many sleep as should, and nothing moves for a while. A leader
        /// that waits for an answer sleeps too, until its term is over: longer than any pause between two requests. However
        /// slow the machine is, time moves for such a one only where it was cut off for good.
        func settle(_ sleepers: () -> Int, hanging: Int = 0) async throws {
            struct Scene: Equatable {
                var waits: [Duration]
                var requests: Int
            }
            var (scene, polls) = (Scene(waits: [], requests: -1), 0)
            let pause = LeaseTiming.standard.retryPeriod * 2
            try await eventually("all is still; \(texts), waits \(clock.waits)") {
                let now = Scene(waits: clock.waits, requests: twin.requests.count)
                let isStill = now.waits.count == sleepers() && now.waits.count { $0 > pause } <= hanging
                polls = now == scene && isStill ? polls + 1 : 0
                scene = now
                return polls >= 5
            }
        }

        func settle(_ sleepers: Int) async throws { try await settle { sleepers } }

        /// Moves to the next moment at which somebody wakes, until `condition` holds or `limit` has passed.
        func proceed(_ sleepers: @escaping () -> Int, hanging: Int = 0, within limit: Duration, until condition: () -> Bool) async throws {
            let end = clock.now + limit
            try await settle(sleepers, hanging: hanging)
            while !condition(), clock.now < end {
                clock.advance(clock.waits.first ?? .zero)
                try await settle(sleepers, hanging: hanging)
            }
        }

        func proceed(_ sleepers: Int, within limit: Duration, until condition: () -> Bool) async throws {
            try await proceed({ sleepers }, within: limit, until: condition)
        }

        func cut(_ instance: Instance, _ action: TwinFault.Action) {
            let token = "Bearer \(instance.name)token"
            twin.inject(TwinFault(action, times: nil) { $0.headers["authorization"] == token })
        }

        func close() async {
            for instance in [a, b] {
                await instance.stop()
                await instance.client.close()
            }
            await twin.stop()
        }
    }

    private func withBench(_ body: (Bench) async throws -> Void) async throws {
        let bench = try await Bench()
        do { try await body(bench) } catch {
            bench.twin.cutConnections()
            await bench.close()
            throw error
        }
        await bench.close()
    }

    @Test("the first one leads and stays; the other stands by")
    func leads() async throws {
        try await withBench { bench in
            bench.a.run()
            try await bench.settle(1)
            #expect(bench.texts == ["a leads 0"] && bench.a.election.fence == Fence(0))
            bench.b.run()
            try await bench.proceed(2, within: .seconds(60)) { false }
            #expect(bench.texts == ["a leads 0"] && bench.b.election.fence == nil)
            #expect(await bench.b.election.holder == "a")
        }
    }

    @Test("a leader that stops gives the lease back, and the other takes it at its next look, under a higher fence")
    func givesBack() async throws {
        try await withBench { bench in
            bench.a.run()
            try await bench.settle(1)
            bench.b.run()
            try await bench.settle(2)
            let stopped = bench.clock.now
            await bench.a.stop()
            try await bench.proceed(1, within: .seconds(10)) { bench.texts.contains("b leads 1") }
            #expect(bench.texts == ["a leads 0", "a stops", "b leads 1"])
            #expect(try #require(bench.time(of: "b leads 1")) - stopped <= .milliseconds(500))
        }
    }

    @Test("a leader that is cut off stops before its lease is taken: answers fail, or never come", arguments: [true, false])
    func partition(fails: Bool) async throws {
        try await withBench { bench in
            bench.a.run()
            try await bench.settle(1)
            bench.b.run()
            try await bench.proceed(2, within: .seconds(5)) { false }
            let cut = bench.clock.now
            bench.cut(bench.a, fails ? .cut : .hang)
            // Where answers never come, a's look after it stopped hangs without a sleeper.
            let sleepers = { fails || !bench.texts.contains("a stops") ? 2 : 1 }
            try await bench.proceed(sleepers, hanging: fails ? 0 : 1, within: .seconds(12)) { bench.texts.contains("a stops") }
            #expect(bench.a.election.fence == nil)
            try await bench.proceed(sleepers, within: .seconds(12)) { bench.texts.contains("b leads 1") }
            #expect(bench.texts == ["a leads 0", "a stops", "b leads 1"])
            let (stops, leads) = (try #require(bench.time(of: "a stops")), try #require(bench.time(of: "b leads 1")))
            #expect(stops < leads && stops - cut <= .seconds(10))
            #expect(leads - cut <= .milliseconds(15_500), "within the lease's duration and one look")
            bench.twin.heal()
            bench.twin.cutConnections()
        }
    }

    @Test("a leader whose lease was taken by hand stops at its next renewal")
    func deposed() async throws {
        try await withBench { bench in
            bench.a.run()
            try await bench.settle(1)
            bench.twin.edit(.leases, "default", "greenroom") { lease in
                lease["spec"]["holderIdentity"] = "somebody"
                lease["spec"]["leaseTransitions"] = 7
            }
            try await bench.proceed(1, within: .seconds(3)) { bench.texts.contains("a stops") }
            #expect(bench.texts == ["a leads 0", "a stops"])
            try await bench.proceed(1, within: .seconds(20)) { bench.texts.contains("a leads 8") }
            #expect(bench.texts.last == "a leads 8")
        }
    }

    @Test(
        "a renewal that was written, and whose answer was lost, is no reason to stop, however long the next one takes",
        arguments: [0, 150] as [Int64])
    func answerLost(milliseconds: Int64) async throws {
        try await withBench { bench in
            bench.a.run()
            try await bench.settle(1)
            bench.twin.inject(TwinFault(.cutAfter) { $0.method == "PUT" })
            if milliseconds > 0 { bench.twin.inject(TwinFault(.delay(milliseconds: milliseconds), times: 3)) }
            try await bench.proceed(1, within: .seconds(30)) { false }
            #expect(bench.texts == ["a leads 0"] && bench.a.election.fence == Fence(0))
        }
    }

    /// A lease of an earlier version, whose fence was the number of its transitions.
    private func leave(_ bench: Bench, transitions: Int, annotations: JSONValue? = nil) {
        var lease: JSONValue = [
            "metadata": ["name": "greenroom", "namespace": "default"],
            "spec": ["holderIdentity": "", "leaseTransitions": JSONValue(transitions), "leaseDurationSeconds": 1],
        ]
        if let annotations { lease["metadata"]["annotations"] = annotations }
        bench.twin.seed(.leases, lease)
    }

    @Test(
        "the fence goes on from a lease's annotation, or from an older lease's transitions: annotation, transitions, the fence after",
        arguments: [
            (nil, 3_000, 3_001), ("5000", 2, 5_001), ("7", 9, 10), ("none", 4, 5), ("-1", 4, 5), ("18446744073709551615", 4, 5),
            ("9223372036854775807", 4, 5),
        ] as [(String?, Int, UInt64)])
    func goesOn(_ annotation: String?, _ transitions: Int, _ fence: UInt64) async throws {
        try await withBench { bench in
            leave(bench, transitions: transitions, annotations: annotation.map { ["greenroom.dev/fence": .string($0), "other": "stays"] })
            bench.a.run()
            try await bench.settle(1)
            #expect(bench.a.election.fence == Fence(fence))
            let lease = try #require(bench.twin.object(.leases, "default", "greenroom"))
            #expect(lease["spec"]["leaseTransitions"].int == transitions + 1 && lease.annotations["greenroom.dev/fence"] == "\(fence)")
            if annotation != nil { #expect(lease.annotations["other"] == "stays") }
        }
    }

    @Test("whoever takes the annotation off, or deletes the lease, lowers no fence", arguments: [true, false])
    func keepsItsFence(isDeleted: Bool) async throws {
        try await withBench { bench in
            leave(bench, transitions: 1, annotations: ["greenroom.dev/fence": "70"])
            bench.a.run()
            try await bench.settle(1)
            #expect(bench.a.election.fence == Fence(71))
            if isDeleted {
                bench.twin.delete(.leases, "default", "greenroom")
            } else {
                bench.twin.edit(.leases, "default", "greenroom") { $0["metadata"]["annotations"] = [:] }
            }
            try await bench.proceed(1, within: .seconds(4)) { false }
            let fence: UInt64 = isDeleted ? 72 : 71
            #expect(bench.a.election.fence == Fence(fence))
            #expect(bench.twin.object(.leases, "default", "greenroom")?.annotations["greenroom.dev/fence"] == "\(fence)")
        }
    }

    @Test("a process that was suspended past its deadline may not act, whatever it thinks")
    func suspended() async throws {
        try await withBench { bench in
            bench.a.run()
            try await bench.settle(1)
            bench.cut(bench.a, .hang)
            bench.clock.advance(.seconds(11))
            #expect(bench.a.election.fence == nil)
            bench.twin.heal()
            bench.twin.cutConnections()
        }
    }

    @Test("a lease is taken and given back on any server", arguments: Backend.available)
    func contract(_ backend: Backend) async throws {
        let cluster = try await TestCluster(backend)
        let journal = Recorder<String>()
        let timing = try LeaseTiming(durationSeconds: 3, renewDeadline: .seconds(2), retryPeriod: .milliseconds(200))
        let elections = ["one", "two"].map { name in
            LeaseElection(
                cluster.client,
                .init(
                    namespace: cluster.namespace, name: cluster.prefix, identity: name, timing: timing,
                    wallClock: { LogTime(microseconds: 1_700_000_000_000_000) }),
                seed: 1,
                callbacks: .init(
                    started: { journal.add("\(name) leads \($0.number)") }, stopped: { _ in journal.add("\(name) stops") },
                    trouble: { _ in }))
        }
        let first = Task { await elections[0].run() }
        try await eventually("one leads") { journal.values.count == 1 }
        let second = Task { await elections[1].run() }
        first.cancel()
        await first.value
        try await eventually("two leads") { journal.values.count == 3 }
        second.cancel()
        await second.value
        #expect(journal.values == ["one leads 0", "one stops", "two leads 1", "two stops"])
        try await cluster.client.delete(.leases, namespace: cluster.namespace, name: cluster.prefix)
        await cluster.close()
    }

    @Test("a lease that isn't there yet begins above earlier fences, and who holds it is told when that changes")
    func beginsAbove() async throws {
        let twin = try await KubernetesTwin.start()
        let client = try twin.client()
        let seen = Recorder<String>()
        var callbacks = LeaseElection.Callbacks(started: { _ in }, stopped: { _ in }, trouble: { _ in })
        callbacks.seen = { seen.add("\($0 ?? "nobody") \($1)") }
        var configuration = LeaseElection.Configuration(namespace: "default", identity: "a", wallClock: { .zero })
        configuration.firstFence = { 2_041 }
        let election = LeaseElection(client, configuration, seed: 1, callbacks: callbacks)
        let running = Task { await election.run() }
        try await eventually("it leads") { election.fence == Fence(2_041) }
        running.cancel()
        await running.value
        #expect(seen.values == ["a 0"], "the fence is no number of transitions")
        await client.close()
        await twin.stop()
    }

    @Test("a lease that was written meanwhile, as by a renewal whose answer nobody waited for, is given back all the same")
    func givesBackWhatChanged() async throws {
        let twin = try await KubernetesTwin.start()
        let client = try twin.client()
        let election = LeaseElection(
            client, .init(namespace: "default", identity: "a", wallClock: { .zero }), seed: 1,
            callbacks: .init(started: { _ in }, stopped: { _ in }, trouble: { Issue.record("\($0)") }))
        let running = Task { await election.run() }
        try await eventually("it leads") { election.fence != nil }
        twin.edit(.leases, "default", "greenroom") { $0["metadata"]["labels"] = ["touched": "yes"] }
        running.cancel()
        await running.value
        #expect(twin.object(.leases, "default", "greenroom")?["spec"]["holderIdentity"].string == nil)
        await client.close()
        await twin.stop()
    }
}
