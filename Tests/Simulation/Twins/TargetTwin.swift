import Basics
package import ControlLoop
package import Domain

// What does a target do that runs workers, and what goes wrong with it?
//
// A Deployment with safe scale-down, told in a few lines: it keeps `spec` workers beside those that are marked to go, starts
// what is missing, and ends a marked worker when it is told to, unless that holds an actor. Its watch tells the log of each
// worker that came or went and of the replicas; what it missed while the service was down it tells when that is back.
// Always: a worker of a name and uid lives once.

package enum TargetMode: String, Hashable, Sendable, CaseIterable {
    case works, refuses, unreachable, answersLost, hangs
}

/// How a watch of a target ends, as API servers end it.
package enum WatchFault: String, Hashable, Sendable, CaseIterable {
    /// The connection is cut; it goes on from where it was.
    case cut
    /// 410: what was between is gone, and all is listed anew.
    case expired
    /// 429 with `Retry-After`, then on from where it was, if that is still kept.
    case throttled
    /// 5xx again and again, then on from where it was, if that is still kept.
    case fails
}

package final class TargetTwin: @unchecked Sendable {
    // Used on the simulation's own thread alone.
    package struct Worker {
        package var name: String
        package var uid: String
        package var slots: Int
        package var isReady = false
        package var isMarked = false
        /// It said itself that it drains, and takes that back itself.
        package var saidDraining = false
    }

    package let pool: String
    private let time: TimeTwin
    private let senders: Senders
    private var draws: SplitMix64
    package private(set) var spec = 0
    package private(set) var workers: [Worker] = []
    private var lastSet: Int?
    private var toldSpec: (spec: Int, ready: Int)?
    private var told: [String: String] = [:]
    /// While the watch is down: what it would have heard, as far back as the server keeps it.
    private var missed: [Missed]?
    private var watch = 0
    package private(set) var lostWatches = 0
    package private(set) var fence: UInt64 = 0
    private var made = 0
    private var life = 0
    /// Actors that truly run, by worker.
    package var truth: [String: Set<String>] = [:]

    package var mode = TargetMode.works
    package var startMilliseconds: Int64 = 2_000
    /// So many workers to come never will.
    package var lostStarts = 0
    package var isWatched = false
    /// A canary: starts nothing, whatever it is told.
    package var isStuck = false
    /// A canary: obeys whoever calls.
    package var ignoresFences = false
    package private(set) var calls: [(at: LogTime, call: ActuatorCall.Action, fence: UInt64, highest: UInt64, worked: Bool)] = []

    private static let mostWorkers = 64
    /// Changes that the server keeps for those who watch from earlier on.
    private static let keptChanges = 6

    private enum Missed {
        case ready(Worker)
        case gone(String, String)
    }

    package init(pool: String, time: TimeTwin, senders: Senders, seed: UInt64) {
        self.pool = pool
        self.time = time
        self.senders = senders
        draws = SplitMix64(seed: seed)
    }

    private var source: String { "/watch/\(pool)" }
    package var prefix: String { pool.replacing("/", with: "-") }
    private var alive: Int { workers.count { !$0.isMarked } }
    package func isBusy(_ worker: String) -> Bool { !(truth[worker] ?? []).isEmpty }
    package func isThere(_ worker: String) -> Bool { workers.contains { $0.name == worker && $0.isReady } }

    // MARK: - Calls

    package func start(_ call: ActuatorCall, done: @escaping @Sendable (ActuatorResponse) -> Void) {
        // Whatever is wanted of it arrives a little later, and the answer later still.
        let life = life
        let delay: Int64 = mode == .hangs ? 20_000_000 : Int64.random(in: 1_000...40_000, using: &draws)
        time.after(microseconds: delay) { [weak self] in
            guard let self else { return }
            let response: ActuatorResponse = life == self.life ? perform(call) : .failure(.unreachable("the target was deleted"))
            time.after(microseconds: 1_000) { done(response) }
        }
    }

    private func perform(_ call: ActuatorCall) -> ActuatorResponse {
        switch mode {
        case .refuses: return note(call, .failure(.refused("403 simulated")))
        case .unreachable: return note(call, .failure(.unreachable("connection refused, simulated")))
        case .hangs: return note(call, .failure(.unreachable("no answer within 20 s, simulated")))
        case .works, .answersLost: break
        }
        guard call.fence.number >= fence || ignoresFences else { return note(call, .failure(.fenced(current: Fence(fence)))) }
        let response = note(call, carryOut(call))
        return mode == .answersLost ? .failure(.unreachable("connection reset, simulated")) : response
    }

    private func note(_ call: ActuatorCall, _ response: ActuatorResponse) -> ActuatorResponse {
        let highest = fence
        let worked = if case .success = response { true } else { false }
        if worked { fence = max(fence, call.fence.number) }
        calls.append((time.now, call.action, call.fence.number, highest, worked))
        return response
    }

    private func carryOut(_ call: ActuatorCall) -> ActuatorResponse {
        switch call.action {
        case .resize(let to):
            if let lastSet, spec != lastSet, call.pool.foreignChange == .yield { return .failure(.changedByOthers(found: spec)) }
            lastSet = to
            spec = to
            start(slots: call.pool.slotsPerWorker)
            tell()
            return .success(true)
        case .drain(let worker):
            let name = worker.name
            guard let index = place(of: worker) else { return .success(true) }
            if !workers[index].isMarked {
                workers[index].isMarked = true
                if Bool.random(using: &draws) {
                    workers[index].saidDraining = true
                    senders.send(.workerDraining, name, from: "/workers/\(name)", #"{"reason":"told to"}"#)
                }
            }
            return .success(true)
        case .cancelDrain(let worker):
            let name = worker.name
            guard let index = place(of: worker) else { return .success(false) }
            workers[index].isMarked = false
            if workers[index].saidDraining {
                workers[index].saidDraining = false
                senders.send(.workerReady, name, from: "/workers/\(name)", body(of: workers[index]))
            }
            return .success(true)
        case .remove(let worker):
            let name = worker.name
            guard let index = place(of: worker) else { return .success(true) }
            guard !isBusy(name) else { return .failure(.holdsActor(worker: name)) }
            // The replicas are set by what is wanted at each removal, whoever set them since.
            if let lastSet, spec != lastSet {
                guard call.pool.foreignChange != .yield else { return .failure(.changedByOthers(found: spec)) }
                spec = lastSet
            }
            workers.remove(at: index)
            gone(name, "drained")
            // Others may have been unmarked, or this one by a call whose answer was lost: what is missing is started.
            start(slots: call.pool.slotsPerWorker)
            tell()
            return .success(true)
        }
    }

    private func place(of worker: WorkerIdentity) -> Int? { workers.firstIndex { $0.name == worker.name && worker.mayBe($0.uid) } }

    // MARK: - Workers

    private func start(slots: Int) {
        while alive < min(spec, Self.mostWorkers), !isStuck {
            made += 1
            let name = "\(prefix)-\(made)"
            workers.append(Worker(name: name, uid: "u\(made)", slots: slots))
            guard lostStarts == 0 else {
                lostStarts -= 1
                continue
            }
            come(name, after: startMilliseconds)
        }
    }

    private func come(_ name: String, after milliseconds: Int64) {
        time.after(microseconds: milliseconds * 1_000) { [weak self] in
            guard let self, let index = workers.firstIndex(where: { $0.name == name && !$0.isReady }) else { return }
            workers[index].isReady = true
            ready(workers[index])
            tell()
        }
    }

    private func body(of worker: Worker) -> String {
        #"{"pool":"\#(pool)","node":"n\#((Int(worker.uid.dropFirst()) ?? 0) % 3)","slots":\#(worker.slots),"labels":{"kind":"k"},"uid":"\#(worker.uid)"}"#
    }

    private func ready(_ worker: Worker) {
        guard isWatched else { return }
        guard missed == nil else {
            missed?.append(.ready(worker))
            return
        }
        told[worker.name] = worker.uid
        senders.send(.workerReady, worker.name, from: source, body(of: worker))
    }

    private func gone(_ name: String, _ reason: String) {
        truth[name] = nil
        guard isWatched else { return }
        guard missed == nil else {
            missed?.append(.gone(name, reason))
            return
        }
        sayGone(name, reason)
    }

    private func sayGone(_ name: String, _ reason: String) {
        guard let uid = told.removeValue(forKey: name) else { return }
        senders.send(.workerGone, name, from: source, #"{"reason":"\#(reason)","uid":"\#(uid)"}"#)
    }

    /// What the target shows of its replicas, where it is something new.
    private func tell() {
        guard isWatched, missed == nil else { return }
        let shown = (spec: spec + workers.count { $0.isMarked }, ready: workers.count { $0.isReady })
        guard toldSpec.map({ $0 != shown }) ?? true else { return }
        toldSpec = shown
        senders.send(
            .poolObserved, pool, from: source, #"{"pool":"\#(pool)","specReplicas":\#(shown.spec),"readyReplicas":\#(shown.ready)}"#)
    }

    // MARK: - What happens to it

    /// The service watches it, from now on; a watch begins with all that is there, and with what the log believes and isn't.
    package func beginWatch(believed: [(name: String, uid: String)]) {
        isWatched = true
        watch += 1
        missed = nil
        told = [:]
        for (name, uid) in believed where !workers.contains(where: { $0.name == name && $0.uid == uid && $0.isReady }) {
            let member = uid.isEmpty ? "" : #","uid":"\#(uid)""#
            senders.send(.workerGone, name, from: source, #"{"reason":"gone while nobody watched"\#(member)}"#)
        }
        for worker in workers where worker.isReady { ready(worker) }
        toldSpec = nil
        tell()
    }

    package func endWatch() { isWatched = false }

    /// The watch is lost, and there again after so long.
    package func loseWatch(_ fault: WatchFault, microseconds: Int64) {
        guard isWatched, missed == nil else { return }
        lostWatches += 1
        missed = []
        let watch = watch
        time.after(microseconds: microseconds) { [weak self] in
            guard let self, self.watch == watch else { return }
            resumeWatch(fault)
        }
    }

    private func resumeWatch(_ fault: WatchFault) {
        guard let changes = missed else { return }
        missed = nil
        if fault != .expired, changes.count <= Self.keptChanges {
            for change in changes {
                switch change {
                case .ready(let worker): ready(worker)
                case .gone(let name, let reason): sayGone(name, reason)
                }
            }
        } else {
            // All is listed: what isn't among it is gone, and who is another one too.
            for (name, uid) in told.sorted(by: { $0.key < $1.key }) where !workers.contains(where: { $0.name == name && $0.uid == uid }) {
                sayGone(name, "its pod was deleted")
            }
            for worker in workers where worker.isReady && told[worker.name] != worker.uid { ready(worker) }
        }
        tell()
    }

    package func kill(_ number: Int, told isTold: Bool) {
        guard let index = choose(number) else { return }
        let name = workers[index].name
        workers.remove(at: index)
        truth[name] = nil
        if isTold {
            gone(name, "killed")
        } else {
            // Its node is gone with it: that is found out later.
            time.after(microseconds: 30_000_000) { [weak self] in self?.gone(name, "lost") }
        }
        replace(after: 5_000)
    }

    /// As a StatefulSet's pod: another one under the same name.
    package func returnUnderSameName(_ number: Int) {
        guard let index = choose(number) else { return }
        made += 1
        workers[index].uid = "u\(made)"
        workers[index].isReady = false
        workers[index].isMarked = false
        workers[index].saidDraining = false
        truth[workers[index].name] = nil
        come(workers[index].name, after: startMilliseconds)
    }

    /// Somebody takes a worker that lies ready, and it leaves; answers which.
    package func take() -> String? {
        guard let index = workers.firstIndex(where: { $0.isReady && !$0.isMarked && !isBusy($0.name) }) else { return nil }
        let name = workers.remove(at: index).name
        gone(name, "claimed")
        replace(after: 500)
        return name
    }

    package func setByOthers(_ count: Int) {
        spec = count
        // It doesn't know who is busy.
        while alive > count, let index = workers.firstIndex(where: { !$0.isMarked }) {
            let name = workers[index].name
            workers.remove(at: index)
            gone(name, "scaled down by others")
        }
        start(slots: 1)
        tell()
    }

    /// Another instance, with a higher fence, has acted on it.
    package func actsAnother(fence: UInt64) { self.fence = max(self.fence, fence) }

    /// Deleted, and made anew: nothing that was under way is answered.
    package func recreate() {
        life += 1
        let names = workers.map(\.name)
        workers = []
        for name in names { gone(name, "the target was deleted") }
        spec = 0
        lastSet = nil
        // It is another object, whatever the one before it showed.
        toldSpec = nil
        tell()
    }

    /// What never came is noticed at last, and made anew.
    package func heal() {
        mode = .works
        lostStarts = 0
        startMilliseconds = 2_000
        resumeWatch(.expired)
        for worker in workers where !worker.isReady { come(worker.name, after: startMilliseconds) }
        replace(after: 0)
    }

    private func choose(_ number: Int) -> Int? { workers.isEmpty ? nil : number % workers.count }

    private func replace(after milliseconds: Int64) {
        time.after(microseconds: milliseconds * 1_000) { [weak self] in self?.start(slots: 1) }
    }
}

/// Hands calls to the target of their pool.
package final class TargetsPort: ActuatorPort, @unchecked Sendable {
    // Used on the simulation's own thread alone.
    private let target: (String) -> TargetTwin?
    package init(_ target: @escaping (String) -> TargetTwin?) { self.target = target }

    package func start(_ call: ActuatorCall, done: @escaping @Sendable (ActuatorResponse) -> Void) {
        guard let target = target(call.pool.name) else { return done(.failure(.refused("no such target"))) }
        target.start(call, done: done)
    }
}
