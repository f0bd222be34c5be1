import Autoscaling
import Domain
import EventLog
import Foundation
import Replay
import Testing

@testable import ControlLoop
@testable import Simulation

// A log that the loop wrote itself on virtual time, about a pool whose target does what was decided.
//
// Of a pool of unclaimed workers a test says when claims come. The controller here serves them as Agent Sandbox' does. A claim gets a ready
// member at once, and another is made in its place. Where members are starting it waits for two seconds, and then a worker is made for it;
// where there is none, at once. Of any other pool a test says what its pods report. All of an instant is one commit.

final class RecordedLoop: @unchecked Sendable {
    // Used by one test at a time, on its own thread.
    private let hand: HandWrittenLog.Folder
    private let scheduler = VirtualScheduler(now: HandWrittenLog.start)
    let log: EventLog
    private let core: LoopCore
    private let startMicroseconds: Int64
    private let isUnclaimed: Bool

    private typealias Happening = (kind: EventKind, subject: String, worker: String?, body: String)

    private var ids = 0
    private var made = 0
    private var desired = 0
    private var starting: [(name: String, readyAt: LogTime)] = []
    private var ready: [String] = []
    private var waiting: [(name: String, until: LogTime)] = []
    private var coldReady: [(name: String, readyAt: LogTime)] = []

    init(_ policy: Policy, startSeconds: Double) throws {
        hand = try HandWrittenLog.Folder()
        startMicroseconds = Int64(startSeconds * 1e6)
        isUnclaimed = policy.isUnclaimed
        var configuration = EventLog.Configuration(path: hand.database)
        configuration.writer = .inline
        configuration.durability = .off
        configuration.clock = { [scheduler] in scheduler.now }
        log = try EventLog.open(configuration)
        core = LoopCore(log: log, scheduler: scheduler, observer: SilentObserver(), limits: LoopLimits())
        core.follow = { [unowned self] order in
            switch order {
            case .rescale(let rescale): resize(rescale.to)
            case .drain(let command) where command.step == .drain: drain(command.worker.name)
            default: break
            }
        }
        let (core, scheduler) = (core, scheduler)
        log.onCommit { [core, scheduler] _ in scheduler.perform { core.catchUp() } }
        scheduler.perform { core.goLive() }
        scheduler.runUntilIdle()
        append([(.policyApplied, policy.pool, nil, String(decoding: ControlLoop.body(of: policy), as: UTF8.self))])
        scheduler.runUntilIdle()
    }

    deinit { log.close() }

    private func append(_ events: [Happening]) {
        guard !events.isEmpty else { return }
        var batch = EventBatch()
        for event in events {
            ids += 1
            batch.append(
                event.kind, source: event.kind == .policyApplied ? Outputs.source : "/test", id: "\(ids)", subject: event.subject,
                pool: event.kind.carriesPool ? HandWrittenLog.pool : nil, worker: event.worker, body: Array(event.body.utf8))
        }
        log.append(batch) { result in if case .failure(let error) = result { Issue.record(error) } }
    }

    // MARK: - The target

    private func resize(_ count: Int) {
        desired = count
        refill()
        guard isUnclaimed else { return }
        while starting.count + ready.count > desired {
            if starting.popLast() == nil, let last = ready.popLast() { leave(last) }
        }
    }

    private func leave(_ worker: String) {
        scheduler.perform { [weak self] in self?.append([(.workerGone, worker, nil, #"{"reason":"scale-down"}"#)]) }
    }

    private func refill() {
        while starting.count + ready.count < desired {
            made += 1
            starting.append(("w\(made)", scheduler.now.adding(microseconds: startMicroseconds)))
        }
    }

    private func drain(_ worker: String) {
        ready.removeAll { $0 == worker }
        leave(worker)
    }

    // MARK: - Running

    /// What happens by itself next.
    private var next: LogTime? {
        [starting.map(\.readyAt).min(), waiting.map(\.until).min(), coldReady.map(\.readyAt).min()].compactMap { $0 }.min()
    }

    /// Runs until `seconds` after the start; then does what `events` says in the same commit as what happens by itself.
    func at(_ seconds: Double, claims: [String] = [], reports: [(worker: String, tasks: Int)] = []) {
        let end = HandWrittenLog.start.adding(microseconds: Int64((seconds * 1e6).rounded()))
        while let due = next, due < end { step(to: due, claims: [], reports: []) }
        step(to: end, claims: claims, reports: reports)
    }

    private func step(to now: LogTime, claims: [String], reports: [(worker: String, tasks: Int)]) {
        // The loop's own timers may change what there is until then.
        scheduler.advance(to: now)
        var events: [Happening] = []
        for member in starting where member.readyAt <= now {
            starting.removeAll { $0.name == member.name }
            events.append(
                (.workerReady, member.name, nil, #"{"node":"n1","slots":1,"startMillis":\#(startMicroseconds / 1_000)}"#))
            if waiting.isEmpty { ready.append(member.name) } else { serve(waiting.removeFirst().name, member.name, &events) }
        }
        for claim in waiting where claim.until <= now {
            waiting.removeAll { $0.name == claim.name }
            goCold(claim.name, now, &events)
        }
        for claim in coldReady where claim.readyAt <= now {
            coldReady.removeAll { $0.name == claim.name }
            events.append((.actorRunning, claim.name, claim.name, #"{"launch":"cold"}"#))
        }
        for claim in claims {
            events.append((.actorRequested, claim, nil, "{}"))
            if !ready.isEmpty {
                serve(claim, ready.removeFirst(), &events)
            } else if starting.isEmpty {
                goCold(claim, now, &events)
            } else {
                let second = now.microseconds / 1_000_000 * 1_000_000
                waiting.append((claim, max(now, LogTime(microseconds: second + 2_000_000))))
            }
        }
        for report in reports {
            let state = report.tasks > 0 ? "busy" : "idle"
            events.append((.workerObserved, report.worker, nil, #"{"state":"\#(state)","busy":\#(report.tasks),"from":"http :8080/busy"}"#))
        }
        append(events)
        scheduler.runUntilIdle()
    }

    private func serve(_ claim: String, _ member: String, _ events: inout [Happening]) {
        events.append((.workerDraining, member, nil, #"{"reason":"claimed by \#(claim)"}"#))
        events.append((.actorRunning, claim, member, #"{"launch":"warm"}"#))
        refill()
    }

    private func goCold(_ claim: String, _ now: LogTime, _ events: inout [Happening]) {
        events.append((.actorRequested, claim, nil, #"{"launch":"cold","reason":"pool_empty"}"#))
        coldReady.append((claim, now.adding(microseconds: startMicroseconds)))
    }

    /// What `replay --policy` reads of it.
    func history() throws -> PoolHistory {
        var reader = HistoryReader(log: log, stretch: try #require(try LogStretch(of: log)))
        while try reader.step() {}
        return try #require(reader.finish().first)
    }
}
