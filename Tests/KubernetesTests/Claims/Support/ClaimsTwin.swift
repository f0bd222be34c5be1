import Basics

@testable import Kubernetes

// What Agent Sandbox' controllers do, in virtual time, as `OBSERVED` says they do it, with its oddities.
//
// - A claim is served in three writes: the annotation (an intention), the sandbox' change of owner, the claim's status. Between them it may
//   be deleted: then its sandbox turns to a dead claim's and is collected. A sandbox that was deleted in between is replaced by another.
// - Ready members first, then any that has an address, failed ones among them. Where members have none yet, the claim waits without a
//   word, asks again every half second, and goes cold two seconds after the second of its creation; at once where there is no member.
// - Tombstones of sandboxes say what was last true of them, mostly Ready. A claim's sandbox is collected after the claim.
// - The pool refills some ten milliseconds after a change of owner; it lowers its count by those that aren't ready, then the newest.
// - A claim that expired stays without its sandbox under Retain. One whose sandbox was deleted takes another without ever being not ready.
// - A name that is used again meets the old sandbox: ReconcilerError, until that is gone.
//
// The two watches have no common order: each is in order by itself, and late by up to `lateness`. A watch may be cut: then what was under way
// is lost, and the whole list comes instead. The controller may stop for a while: nothing is lost, all of it happens later.

final class ClaimsTwin {
    struct Sandbox {
        var view: SandboxView
        var createdSecond: Int
        var hasIP = false
        var hasFailed = false
        var isSuspended = false
        var pool: String?

        /// As a claim's condition has it.
        var reason: String {
            if view.isReady { return "DependenciesReady" }
            return hasFailed ? "PodFailed" : isSuspended ? "SandboxSuspended" : "DependenciesNotReady"
        }
    }

    struct Claim {
        var view: ClaimView
        var createdSecond: Int
        var expires: (at: Int, isRetained: Bool)?
        var isExpired = false
    }

    private struct Action {
        var at: Int
        var number: Int
        var isControllers: Bool
        var run: (ClaimsTwin) -> Void
    }

    enum Stream: CaseIterable { case claims, sandboxes }

    enum Delivery {
        case claims([ClaimView]), sandboxes([SandboxView])
        case claim(ClaimView), claimGone(ClaimView)
        case sandbox(SandboxView), sandboxGone(SandboxView)
    }

    private(set) var now = 0
    private(set) var claims: [String: Claim] = [:]
    private(set) var sandboxes: [String: Sandbox] = [:]
    private(set) var replicas: [String: Int] = [:]
    /// Claims whose `env` the template refuses.
    var rejectsEnv = false
    var podStart = 2_000
    var lateness = 720
    private var lots: SplitMix64
    private var actions: [Action] = []
    private var number = 0
    private var made = 0
    private var version = 100
    private var stoppedUntil = 0
    private var lastArrival: [Stream: Int] = [:]
    private var cuts: [Stream: Int] = [:]
    /// Hears what the watches bring, when they bring it.
    var deliver: (Delivery, _ at: Int) -> Void = { _, _ in }

    init(seed: UInt64) { lots = SplitMix64(seed: seed) }

    // MARK: - Time

    func run(to time: Int) {
        while let index = actions.indices.min(by: { (actions[$0].at, actions[$0].number) < (actions[$1].at, actions[$1].number) }),
            actions[index].at <= time
        {
            let action = actions.remove(at: index)
            now = max(now, action.at)
            if action.isControllers, now < stoppedUntil {
                schedule(in: stoppedUntil - now, action.run)
                continue
            }
            action.run(self)
        }
        now = time
    }

    /// Until nothing is to happen any more, but for what repeats.
    var isQuiet: Bool { actions.isEmpty }

    private func schedule(in delay: Int, isControllers: Bool = true, _ run: @escaping (ClaimsTwin) -> Void) {
        number += 1
        actions.append(Action(at: now + max(0, delay), number: number, isControllers: isControllers, run: run))
    }

