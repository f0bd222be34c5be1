import ControlLoop
package import Domain

// What do agents do?
//
// Each asks for a worker, runs where the log says that it was placed, and ends its turn. It believes the log: where that says
// that its worker is gone, it asks again. Of what they say, everything gets in; whoever lies is no agent, see `Step.lie`.
// Always: an agent runs on one worker at a time, and `truth` of the targets says on which.

package enum Ending: String, Hashable, Sendable, CaseIterable {
    case suspended, paused, crashed, deleted, idleFirst
}

package final class Agents: @unchecked Sendable {
    // Used on the simulation's own thread alone.
    package struct Turn {
        package var pool: String
        package var milliseconds: Int64
        package var ending: Ending
        /// Rises with each turn: what was planned for an earlier one is forgotten.
        var number: Int
        /// By when it needs a worker.
        package var deadline: LogTime?
        /// A caller asks in its place.
        var isCalled = false
        var worker: String?
        var seq: Position = 0
    }

    private let time: TimeTwin
    private let senders: Senders
    private let target: (String) -> TargetTwin?
    private let leased: LeasedWorkers
    package private(set) var turns: [String: Turn] = [:]
    private var number = 0
    package var restoreMilliseconds: Int64 = 150
    /// Of actors, in turn; some have none.
    package static let tenants: [String?] = ["t0", "t1", nil]
    /// Hears of each snapshot that is written to object storage.
    package var wrote: (_ uri: String, _ bytes: Int64) -> Void = { _, _ in }

    package init(time: TimeTwin, senders: Senders, leased: LeasedWorkers, target: @escaping (String) -> TargetTwin?) {
        self.leased = leased
        self.time = time
        self.senders = senders
        self.target = target
    }

    private func source(_ actor: String) -> String { "/agents/\(actor)" }

    /// - Parameters:
    ///   - known: how the log has it. Most of those that it doesn't know say who they are first; some just ask.
    ///   - deadline: by when it needs a worker, where that is said.
    ///   - isCalled: somebody else asks for it.
    package func begin(
        _ actor: String, pool: String, milliseconds: Int64, ending: Ending, known: ActorState?, deadline: LogTime? = nil,
        isCalled: Bool = false
    ) {
        guard turns[actor] == nil else { return }
        number += 1
        turns[actor] = Turn(
            pool: pool, milliseconds: milliseconds, ending: ending, number: number, deadline: deadline, isCalled: isCalled)
        guard !isCalled else { return }
        if known == .deleted || (known == nil && Self.number(actor) % 4 != 3) { create(actor) }
        request(actor)
    }

    /// Somebody starts it on a worker, without asking.
    package func beginUnasked(_ actor: String, pool: String, on worker: String, milliseconds: Int64) {
        guard turns[actor] == nil else { return }
        number += 1
        turns[actor] = Turn(pool: pool, milliseconds: milliseconds, ending: .suspended, number: number)
        run(actor, on: worker)
    }

    private static func number(_ actor: String) -> Int { Int(bare(actor).dropFirst()) ?? 0 }
    private static func bare(_ actor: String) -> Substring { actor.split(separator: "/").last ?? "" }

    /// Actors of one name are in several namespaces: from then on every second one says its namespace.
    package var hasNamesakes = false

    /// - Parameter isWhole: with its namespace, whatever it says of itself.
    private func say(_ kind: EventKind, _ actor: String, of pool: String, _ data: String = "{}", isWhole: Bool = false) {
        let saysNamespace = hasNamesakes && (isWhole || Self.number(actor) % 2 == 0)
        let namespace = pool.prefix { $0 != "/" }
        let subject = saysNamespace && !pool.isEmpty ? "\(namespace)/\(Self.bare(actor))" : String(Self.bare(actor))
        senders.send(kind, subject, from: source(actor), data)
    }

    private func create(_ actor: String) {
        guard let turn = turns[actor] else { return }
        let tenant = Self.tenants[Self.number(actor) % 3].map { #","tenant":"\#($0)""# } ?? ""
        say(.actorCreated, actor, of: turn.pool, #"{"pool":"\#(turn.pool)","template":"t"\#(tenant)}"#)
    }

    private func request(_ actor: String) {
        guard let turn = turns[actor] else { return }
        let selector = Self.number(actor) % 5 == 1 ? #","selector":{"kind":"k"}"# : ""
        let priority = Self.number(actor) % 7 == 2 ? #","priority":5"# : ""
        let deadline = turn.deadline.map { #","deadline":"\#($0.rfc3339)""# } ?? ""
        say(.actorRequested, actor, of: turn.pool, #"{"pool":"\#(turn.pool)"\#(selector)\#(priority)\#(deadline)}"#)
    }

    /// What the log says of an actor, after each commit about it.
    package func look(_ actor: String, _ standing: Ledger.Actor) {
        guard let turn = turns[actor], standing.seq != turn.seq else { return }
        turns[actor]?.seq = standing.seq
        switch standing.state {
        case .placed:
            guard let worker = standing.worker else { return }
            later(actor, turn.number, restoreMilliseconds) { [weak self] in self?.run(actor, on: worker) }
        case .crashed, .suspended, .paused:
            // Its worker went, or somebody said so: it begins again.
            leave(actor)
            // Nobody needs it any more, or whoever asked for it knows.
            guard !standing.isWithdrawn || (turn.deadline == nil && !turn.isCalled) else {
                turns[actor] = nil
                return
            }
            later(actor, turn.number, 1_000) { [weak self] in self?.request(actor) }
        case .deleted, .unknown:
            leave(actor)
            turns[actor] = nil
        case .waiting, .running, .idle: break
        }
    }

    /// The call for it was refused, or nobody waits for it any more before it began.
    package func calledOff(_ actor: String) {
        guard let turn = turns[actor], turn.isCalled, turn.worker == nil else { return }
        turns[actor] = nil
    }

    private func run(_ actor: String, on worker: String) {
        guard let turn = turns[actor], turn.worker == nil else { return }
        let target = targetOf(worker)
        guard target?.isThere(worker) ?? leased.isThere(worker) else {
            return say(.actorCrashed, actor, of: turn.pool, #"{"worker":"\#(worker)","reason":"no such worker"}"#)
        }
        if target == nil { leased.enter(actor, worker) }
        target?.truth[worker, default: []].insert(actor)
        turns[actor]?.worker = worker
        say(.actorRunning, actor, of: turn.pool, #"{"worker":"\#(worker)","restoreMillis":\#(restoreMilliseconds)}"#)
        later(actor, turn.number, turn.milliseconds) { [weak self] in self?.end(actor) }
    }

    private func end(_ actor: String) {
        guard let turn = turns[actor], let worker = turn.worker else { return }
        leave(actor)
        turns[actor] = nil
        let uri = "s3://snapshots/\(actor)/\(turn.number)"
        let body = #"{"worker":"\#(worker)","snapshot":"\#(uri)","bytes":1000000}"#
        if turn.ending == .suspended || turn.ending == .idleFirst { wrote(uri, 1_000_000) }
        switch turn.ending {
        case .suspended: say(.actorSuspended, actor, of: turn.pool, body)
        case .paused: say(.actorPaused, actor, of: turn.pool, body)
        case .crashed: say(.actorCrashed, actor, of: turn.pool, #"{"worker":"\#(worker)","reason":"simulated"}"#)
        case .deleted: say(.actorDeleted, actor, of: turn.pool)
        case .idleFirst:
            say(.actorIdle, actor, of: turn.pool)
            say(.actorSuspended, actor, of: turn.pool, body)
        }
    }

    private func leave(_ actor: String) {
        guard let worker = turns[actor]?.worker else { return }
        targetOf(worker)?.truth[worker]?.remove(actor)
        leased.leave(actor, worker)
        turns[actor]?.worker = nil
    }

    private func targetOf(_ worker: String) -> TargetTwin? { target(worker) }

    private func later(_ actor: String, _ number: Int, _ milliseconds: Int64, _ work: @escaping @Sendable () -> Void) {
        time.after(microseconds: milliseconds * 1_000) { [weak self] in
            guard let self, turns[actor]?.number == number else { return }
            work()
        }
    }

    /// Whoever the log takes for resident or waiting, and isn't, says so; and who believes to be elsewhere asks anew.
    package func tellTruth(_ ledger: Ledger) {
        for (actor, standing) in ledger.actors.sorted(by: { $0.key < $1.key }) {
            let isAsking = turns[actor] != nil
            switch standing.state {
            case .waiting where isAsking && standing.isPausedOnNode && standing.since.adding(seconds: 600) < time.now:
                // Its node has no worker for it, and nobody else has its state. After a crash it starts anew; else its state is saved
                // elsewhere, and it is requested again.
                guard standing.resting != .crashed else {
                    say(.actorDeleted, actor, of: standing.pool, isWhole: true)
                    continue
                }
                let uri = "s3://snapshots/\(actor)/saved"
                wrote(uri, 1_000_000)
                say(.actorWithdrawn, actor, of: standing.pool, isWhole: true)
                say(.actorSuspended, actor, of: standing.pool, #"{"worker":"none","snapshot":"\#(uri)","bytes":1000000}"#, isWhole: true)
            case .waiting where !isAsking, .placed where !isAsking: say(.actorWithdrawn, actor, of: standing.pool, isWhole: true)
            case .running where !isAsking, .idle where !isAsking:
                say(.actorSuspended, actor, of: standing.pool, #"{"worker":"\#(standing.worker ?? "none")"}"#, isWhole: true)
            case .running where turns[actor]?.worker == nil, .idle where turns[actor]?.worker == nil:
                // Somebody else said that it runs.
                say(.actorSuspended, actor, of: standing.pool, #"{"worker":"\#(standing.worker ?? "none")"}"#, isWhole: true)
            case .placed: if turns[actor]?.worker == nil, let worker = standing.worker { run(actor, on: worker) }
            case .suspended, .paused, .crashed, .unknown, .deleted:
                guard isAsking, turns[actor]?.worker == nil else { continue }
                if standing.state == .deleted { create(actor) }
                request(actor)
            default: break
            }
        }
    }
}
