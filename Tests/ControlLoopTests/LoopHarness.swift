import Autoscaling
import Domain
import Foundation
import Replay
import Testing

@testable import ControlLoop
@testable import Views
@testable import State
@testable import EventLog

// A loop on virtual time over a real log: what a timeline is written against.
//
// Scaling is answered by a twin of a process pool: workers become ready `startSeconds` after they were asked for, drained
// ones are gone at once when idle. Everything happens inside `advance`, in one order.

final class LoopHarness: @unchecked Sendable {
    // Used by one test at a time, on its own thread.
    let scheduler: VirtualScheduler
    let log: EventLog
    private(set) var core: LoopCore
    let folder: URL
    private var workersMade = 0
    private var eventIDs = 0
    var startSeconds = 2.0
    /// The name of the n-th worker, from 1.
    var namesWorker: (Int) -> String = { "w\($0)" }
    /// By which policies are applied.
    var rules = DecisionRules.current.rawValue
    private(set) var rescales: [LoopCore.Rescale] = []
    private(set) var drainCommands: [String] = []
    private(set) var removals: [String] = []
    private(set) var releases: [String] = []
    /// As on Kubernetes: a drained worker stays until it is removed, and its replica with it.
    var keepsDrained = false
    var ignoresRemovals = false
    /// What is asked back, and how the target answers that: at once, yes where the worker hasn't been removed.
    private(set) var uncordons: [String] = []
    var refusesUncordons = false
    /// Like every target, it has an end: the rest isn't made.
    private static let mostWorkers = 1_000
    var answersUncordons = true
    /// As a target that asks before it takes: what was removed though it was busy, by the log.
    var isBusyOracle = false
    private(set) var removedBusy: [String] = []
    private var left: Set<String> = []
    private var population: [String: Int] = [:]
    /// Of those, told to go and still there: they count as gone already.
    private var marked: [String: Set<String>] = [:]