    private func lot(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &lots) }

    // MARK: - Watches

    private func emit(_ stream: Stream, _ delivery: Delivery) {
        let cut = cuts[stream, default: 0]
        let arrival = max(lastArrival[stream] ?? 0, now + lot(0...lateness))
        lastArrival[stream] = arrival
        schedule(in: arrival - now, isControllers: false) { twin in
            if twin.cuts[stream, default: 0] == cut { twin.deliver(delivery, twin.now) }
        }
    }

    /// What is under way is lost; the list comes after a while.
    func cut(_ stream: Stream) {
        cuts[stream, default: 0] += 1
        lastArrival[stream] = now
        relist(stream, in: lot(0...3_000))
    }

    func relist(_ stream: Stream, in delay: Int) {
        // What happens before the list is in it; what happens after comes by the new watch, and so after it.
        cuts[stream, default: 0] += 1
        let cut = cuts[stream, default: 0]
        schedule(in: delay, isControllers: false) { twin in
            guard twin.cuts[stream, default: 0] == cut else { return }
            twin.cuts[stream, default: 0] += 1
            twin.lastArrival[stream] = twin.now
            switch stream {
            case .claims: twin.emit(.claims, .claims(twin.claims.values.map(\.view).sorted { $0.uid < $1.uid }))
            case .sandboxes: twin.emit(.sandboxes, .sandboxes(twin.sandboxes.values.map(\.view).sorted { $0.uid < $1.uid }))
            }
        }
    }

    func stopController(for milliseconds: Int) { stoppedUntil = max(stoppedUntil, now + milliseconds) }

    private func write(_ uid: String, _ change: (inout Claim) -> Void) {
        guard var claim = claims[uid] else { return }
        change(&claim)
        version += 1
        claim.view.version = String(version)
        claims[uid] = claim
        emit(.claims, .claim(claim.view))
    }

    private func write(sandbox uid: String, _ change: (inout Sandbox) -> Void) {
        guard var sandbox = sandboxes[uid] else { return }
        change(&sandbox)
        version += 1
        sandbox.view.version = String(version)
        sandboxes[uid] = sandbox
        emit(.sandboxes, .sandbox(sandbox.view))
    }

    // MARK: - What users do

    @discardableResult
    func createClaim(_ name: String, pool: String = "pool", forcedBy: String? = nil, expires: (in: Int, isRetained: Bool)? = nil) -> String?
    {
        guard !claims.values.contains(where: { $0.view.name == name }) else { return nil }
        made += 1
        version += 1
        let view = ClaimView(uid: "c\(made)", name: name, version: String(version), pool: pool, forcedBy: forcedBy)
        claims[view.uid] = Claim(view: view, createdSecond: now / 1_000, expires: expires.map { (now + $0.in, $0.isRetained) })
        emit(.claims, .claim(view))
        schedule(in: lot(5...30)) { $0.serve(view.uid) }
        if let expires { schedule(in: expires.in + lot(0...60)) { $0.expire(view.uid) } }
        return view.uid
    }

    func deleteClaim(_ uid: String) {
        guard let claim = claims.removeValue(forKey: uid) else { return }
        version += 1
        emit(.claims, .claimGone(claim.view))
        collect(of: uid)
    }

    func setReplicas(_ count: Int, of pool: String = "pool") {
        replicas[pool] = count
        schedule(in: lot(5...40)) { $0.refill(pool) }
    }

    func deletePool(_ pool: String) {
        replicas[pool] = nil
        for (uid, sandbox) in sandboxes where sandbox.view.owner == .pool(pool) { schedule(in: lot(5...20)) { $0.deleteSandbox(uid) } }
    }

    func deleteSandbox(_ uid: String) {
        guard let sandbox = sandboxes.removeValue(forKey: uid) else { return }
        version += 1
        emit(.sandboxes, .sandboxGone(sandbox.view))
        switch sandbox.view.owner {
        case .pool(let pool): schedule(in: lot(12...75)) { $0.refill(pool) }
        case .claim(let claim, _):
            // It takes another, and is Ready all the while.
            schedule(in: lot(30...60)) { $0.serve(claim) }
        case .other: break
        }
    }

    /// Its pod is gone: a new one of the same name is started.
    func killPod(_ uid: String) {
        guard let sandbox = sandboxes[uid], !sandbox.hasFailed, !sandbox.isSuspended else { return }
        write(sandbox: uid) { ($0.view.isReady, $0.hasIP) = (false, false) }
        mirror(uid)
        schedule(in: podStart) { $0.startPod(uid) }
    }

    func endPod(_ uid: String, hasFailed: Bool) {
        guard let sandbox = sandboxes[uid], sandbox.view.isReady else { return }
        write(sandbox: uid) { ($0.view.isReady, $0.hasFailed) = (false, true) }
        guard case .claim(let claim, _) = sandbox.view.owner else { return }
        schedule(in: lot(3...20)) { twin in
            guard let held = twin.claims[claim], !held.isExpired, held.view.end == nil else { return }
            twin.write(claim) {
                ($0.view.isReady, $0.view.reason, $0.view.end) = (
                    false, hasFailed ? "PodFailed" : "PodSucceeded", hasFailed ? .failed : .succeeded
                )
            }
        }
    }

    func suspend(_ uid: String) {
        guard let sandbox = sandboxes[uid], !sandbox.hasFailed, sandbox.view.isReady, case .claim = sandbox.view.owner else { return }
        write(sandbox: uid) { ($0.view.isReady, $0.hasIP, $0.isSuspended) = (false, false, true) }
        mirror(uid)
    }

    func resume(_ uid: String) {
        guard let sandbox = sandboxes[uid], sandbox.isSuspended else { return }
        write(sandbox: uid) { $0.isSuspended = false }
        mirror(uid)
        schedule(in: podStart) { $0.startPod(uid) }
    }

    // MARK: - Claims

    private func serve(_ uid: String) {
        guard let claim = claims[uid], !claim.isExpired, claim.view.end == nil, owned(by: uid) == nil else { return }
        if claim.view.forcedBy != nil {
            guard rejectsEnv else { return makeCold(uid) }
            return write(uid) { ($0.view.isReady, $0.view.reason) = (false, "EnvVarsInjectionRejected") }
        }
        guard replicas[claim.view.pool] != nil else {
            if claim.view.reason != "WarmPoolNotFound" { write(uid) { ($0.view.isReady, $0.view.reason) = (false, "WarmPoolNotFound") } }
            return schedule(in: 400) { $0.serve(uid) }
        }
        let members = sandboxes.values.filter { $0.view.owner == .pool(claim.view.pool) }.sorted { $0.view.uid < $1.view.uid }
        if let best = members.first(where: \.view.isReady) ?? members.first(where: \.hasIP) {
            // The annotation.
            write(uid) { _ in }
            return schedule(in: lot(10...60)) { $0.transfer(best.view.uid, to: uid, named: claim.view.name) }
        }
        let isOver = now >= claim.createdSecond * 1_000 + 2_000
        guard members.isEmpty || isOver else { return schedule(in: min(500, claim.createdSecond * 1_000 + 2_000 - now)) { $0.serve(uid) } }
        makeCold(uid)
    }

    private func transfer(_ sandbox: String, to uid: String, named name: String) {
        guard let found = sandboxes[sandbox], case .pool(let pool) = found.view.owner else {
            // Another one was faster, or it is gone.
            if let claim = claims[uid], claim.view.sandbox == nil {
                write(uid) { ($0.view.isReady, $0.view.reason) = (false, "AdoptionConflict") }
            }
            return schedule(in: lot(20...60)) { $0.serve(uid) }
        }
        write(sandbox: sandbox) { ($0.view.owner, $0.pool) = (.claim(uid: uid, name: name), pool) }
        schedule(in: lot(12...75)) { $0.refill(pool) }
        guard claims[uid] != nil else { return schedule(in: 70) { $0.deleteSandbox(sandbox) } }
        schedule(in: lot(10...90)) { twin in
            guard let held = twin.sandboxes[sandbox] else { return twin.serve(uid) }
            twin.write(uid) {
                ($0.view.sandbox, $0.view.isReady) = (held.view.name, held.view.isReady)
                $0.view.reason = held.reason
                if held.hasFailed, $0.view.end == nil { $0.view.end = .failed }
            }
        }
    }

    private func makeCold(_ uid: String) {
        guard let claim = claims[uid] else { return }
        guard !sandboxes.values.contains(where: { $0.view.name == claim.view.name }) else {
            write(uid) { ($0.view.isReady, $0.view.reason) = (false, "ReconcilerError") }
            return schedule(in: lot(10...50)) { $0.serve(uid) }
        }
        let sandbox = create(claim.view.name, owner: .claim(uid: uid, name: claim.view.name), isCold: true)
        schedule(in: lot(5...60)) { twin in
            guard let held = twin.sandboxes[sandbox] else { return }
            twin.write(uid) {
                ($0.view.sandbox, $0.view.isReady) = (claim.view.name, held.view.isReady)
                $0.view.reason = held.reason
            }
        }
    }

    private func owned(by claim: String) -> Sandbox? {
        sandboxes.values.filter { if case .claim(claim, _) = $0.view.owner { true } else { false } }.min { $0.view.uid < $1.view.uid }
    }

    private func expire(_ uid: String) {
        guard let claim = claims[uid], let expires = claim.expires else { return }
        write(uid) { ($0.isExpired, $0.view.isReady, $0.view.reason, $0.view.end) = (true, false, "ClaimExpired", .expired) }
        schedule(in: lot(20...60)) { twin in
            guard expires.isRetained else { return twin.deleteClaim(uid) }
            twin.collect(of: uid)
            twin.write(uid) { $0.view.sandbox = nil }
        }
    }

    private func collect(of claim: String) {
        for (uid, sandbox) in sandboxes {
            if case .claim(claim, _) = sandbox.view.owner { schedule(in: lot(6...15)) { $0.deleteSandbox(uid) } }
        }
    }

    /// The claim's status follows its sandbox', as that is by then.
    private func mirror(_ sandbox: String) {
        schedule(in: lot(3...20)) { twin in
            guard let found = twin.sandboxes[sandbox], case .claim(let claim, _) = found.view.owner else { return }
            guard let held = twin.claims[claim], !held.isExpired, held.view.end == nil, held.view.sandbox == found.view.name else { return }
            twin.write(claim) { ($0.view.isReady, $0.view.reason) = (found.view.isReady, found.reason) }
        }
    }

    // MARK: - Pools

    private func create(_ name: String, owner: SandboxView.Owner, isCold: Bool) -> String {
        made += 1
        version += 1
        let view = SandboxView(uid: "s\(made)", name: name, version: String(version), owner: owner, isCold: isCold)
        sandboxes[view.uid] = Sandbox(view: view, createdSecond: now / 1_000)
        emit(.sandboxes, .sandbox(view))
        schedule(in: podStart + lot(60...100)) { $0.startPod(view.uid) }
        return view.uid
    }

    private func startPod(_ uid: String) {
        guard let sandbox = sandboxes[uid], !sandbox.isSuspended, !sandbox.hasFailed, !sandbox.view.isReady else { return }
        write(sandbox: uid) { ($0.view.isReady, $0.hasIP, $0.view.node, $0.view.ip) = (true, true, "node-1", "10.0.0.1") }
        mirror(uid)
    }

    private func refill(_ pool: String) {
        guard let wanted = replicas[pool] else { return }
        var members = sandboxes.values.filter { $0.view.owner == .pool(pool) }
        members.sort {
            ($0.view.isReady ? 1 : 0, -$0.createdSecond, $0.view.uid) < ($1.view.isReady ? 1 : 0, -$1.createdSecond, $1.view.uid)
        }
        for victim in members.prefix(max(0, members.count - wanted)) { deleteSandbox(victim.view.uid) }
        guard members.count < wanted else { return }
        for _ in members.count..<wanted { _ = create("\(pool)-\(made + 1)", owner: .pool(pool), isCold: false) }
    }

    // MARK: - The truth

    /// Lines that may be there: a claim whose sandbox went, and that is rejected when it wants another, stays crashed. Neither is demand.
    var alsoTrue: Set<String> {
        Set(claims.values.filter { $0.view.isRejected && owned(by: $0.view.uid) == nil }.map { "\($0.view.name): crashed" })
    }

    /// Lines that may be missing: claims that were over, or rejected, before anybody saw them are nobody's, and so are their sandboxes. A
    /// sandbox that was suspended before it had a pod is no worker yet.
    var optional: Set<String> {
        let left = claims.values.filter { $0.view.end != nil || owned(by: $0.view.uid)?.isSuspended == true }.compactMap {
            owned(by: $0.view.uid)
        }.map { "sandbox \($0.view.name) taken" }
        return Set(left).union(
            claims.values.compactMap { claim in
                claim.view.end == .failed ? "\(claim.view.name): crashed" : claim.view.isRejected ? "\(claim.view.name): suspended" : nil
            })
    }

    /// As `MiniLog.summary` has it.
    var summary: [String] {
        var lines: [String] = []
        for claim in claims.values where !claim.isExpired {
            let own = owned(by: claim.view.uid)
            let name = claim.view.name
            switch claim.view.end {
            case .failed: lines.append("\(name): crashed")
            case .succeeded, .expired: break
            case nil:
                if let own, own.isSuspended {
                    lines.append("\(name): suspended")
                } else if let own {
                    lines.append("\(name): running on \(own.view.name)")
                } else if claim.view.isRejected {
                    lines.append("\(name): suspended")
                }
            }
        }
        for sandbox in sandboxes.values {
            if case .pool = sandbox.view.owner {
                if sandbox.view.isReady { lines.append("sandbox \(sandbox.view.name)") }
            } else {
                lines.append("sandbox \(sandbox.view.name) taken")
            }
        }
        let (actors, workers) = (lines.filter { !$0.hasPrefix("sandbox ") }.sorted(), lines.filter { $0.hasPrefix("sandbox ") }.sorted())
        return actors + workers
    }
}
