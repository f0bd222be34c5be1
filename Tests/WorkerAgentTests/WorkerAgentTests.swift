import Domain
import Logging
import TestSupport
import Testing

@testable import WorkerAgent

/// A worker against a service in memory, under manual time.
private struct Bench {
    let link = InMemoryLink()
    let clock = ManualClock()
    let agent: WorkerAgent

    init(slots: Int = 1, turns: (any TurnRunner)? = nil, drainLimit: Duration = .seconds(600), limits: WorkerConfiguration.Limits = .init())
    {
        let configuration = WorkerConfiguration(name: "w1", pool: "ns/p", node: "n1", slots: slots, drainLimit: drainLimit, limits: limits)
        agent = WorkerAgent(
            configuration, link: link, turns: turns ?? SimulatedTurns(clock: clock.clock), clock: clock.clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func start() -> Task<WorkerAgent.Outcome, Never> { Task { await agent.run() } }

    func registered() async throws {
        try await eventually("the worker follows, and is ready") {
            link.followers == 1 && link.reports.contains { $0.kind == .workerReady }
        }
    }

    /// Lets somebody's wait of this length pass.
    func pass(_ duration: Duration) async throws {
        try await eventually("somebody waits \(duration)") { clock.waits.contains(duration) }
        clock.advance(duration)
    }

    func reported(_ count: Int) async throws {
        try await eventually("\(count) reports; there are \(link.described)") { link.reports.count >= count }
    }

    func drainIdle(_ life: Task<WorkerAgent.Outcome, Never>) async throws -> WorkerAgent.Outcome {
        await agent.drain(reason: "test")
        try await pass(.milliseconds(200))
        return await life.value
    }
}

@Suite struct WorkerAgentTests {
    @Test func `a worker registers, runs what is placed on it, and drains`() async throws {
        let bench = Bench()
        let life = bench.start()
        try await bench.registered()
        let seq = bench.link.place("a1", data: #""tier":"cold","expectedMillis":3000"#)
        try await bench.pass(.milliseconds(1_000))
        try await bench.reported(2)
        try await bench.pass(.milliseconds(3_000))
        try await bench.reported(3)
        #expect(try await bench.drainIdle(life) == .drained)
        #expect(
            bench.link.described == [
                #"worker.ready ns/w1 {"node":"n1","slots":1}"#,
                #"actor.running a1 {"restoreMillis":1000}"#,
                #"actor.suspended a1 {"snapshot":"simulated:///a1/\#(seq)","bytes":67108864}"#,
                #"worker.draining ns/w1 {"reason":"test"}"#,
                #"worker.gone ns/w1 {"reason":"drained"}"#,
            ])
    }

    @Test func `an actor of another namespace is reported with its own`() async throws {
        let bench = Bench()
        let life = bench.start()
        try await bench.registered()
        // Another worker of the same name.
        bench.link.streamRaw(
            #"{"seq":8000,"type":"dev.greenroom.actor.placed","namespace":"other","subject":"a0","data":{"worker":"w1","tier":"cold","expectedMillis":7}}"#
        )
        bench.link.streamRaw(
            #"{"seq":9000,"type":"dev.greenroom.actor.placed","namespace":"other","subject":"a1","data":{"worker":"ns/w1","tier":"cold","expectedMillis":1000}}"#
        )
        try await bench.pass(.milliseconds(1_000))
        try await bench.reported(2)
        #expect(bench.link.reports.last?.subject == "other/a1")
        await bench.agent.stop(reason: "test")
        _ = await life.value
    }

    @Test func `a near snapshot restores faster and is named`() async throws {
        let bench = Bench()
        let life = bench.start()
        try await bench.registered()
        bench.link.place("a1", data: #""tier":"local","restoreFrom":"s3://b/a1","expectedMillis":5"#)
        try await bench.pass(.milliseconds(100))
        try await bench.reported(2)
        #expect(bench.link.described.last == #"actor.running a1 {"restoredFrom":"s3://b/a1","restoreMillis":100}"#)
        try await bench.pass(.milliseconds(5))
        try await bench.reported(3)
        _ = try await bench.drainIdle(life)
    }

    @Test func `a placement that the stream repeats runs once`() async throws {
        let bench = Bench()
        let life = bench.start()
        try await bench.registered()
        let seq = bench.link.place("a1", data: #""expectedMillis":0"#)
        bench.link.streamRaw(#"{"seq":\#(seq),"type":"dev.greenroom.actor.placed","subject":"a1","data":{"worker":"w1"}}"#)
        try await bench.pass(.milliseconds(1_000))
        try await bench.pass(.milliseconds(0))
        try await bench.reported(3)
        #expect(try await bench.drainIdle(life) == .drained)
        #expect(bench.link.reports.count { $0.kind == .actorRunning } == 1)
    }

    @Test func `a broken stream goes on after the last placement`() async throws {
        let bench = Bench(slots: 2)
        let life = bench.start()
        try await bench.registered()
        let first = bench.link.place("a1", data: #""expectedMillis":0"#)
        try await bench.pass(.milliseconds(1_000))
        try await bench.pass(.milliseconds(0))
        try await bench.reported(3)
        bench.link.cut()
        let second = bench.link.place("a2", data: #""expectedMillis":0"#)
        try await bench.pass(.milliseconds(100))
        try await bench.registered()
        try await bench.pass(.milliseconds(1_000))
        try await bench.pass(.milliseconds(0))
        try await bench.reported(5)
        // Once to look, and once to follow again.
        #expect(bench.link.afters == [100, first, second])
        #expect(bench.link.reports.filter { $0.kind == .actorSuspended }.map(\.subject) == ["a1", "a2"])
        _ = try await bench.drainIdle(life)
    }

    @Test func `placements are found even while no stream is to be had`() async throws {
        let bench = Bench()
        bench.link.refuseStreams()
        let life = bench.start()
        try await bench.reported(1)
        bench.link.place("a1", data: #""expectedMillis":0"#)
        try await bench.pass(.milliseconds(100))
        try await bench.pass(.milliseconds(1_000))
        try await bench.reported(2)
        #expect(bench.link.reports.last?.subject == "a1")
        await bench.agent.stop(reason: "test")
        _ = await life.value
    }

    @Test func `nothing placed before its registration is run`() async throws {
        let bench = Bench()
        bench.link.place("old")
        let life = bench.start()
        try await bench.registered()
        #expect(try await bench.drainIdle(life) == .drained)
        #expect(!bench.link.described.contains { $0.contains("old") })
    }

    @Test func `it opens its stream before it says ready`() async throws {
        let bench = Bench()
        bench.link.failNext(.unavailable("busy"))
        let life = bench.start()
        try await eventually("it tries to register") { bench.link.sends == 1 }
        #expect(bench.link.followers == 1 && bench.link.reports.isEmpty)
        try await bench.pass(.milliseconds(100))
        try await bench.registered()
        _ = try await bench.drainIdle(life)
    }

    @Test func `a worker that the log says is gone ends, unless that means an earlier life of it`() async throws {
        let bench = Bench()
        let life = bench.start()
        try await bench.registered()
        func gone(_ source: String, _ asOf: Int) {
            bench.link.streamRaw(
                #"{"seq":9000,"type":"dev.greenroom.worker.gone","source":"\#(source)","subject":"w1","data":{"reason":"lost","asOf":\#(asOf)}}"#
            )
        }
        gone("/greenroom", 50)
        gone("/greenroom/worker/ns/w1", 101)
        bench.link.place("a1", data: #""expectedMillis":60000"#)
        try await bench.pass(.milliseconds(1_000))
        try await bench.reported(2)
        gone("/greenroom", 101)
        #expect(await life.value == .unreachable("the log says that this worker is gone (lost), so its actors may run elsewhere"))
    }

    @Test func `a lost acknowledgement doesn't report twice`() async throws {
        let bench = Bench()
        bench.link.loseAcknowledgements(1)
        let life = bench.start()
        try await bench.pass(.milliseconds(100))
        try await bench.registered()
        _ = try await bench.drainIdle(life)
        #expect(bench.link.reports.count { $0.kind == .workerReady } == 1)
        #expect(bench.link.afters.first == 100)
    }

    @Test func `reports are tried again with growing delays while the service is away`() async throws {
        let bench = Bench()
        bench.link.failNext(.unavailable("refused"), .unavailable("refused"), .unavailable("busy", retryAfterSeconds: 3))
        let life = bench.start()
        try await bench.pass(.milliseconds(100))
        try await bench.pass(.milliseconds(200))
        try await bench.pass(.seconds(3))
        try await bench.registered()
        #expect(bench.link.sends == 4)
        _ = try await bench.drainIdle(life)
    }

    @Test func `a worker that can't register in time gives up`() async throws {
        var limits = WorkerConfiguration.Limits()
        limits.reportLimit = .milliseconds(250)
        let bench = Bench(limits: limits)
        bench.link.failNext(.unavailable("a"), .unavailable("b"), .unavailable("c"))
        let life = bench.start()
        try await bench.pass(.milliseconds(100))
        try await bench.pass(.milliseconds(200))
        #expect(await life.value == .unreachable("can't register: c"))
    }

    @Test func `a worker that isn't let in ends at once`() async throws {
        let bench = Bench()
        bench.link.failNext(.denied("no such token"))
        #expect(await bench.start().value == .unreachable("can't register: no such token"))
    }

    /// A turn of no length on a bench that refuses some kinds; answers what the log has of the actor.
    private func turn(refusing kinds: EventKind...) async throws -> [String] {
        let bench = Bench()
        for kind in kinds { bench.link.refuse(kind) }
        let life = bench.start()
        try await bench.registered()
        let seq = bench.link.place("a1", data: #""expectedMillis":0"#)
        try await bench.pass(.milliseconds(1_000))
        try await bench.pass(.milliseconds(0))
        #expect(try await bench.drainIdle(life) == .drained)
        return bench.link.reports.filter { $0.subject == "ns/a1" || $0.subject == "a1" }
            .map { $0.description.replacing("\(seq)", with: "SEQ") }
    }

    @Test func `a suspension that is refused is told as a crash, with what was refused and where the snapshot is`() async throws {
        #expect(
            try await turn(refusing: .actorSuspended).last
                == #"actor.crashed a1 {"reason":"the turn ended well, and the service refuses actor.suspended: unknown kind; its snapshot is simulated:///a1/SEQ"}"#
        )
    }

    @Test func `where the log doesn't take that an actor runs, its turn ends as a crash that says so`() async throws {
        let told = try await turn(refusing: .actorRunning)
        #expect(
            told == [
                #"actor.crashed a1 {"reason":"the turn ended well, and the service refuses actor.running: unknown kind; its snapshot is simulated:///a1/SEQ"}"#
            ])
    }

    @Test func `a turn of which the log takes nothing ends all the same, and the worker goes on`() async throws {
        #expect(try await turn(refusing: .actorRunning, .actorSuspended, .actorCrashed) == [])
    }

    @Test func `an id that an earlier worker of the name has used is given up for others`() async throws {
        let bench = Bench()
        bench.link.conflictNext(3)
        let life = bench.start()
        // worker.ready, then actor.running, under ids that are taken.
        try await bench.registered()
        bench.link.place("a1", data: #""expectedMillis":0"#)
        try await bench.pass(.milliseconds(1_000))
        try await bench.pass(.milliseconds(0))
        try await bench.reported(3)
        #expect(bench.link.reports.map(\.kind) == [.workerReady, .actorRunning, .actorSuspended])
        #expect(try await bench.drainIdle(life) == .drained)
        #expect(Set(bench.link.reports.map(\.id)).count == bench.link.reports.count)
    }

    @Test func `a worker whose end the service refuses says so`() async throws {
        let bench = Bench()
        bench.link.refuse(.workerGone)
        let life = bench.start()
        try await bench.registered()
        #expect(try await bench.drainIdle(life) == .unreachable("the service refuses worker.gone: unknown kind"))
    }

    @Test func `a draining worker finishes what it runs before it goes`() async throws {
        let bench = Bench()
        let life = bench.start()
        try await bench.registered()
        bench.link.place("a1", data: #""expectedMillis":60000"#)
        try await bench.pass(.milliseconds(1_000))
        try await bench.reported(2)
        await bench.agent.drain(reason: "scale-down")
        try await bench.reported(3)
        try await bench.pass(.milliseconds(60_000))
        try await bench.pass(.milliseconds(200))
        #expect(await life.value == .drained)
        #expect(bench.link.reports.map(\.kind) == [.workerReady, .actorRunning, .workerDraining, .actorSuspended, .workerGone])
    }

    @Test func `a placement that crossed the drain is run before the worker goes`() async throws {
        let bench = Bench()
        let life = bench.start()
        try await bench.registered()
        bench.link.place("late", data: #""expectedMillis":7"#, streamed: false)
        await bench.agent.drain(reason: "scale-down")
        try await bench.pass(.milliseconds(200))
        try await bench.pass(.milliseconds(1_000))
        try await bench.pass(.milliseconds(7))
        try await bench.pass(.milliseconds(200))
        #expect(await life.value == .drained)
        #expect(bench.link.reports.map(\.kind) == [.workerReady, .workerDraining, .actorRunning, .actorSuspended, .workerGone])
    }

    @Test func `turns that outlast the drain are broken off and said to be`() async throws {
        let bench = Bench(drainLimit: .seconds(30))
        let life = bench.start()
        try await bench.registered()
        bench.link.place("a1", data: #""expectedMillis":60000"#)
        try await bench.pass(.milliseconds(1_000))
        try await bench.reported(2)
        await bench.agent.drain(reason: "scale-down")
        try await bench.pass(.seconds(30))
        #expect(await life.value == .stopped("turns outlasted the drain of 30 s"))
        #expect(
            bench.link.described.suffix(2) == [
                #"actor.crashed a1 {"reason":"turns outlasted the drain of 30 s"}"#,
                #"worker.gone ns/w1 {"reason":"turns outlasted the drain of 30 s"}"#,
            ])
    }

    @Test func `a stopped worker breaks off and reports every actor it holds`() async throws {
        let bench = Bench(slots: 1)
        let life = bench.start()
        try await bench.registered()
        bench.link.place("a1")
        bench.link.place("a2")
        try await eventually("both are held") { await bench.agent.ledger.held.count == 2 }
        await bench.agent.stop(reason: "SIGTERM while draining")
        #expect(await life.value == .stopped("SIGTERM while draining"))
        #expect(bench.link.reports.map(\.kind) == [.workerReady, .actorCrashed, .actorCrashed, .workerGone])
    }

    @Test func `a stopped worker doesn't wait for a service that is away`() async throws {
        let bench = Bench()
        let life = bench.start()
        try await bench.registered()
        bench.link.failNext(.unavailable("gone"))
        await bench.agent.stop(reason: "the service that started it ended")
        #expect(await life.value == .unreachable("the service that started it ended, and the service didn't take the report"))
    }

    @Test func `a worker that isn't registered yet and is told to go doesn't wait for a service that is away`() async throws {
        let bench = Bench()
        for _ in 0..<20 { bench.link.failNext(.unavailable("away")) }
        let life = bench.start()
        try await bench.pass(.milliseconds(100))
        await bench.agent.drain(reason: "SIGTERM")
        try await bench.pass(.seconds(2))
        #expect(await life.value == .unreachable("SIGTERM, and the service didn't take the report"))
    }

    @Test func `a registered worker without a turn that is told to go doesn't wait for a service that is away`() async throws {
        let bench = Bench()
        let life = bench.start()
        try await bench.registered()
        for _ in 0..<20 { bench.link.failNext(.unavailable("away")) }
        await bench.agent.drain(reason: "SIGTERM")
        try await eventually("it tries again") { bench.clock.waits.contains(.milliseconds(100)) }
        try await bench.pass(.seconds(2))
        #expect(await life.value == .unreachable("SIGTERM, and the service didn't take the report"))
    }

    @Test func `a turn's report is waited for, also while the service is away`() async throws {
        let bench = Bench()
        let life = bench.start()
        try await bench.registered()
        bench.link.place("a1", data: #""expectedMillis":50"#)
        try await bench.pass(.milliseconds(1_000))
        try await bench.reported(2)
        for _ in 0..<6 { bench.link.failNext(.unavailable("away")) }
        await bench.agent.drain(reason: "SIGTERM")
        // Others may wait as long as the turn does.
        try await eventually("the turn is over") {
            bench.clock.advance(.milliseconds(50))
            return bench.clock.waits.contains(.seconds(2))
        }
        // Past the farewell's limit: the worker is still there, and trying.
        bench.clock.advance(.seconds(2))
        try await eventually("the turn is reported") {
            bench.clock.advance(.seconds(1))
            return bench.link.reports.contains { $0.kind == .actorSuspended }
        }
        try await eventually("it goes") {
            bench.clock.advance(.milliseconds(200))
            return bench.link.reports.contains { $0.kind == .workerGone }
        }
        #expect(await life.value == .drained)
    }

    @Test func `one that is registered in the meantime drains as ever`() async throws {
        let bench = Bench()
        bench.link.failNext(.unavailable("a"))
        let life = bench.start()
        try await eventually("it waits to try again") { bench.clock.waits.contains(.milliseconds(100)) }
        await bench.agent.drain(reason: "SIGTERM")
        try await eventually("it gives the service a moment") { bench.clock.waits.contains(.seconds(2)) }
        try await bench.pass(.milliseconds(100))
        try await bench.pass(.milliseconds(200))
        #expect(await life.value == .drained)
        #expect(bench.link.reports.map(\.kind) == [.workerReady, .workerDraining, .workerGone])
    }

    @Test func `a placement beyond slots and queue is refused`() async throws {
        var limits = WorkerConfiguration.Limits()
        limits.queuedPlacements = 1
        let bench = Bench(limits: limits)
        let life = bench.start()
        try await bench.registered()
        for actor in ["a1", "a2", "a3"] { bench.link.place(actor) }
        try await bench.reported(2)
        #expect(bench.link.described.last == #"actor.crashed a3 {"reason":"the worker has no free slot"}"#)
        await bench.agent.stop(reason: "test")
        _ = await life.value
    }

    @Test func `ids rise, also over a restart under the same name`() async throws {
        var first = WorkerEvents(worker: "w1", startedAt: LogTime(microseconds: 5_000_000))
        var second = WorkerEvents(worker: "w1", startedAt: LogTime(microseconds: 6_000_000))
        var ids: [Int64] = []
        for _ in 0..<3 { ids.append(id(of: first.draining(reason: "r", at: .zero))) }
        for _ in 0..<3 { ids.append(id(of: second.draining(reason: "r", at: .zero))) }
        #expect(ids == ids.sorted() && Set(ids).count == 6)
    }

    private func id(of batch: EventBatch) -> Int64 { Int64(batch.text(batch.events[0].id)) ?? -1 }
}