    static let start = LogTime(rfc3339: "2026-11-21T08:00:00Z") ?? .zero

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-loop-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        scheduler = VirtualScheduler(now: Self.start)
        var configuration = EventLog.Configuration(path: folder.appendingPathComponent("greenroom.db").path)
        configuration.writer = .inline
        configuration.durability = .off
        configuration.clock = { [scheduler] in scheduler.now }
        log = try EventLog.open(configuration)
        core = LoopCore(log: log, scheduler: scheduler, observer: SilentObserver(), limits: LoopLimits())
        subscribe()
        let scheduler = scheduler
        log.onCommit { [weak self] _ in
            scheduler.perform { [weak self] in self?.core.catchUp() }
        }
        goLive()
    }

    deinit {
        log.close()
        try? FileManager.default.removeItem(at: folder)
    }

    private func goLive() {
        let core = core
        scheduler.perform { core.goLive() }
        scheduler.runUntilIdle()
    }

    /// The service stops and starts again on the same log: nothing but the log survives.
    func restart() {
        core = LoopCore(log: log, scheduler: scheduler, observer: SilentObserver(), limits: LoopLimits())
        subscribe()
        goLive()
    }

    private func subscribe() {
        core.follow = { [unowned self] order in
            switch order {
            case .rescale(let rescale): resize(rescale)
            case .drain(let command): carryOut(command)
            case .release(let pool): releases.append(pool)
            }
        }
    }

    // MARK: - The twin of a process pool

    private func resize(_ rescale: LoopCore.Rescale) {
        rescales.append(rescale)
        for worker in rescale.uncordoning { uncordon(worker.worker.name, of: rescale.pool.name) }
        let pool = rescale.pool.name
        while population[pool, default: 0] - (marked[pool]?.count ?? 0) < min(rescale.to, Self.mostWorkers) {
            population[pool, default: 0] += 1
            workersMade += 1
            let name = namesWorker(workersMade)
            _ = scheduler.perform(at: scheduler.now.adding(microseconds: Int64(startSeconds * 1e6))) { [weak self] in
                self?.send(.workerReady, name, #"{"pool":"\#(pool)","node":"n1","slots":\#(rescale.pool.slotsPerWorker)}"#)
            }
        }
    }

    private func carryOut(_ command: LoopCore.DrainCommand) {
        let worker = command.worker.name
        switch command.step {
        case .remove: removals.append(worker)
        case .drain:
            drainCommands.append(worker)
            if keepsDrained { marked[command.pool.name, default: []].insert(worker) }
        case .uncordon: return uncordon(worker, of: command.pool.name)
        }
        if isBusyOracle, command.step == .remove, isBusy(worker) { removedBusy.append(worker) }
        guard command.step == (keepsDrained ? .remove : .drain), !ignoresRemovals else { return }
        // Told again after a restart: it is on its way already.
        guard left.insert(worker).inserted else { return }
        // Workers that a test made known itself were never counted.
        population[command.pool.name] = max(0, population[command.pool.name, default: 1] - 1)
        marked[command.pool.name]?.remove(worker)
        _ = scheduler.perform(at: scheduler.now.adding(microseconds: 10_000)) { [weak self] in
            self?.send(.workerGone, worker, #"{"reason":"drained"}"#)
        }
    }

    private func uncordon(_ worker: String, of pool: String) {
        uncordons.append(worker)
        guard answersUncordons else { return }
        let isUncordoned = !refusesUncordons && !left.contains(worker)
        if isUncordoned { marked[pool]?.remove(worker) }
        scheduler.perform { [weak self] in self?.core.uncordonAnswered(WorkerIdentity(worker), isUncordoned: isUncordoned) }
    }

    private func isBusy(_ worker: String) -> Bool {
        guard let index = log.names.find(worker).flatMap({ state.workers.find($0) }) else { return false }
        return state.workers[index].used > 0
    }

    // MARK: - Events

    func send(_ kind: EventKind, _ subject: String, _ data: String = "{}") {
        eventIDs += 1
        let json =
            #"{"specversion":"1.0","type":"dev.greenroom.\#(kind.name)","source":"/test","id":"\#(eventIDs)","subject":"\#(subject)","data":\#(data)}"#
        var reader = CloudEventReader()
        let fault: EventFault? = Array(json.utf8).withUnsafeBufferPointer { bytes -> EventFault? in
            do throws(EventFault) { try reader.readEvent(bytes) } catch { return error }
            return nil
        }
        if let fault { Issue.record("a test sent a bad event: \(fault)") }
        log.append(reader.takeBatch()) { result in
            if case .failure(let error) = result { Issue.record("the log refused: \(error)") }
        }
    }

    /// An event as a log from before may hold it: past the reader, in the pool `ns/p` where the kind has one.
    func append(_ kind: EventKind, _ subject: String, worker: String? = nil, _ body: String) {
        eventIDs += 1
        var batch = EventBatch()
        batch.append(
            kind, source: "/test", id: "\(eventIDs)", subject: subject, pool: kind.carriesPool ? "ns/p" : nil, worker: worker,
            body: Array(body.utf8))
        log.append(batch) { result in
            if case .failure(let error) = result { Issue.record("the log refused: \(error)") }
        }
    }

    /// What the survey of object storage appends: one of our own events, so no client may send it.
    func observe(_ subject: String, _ body: String) {
        eventIDs += 1
        var batch = EventBatch()
        batch.append(.snapshotObserved, source: "/test/store", id: "\(eventIDs)", subject: subject, body: Array(body.utf8))
        log.append(batch) { result in
            if case .failure(let error) = result { Issue.record("the log refused: \(error)") }
        }
        settle()
    }

    func request(_ actor: String, pool: String = "ns/p") { send(.actorRequested, actor, #"{"pool":"\#(pool)"}"#) }

    /// Runs a turn on whatever worker the actor was placed, and suspends it.
    func run(_ actor: String, seconds: Double) {
        guard let worker = view(of: actor)?.worker else {
            Issue.record("\(actor) isn't placed")
            return
        }
        send(.actorRunning, actor, #"{"worker":"\#(worker)"}"#)
        _ = scheduler.perform(at: scheduler.now.adding(microseconds: Int64(seconds * 1e6))) { [weak self] in
            self?.send(.actorSuspended, actor, #"{"worker":"\#(worker)","snapshot":"s3://b/\#(actor)"}"#)
        }
    }

    /// All in one commit.
    func apply(_ policies: Policy...) {
        var batch = EventBatch()
        for policy in policies {
            var canonical = JSONWriter()
            policy.appendCanonicalJSON(to: &canonical)
            let shadow = policy.shadow.map { #","shadow":"\#($0)""# } ?? ""
            let body =
                Array(#"{"policy":"#.utf8) + canonical.bytes
                + Array(#","digest":"\#(Digest.sha256Hex(canonical.bytes))"\#(shadow),"rules":\#(rules)}"#.utf8)
            append(.policyApplied, policy.pool, body, to: &batch)
        }
        log.append(batch) { _ in }
        settle()
    }

    /// The same policy from here on under the rules of this version.
    func renew(_ policy: Policy, of seq: Position) {
        ours(.policyApplied, policy.pool, String(decoding: ControlLoop.body(of: policy, renewing: seq), as: UTF8.self))
        settle()
    }

    func removePolicy(of pool: String = "ns/p", shadow: String? = nil) {
        var batch = EventBatch()
        let member = shadow.map { #"{"shadow":"\#($0)","# } ?? "{"
        append(.policyApplied, pool, Array(#"\#(member)"policy":{},"digest":""}"#.utf8), to: &batch)
        log.append(batch) { _ in }
        settle()
    }

    /// One of our own events about a pool.
    func ours(_ kind: EventKind, _ pool: String, _ body: String) {
        var batch = EventBatch()
        append(kind, pool, Array(body.utf8), to: &batch)
        log.append(batch) { _ in }
    }

    /// How many decisions of the log come out the same; a difference is recorded.
    func verified() throws -> Int {
        var verifier = DecisionVerifier(log: log)
        let report = try verifier.verify()
        if let difference = report.first { Issue.record("\(difference)") }
        return Int(report.checked)
    }

    private func append(_ kind: EventKind, _ pool: String, _ body: [UInt8], to batch: inout EventBatch) {
        eventIDs += 1
        batch.append(kind, source: "/greenroom", id: "test-\(eventIDs)", subject: pool, pool: pool, body: body)
    }

    func settle() { scheduler.runUntilIdle() }
    func advance(_ seconds: Double) { scheduler.advance(seconds: seconds) }

    // MARK: - What is there

    var state: State { core.state }
    func view(of actor: String) -> ActorView? { state.actorView(named: actor, log: log, at: scheduler.now) }

    var pool: PoolView {
        get throws {
            let index = try #require(state.find(pool: "ns/p", names: log.names))
            return state.poolView(index, names: log.names, at: scheduler.now)
        }
    }

    func events(_ kind: EventKind) throws -> [(event: CommittedEvent, body: String)] {
        try log.read(after: 0, limitEvents: 1_000_000).flatMap { batch in
            batch.events.filter { $0.kind == kind }.map { ($0, batch.text($0.body)) }
        }
    }
}

extension Policy {
    /// One actor a worker, quick to grow, quick to shrink.
    static func quick(max: Int = 10, min: Int = 0, cooldownSeconds: Int = 30) -> Policy {
        var policy = Policy(pool: "ns/p", target: ScaleTarget(apiVersion: "greenroom.dev/v1", kind: "Process", name: "p"))
        policy.minReplicaCount = min
        policy.maxReplicaCount = max
        policy.cooldownPeriodSeconds = cooldownSeconds
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
        policy.behaviorGiven = true
        policy.behavior = Behavior(
            scaleUp: .init(stabilizationWindowSeconds: 0, limits: [.init(kind: .pods, value: 100, periodSeconds: 1)], tolerancePPM: 0),
            scaleDown: .init(stabilizationWindowSeconds: 10, limits: [.init(kind: .pods, value: 100, periodSeconds: 1)], tolerancePPM: 0))
        return policy
    }
}
