// Which workers of one pool should be running, and what is to be done about it?
//
//     starting ─started→ running ─leave→ leaving ─exited→ ·
//         └────────────────┴─────────exited─────────────→ ·      (an unexpected exit: replaced, with backoff)
//
// Beside that one may be draining: it is to go, and its process doesn't know yet, so the drain can be cancelled.
//
// A value without processes, clock or I/O: `LocalWorkers` tells it what happened, and carries out its plan.
// Always: a draining worker is not counted, so lowering `desired` never stops anything by itself.

struct LocalPool: Sendable {
    /// One that leaves was told to: nothing brings it back.
    enum Phase: Hashable, Sendable { case starting, running, leaving }

    struct Member: Hashable, Sendable {
        var phase: Phase
        var isDraining = false
        /// The round of `RestartBackoff` it was started in.
        var round: Int
        var startedAt: Duration
    }

    enum Plan: Hashable, Sendable {
        case nothing
        case start(count: Int)
        /// Some are missing, but not yet to be started.
        case wait(Duration)
    }

    private(set) var desired = 0
    private(set) var members: [String: Member] = [:]
    private var backoff: RestartBackoff

    init(limits: LocalWorkersConfiguration.Limits) {
        backoff = RestartBackoff(min: limits.restartDelayMin, max: limits.restartDelayMax, resetAfter: limits.restartResetAfter)
    }

    /// Workers that count towards `desired`.
    var kept: Int { members.values.count { !$0.isDraining } }
    var running: Int { members.values.count { $0.phase == .running && !$0.isDraining } }

    mutating func resize(to count: Int) { desired = count }

    mutating func plan(at now: Duration) -> Plan {
        let missing = desired - kept
        guard missing > 0 else { return .nothing }
        if let wait = backoff.wait(at: now) { return .wait(wait) }
        return .start(count: missing)
    }

    mutating func add(_ name: String, at now: Duration) {
        members[name] = Member(phase: .starting, round: backoff.round, startedAt: now)
    }

    mutating func started(_ name: String) {
        if members[name]?.phase == .starting { members[name]?.phase = .running }
    }

    mutating func drain(_ name: String) { members[name]?.isDraining = true }

    /// Answers false where it is unknown or leaves already.
    mutating func uncordon(_ name: String) -> Bool {
        guard let phase = members[name]?.phase, phase != .leaving else { return false }
        members[name]?.isDraining = false
        return true
    }

    /// Answers false where it is unknown or leaves already.
    mutating func leave(_ name: String) -> Bool {
        guard let phase = members[name]?.phase, phase != .leaving else { return false }
        members[name]?.phase = .leaving
        members[name]?.isDraining = true
        return true
    }

    mutating func exited(_ name: String, at now: Duration) {
        guard let member = members.removeValue(forKey: name), !member.isDraining else { return }
        backoff.noteDeath(round: member.round, lived: now - member.startedAt, now: now)
    }
}
