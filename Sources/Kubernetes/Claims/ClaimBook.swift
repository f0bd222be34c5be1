import Domain

// Which events follow from what the watches of SandboxClaims and Sandboxes of one namespace bring?
//
// Pure: what a watch delivered goes in with its time, and events come out. Two watches run side by side, so a sandbox may be seen before
// its claim or after it. Both are matched by uid. What has no match yet is kept: a sandbox whose claim wasn't seen, and a claim whose
// sandbox wasn't. A sandbox that is gone is kept for a moment too: its claim may be about to go, or about to get another sandbox.
//
//     a claim:   seen → waiting ─┬─ its sandbox changed hands, or it is Ready → running ⇄ suspended → ended
//                         │      └─ a sandbox is made for it → aside ─ Ready ──────┘
//                         └─ rejected ⇄ waiting                  running ─ its sandbox is gone → crashed ─ another one → running
//     a sandbox: made → ready ⇄ not ready → claimed: it drains, and is no member any more → gone
//
// The state in a delete event is never read, and neither are the times of conditions. Members and their refill are counted here, from the
// sandboxes, because the status of a pool lags behind and jumps. The refill time of a sandbox counts from the moment when a member was
// missing. So a controller that waits before it refills is seen to be slow.

struct ClaimBook: Sendable {
    /// How long a sandbox that is gone is held while its claim seems to be there.
    static let heldFor = Duration.seconds(2)

    private struct Pool {
        /// `NAMESPACE/NAME`, of the policy.
        var name: String
        /// That the target shall have; nil before it was seen.
        var wanted: Int?
        var known: ClaimStanding?
        var members: Set<String> = []
        var ready = 0
        /// Since when there are fewer members than wanted.
        var missingSince: Duration?
    }

    private enum Phase: Hashable {
        case new, waiting, aside, suspended, crashed, rejected
        case running(on: String)
        /// Nothing more is to be said but that it was deleted, where the log knows it.
        case over(isKnown: Bool)
    }

    private struct Claim {
        var view: ClaimView
        var phase = Phase.new
        /// When it was seen to be made; nil where it was there already.
        var madeAt: Duration?
        /// On which it ran last.
        var sandbox: String?
        /// Its sandbox of that name is gone.
        var lost: String?
        /// Its sandboxes, by uid.
        var owned: Set<String> = []
        /// The pool under which it is told.
        var pool: String?
        /// Something was said of it, so that the log knows its actor.
        var isSaid = false
        /// It was said by an earlier run.
        var isResumed = false
        var wasRejected = false
        /// Since when it is Ready, while its sandbox wasn't seen.
        var readySince: Duration?
    }

    private struct Sandbox {
        var view: SandboxView
        /// When it was seen to be made, and since when it was missing then.
        var madeAt: Duration?
        var missingSince: Duration?
        /// The pool whose worker it is, by the log.
        var pool: String?
        /// Its worker is in the log.
        var isTold = false
        var isDraining = false
        /// It was ready once: later it isn't new.
        var wasReady = false
    }

    private struct Held {
        var sandbox: Sandbox
        var claim: String
        var until: Duration
    }

    /// Unlike that of any earlier run on the same log.
    private let run: String
    /// By the target's name.
    private var pools: [String: Pool] = [:]
    private var claims: [String: Claim] = [:]
    private var claimByName: [String: String] = [:]
    private var sandboxes: [String: Sandbox] = [:]
    private var sandboxByName: [String: String] = [:]
    /// Sandboxes of claims that weren't seen yet, by the claim's uid.
    private var unmatched: [String: Set<String>] = [:]
    private var held: [String: Held] = [:]
    /// Claims that are Ready, and until when their sandboxes are waited for.
    private var awaiting: [String: Duration] = [:]
    private var hasClaims = false
    private var hasSandboxes = false
    private var tellings: [ClaimTelling] = []

    init(run: String) { self.run = run }

    private var isListed: Bool { hasClaims && hasSandboxes }

    // MARK: - Pools

    /// Follows the pool of that target from here on. `known`: what the log has of it.
    mutating func follow(_ name: String, target: String, known: ClaimStanding, at now: Duration) {
        guard pools[target]?.name != name else { return }
        var pool = Pool(name: name, known: known)
        for (uid, sandbox) in sandboxes where sandbox.view.owner == .pool(target) && !sandbox.view.isBeingDeleted {
            pool.members.insert(uid)
            if sandbox.view.isReady { pool.ready += 1 }
        }
        pools[target] = pool
        if isListed { begin(target, at: now) }
    }

    /// Nothing is said any more of the pool of that name.
    mutating func unfollow(_ name: String) {
        for (target, pool) in pools where pool.name == name { pools[target] = nil }
        for (uid, claim) in claims where claim.pool == name {
            changeClaim(uid) { ($0.phase, $0.pool, $0.isSaid) = (.new, nil, false) }
            awaiting[uid] = nil
        }
        for (uid, sandbox) in sandboxes where sandbox.pool == name {
            changeSandbox(uid) { ($0.isTold, $0.isDraining, $0.pool) = (false, false, nil) }
        }
        held = held.filter { $0.value.sandbox.pool != name }
    }

    /// So many sandboxes the target shall have.
    mutating func see(_ wanted: Int?, target: String, at now: Duration) {
        pools[target]?.wanted = wanted
        noteMissing(target, at: now)
    }

    /// Members that are ready, and all of them, by the pool's name; nil before the first list.
    var stock: [String: (ready: Int, members: Int)]? {
        guard isListed else { return nil }
        return Dictionary(pools.values.map { ($0.name, ($0.ready, $0.members.count)) }, uniquingKeysWith: { first, _ in first })
    }

    private mutating func noteMissing(_ target: String, at now: Duration) {
        guard let pool = pools[target] else { return }
        if pool.members.count >= pool.wanted ?? 0 {
            pools[target]?.missingSince = nil
        } else if pool.missingSince == nil {
            pools[target]?.missingSince = now
        }
    }

    // MARK: - Deliveries

    mutating func take(claims listed: [ClaimView], at now: Duration) {
        let present = Set(listed.map(\.uid))
        for uid in claims.keys.filter({ !present.contains($0) }).sorted() { end(uid) }
        for view in listed { note(view, isNew: false, at: now) }
        let isFirst = !isListed
        hasClaims = true
        if isFirst { beginAll(at: now) } else { for view in listed { settle(view.uid, at: now) } }
    }

    mutating func take(sandboxes listed: [SandboxView], at now: Duration) {
        let present = Set(listed.map(\.uid))
        for uid in sandboxes.keys.filter({ !present.contains($0) }).sorted() { lose(uid, at: now) }
        for view in listed { note(view, isNew: false, at: now) }
        let isFirst = !isListed
        hasSandboxes = true
        if isFirst { beginAll(at: now) } else { for view in listed { settleSandbox(view.uid, at: now) } }
    }

    mutating func take(_ claim: ClaimView, at now: Duration) {
        // Another of the name is another claim: the one before is gone, whatever became of its end.
        if let other = claimByName[claim.name], other != claim.uid { end(other) }
        note(claim, isNew: isListed, at: now)
        if isListed { settle(claim.uid, at: now) }
    }

    mutating func take(_ sandbox: SandboxView, at now: Duration) {
        if let other = sandboxByName[sandbox.name], other != sandbox.uid { lose(other, at: now) }
        note(sandbox, isNew: isListed, at: now)
        if isListed { settleSandbox(sandbox.uid, at: now) }
    }

    mutating func takeGone(claim uid: String, at now: Duration) { end(uid) }
    mutating func takeGone(sandbox uid: String, at now: Duration) { lose(uid, at: now) }

    /// When `wake` is due; nil where nothing is held.
    var nextWake: Duration? { [held.values.map(\.until).min(), awaiting.values.min()].compactMap { $0 }.min() }

    /// Time went on.
    mutating func wake(at now: Duration) {
        for (uid, entry) in held.sorted(by: { $0.key < $1.key }) where entry.until <= now { letGo(uid) }
        for (uid, until) in awaiting.sorted(by: { $0.key < $1.key }) where until <= now { settle(uid, at: now) }
    }

    /// What was said since this was asked last.
    mutating func takeTellings() -> [ClaimTelling] {
        defer { tellings = [] }
        return tellings
    }

    // MARK: - What is there

    private mutating func note(_ view: ClaimView, isNew: Bool, at now: Duration) {
        guard !view.uid.isEmpty else { return }
        if claims[view.uid] == nil {
            claims[view.uid] = Claim(view: view, madeAt: isNew ? now : nil)
            claims[view.uid]?.owned = unmatched.removeValue(forKey: view.uid) ?? []
        } else {
            claims[view.uid]?.view = view
        }
        claimByName[view.name] = view.uid
    }

    private mutating func note(_ view: SandboxView, isNew: Bool, at now: Duration) {
        guard !view.uid.isEmpty else { return }
        let before = sandboxes[view.uid]
        count(before?.view, by: -1)
        if before == nil {
            var sandbox = Sandbox(view: view)
            if isNew, case .pool(let target) = view.owner {
                sandbox.madeAt = now
                sandbox.missingSince = pools[target]?.missingSince
            }
            sandboxes[view.uid] = sandbox
        } else {
            sandboxes[view.uid]?.view = view
        }
        sandboxByName[view.name] = view.uid
        if case .claim(let claim, _) = before?.view.owner, before?.view.owner != view.owner { disown(view.uid, from: claim) }
        if case .claim(let claim, _) = view.owner {
            if claims[claim] != nil { claims[claim]?.owned.insert(view.uid) } else { unmatched[claim, default: []].insert(view.uid) }
        }
        count(view, by: 1)
        for owner in [before?.view.owner, view.owner] { if case .pool(let target) = owner { noteMissing(target, at: now) } }
    }

    private mutating func disown(_ sandbox: String, from claim: String) {
        claims[claim]?.owned.remove(sandbox)
        unmatched[claim]?.remove(sandbox)
        if unmatched[claim]?.isEmpty ?? false { unmatched[claim] = nil }
    }

    private mutating func count(_ view: SandboxView?, by step: Int) {
        guard let view, case .pool(let target) = view.owner, !view.isBeingDeleted, pools[target] != nil else { return }
        if step > 0 { pools[target]?.members.insert(view.uid) } else { pools[target]?.members.remove(view.uid) }
        if view.isReady { pools[target]?.ready += step }
    }

    private mutating func changeClaim(_ uid: String, _ change: (inout Claim) -> Void) {
        guard var claim = claims[uid] else { return }
        change(&claim)
        claims[uid] = claim
    }

    private mutating func changeSandbox(_ uid: String, _ change: (inout Sandbox) -> Void) {
        guard var sandbox = sandboxes[uid] else { return }
        change(&sandbox)
        sandboxes[uid] = sandbox
    }

    // MARK: - The beginning

    private mutating func beginAll(at now: Duration) {
        guard isListed else { return }
        for target in pools.keys.sorted() { begin(target, at: now) }
        for uid in sandboxes.keys.sorted() { settleSandbox(uid, at: now) }
    }

    /// What the log knows of the pool meets what is there.
    private mutating func begin(_ target: String, at now: Duration) {
        guard let pool = pools[target], let known = pool.known else { return }
        pools[target]?.known = nil
        noteMissing(target, at: now)
        for worker in known.workers.sorted(by: { $0.name < $1.name }) {
            guard let uid = sandboxByName[worker.name], worker.uid == nil || worker.uid == uid else {
                say(.gone(reason: "its sandbox is gone"), pool.name, worker.name, worker.uid ?? "", id: "\(worker.name)-\(run)-gone")
                continue
            }
            changeSandbox(uid) { ($0.pool, $0.isTold, $0.isDraining, $0.wasReady) = (pool.name, true, worker.isDraining, true) }
        }
        for actor in known.actors.sorted(by: { $0.name < $1.name }) {
            guard let uid = claimByName[actor.name], actor.uid == nil || actor.uid == uid, claims[uid]?.view.pool == target else {
                say(.deleted(reason: "its claim is gone"), pool.name, actor.name, actor.uid ?? "", id: "\(actor.name)-\(run)-deleted")
                continue
            }
            resume(uid, actor, pool.name)
        }
        for uid in sandboxes.keys.sorted() where sandboxes[uid]?.view.owner == .pool(target) { settleSandbox(uid, at: now) }
        for uid in claims.keys.sorted() where claims[uid]?.view.pool == target { settle(uid, at: now) }
    }

    /// Goes on with a claim where the log has it.
    private mutating func resume(_ uid: String, _ actor: ClaimStanding.Actor, _ pool: String) {
        guard var claim = claims[uid] else { return }
        (claim.pool, claim.isSaid, claim.isResumed) = (pool, true, true)
        let own = ownedSandbox(of: claim)?.view.name ?? claim.view.sandbox
        switch actor.state {
        case .waiting: claim.phase = .waiting
        case .running(let told):
            // The log doesn't know a sandbox that was never told for a worker.
            let sandbox = told.isEmpty ? own ?? told : told
            (claim.phase, claim.sandbox) = (.running(on: sandbox), sandbox)
        // What was withdrawn rests as what was suspended does; only the latter has a sandbox.
        case .resting: (claim.phase, claim.sandbox) = own == nil ? (.rejected, nil) : (.suspended, own)
        case .crashed: claim.phase = claim.view.end == .failed ? .over(isKnown: true) : .crashed
        }
        if claim.phase == .rejected { claim.wasRejected = true }
        // A sandbox of the name that it ran on may be another one by now.
        if case .running(let sandbox) = claim.phase, !sandbox.isEmpty, sandboxByName[sandbox] == nil { claim.lost = sandbox }
        claims[uid] = claim
        if let lost = claim.lost { crash(uid, lost, id: "\(lost)-\(run)") }
    }

    // MARK: - Claims

    private mutating func say(_ what: ClaimTelling.What, _ pool: String, _ name: String, _ uid: String, id: String) {
        tellings.append(ClaimTelling(what: what, pool: pool, name: name, uid: uid, id: id))
    }

    private mutating func say(_ what: ClaimTelling.What, of uid: String, id: String) {
        guard let claim = claims[uid], let pool = claim.pool else { return }
        say(what, pool, claim.view.name, uid, id: "\(uid)-\(id)")
    }

    /// The one that it has, of several the one that its status names.
    private func ownedSandbox(of claim: Claim) -> Sandbox? {
        let own = claim.owned.compactMap { sandboxes[$0] }.sorted { $0.view.uid < $1.view.uid }
        return own.first { $0.view.name == claim.view.sandbox && !$0.view.isBeingDeleted } ?? own.first { !$0.view.isBeingDeleted }
            ?? own.first
    }

    /// Says what is new of a claim.
    private mutating func settle(_ uid: String, at now: Duration) {
        guard isListed, let before = claims[uid] else { return }
        if before.pool == nil { claims[uid]?.pool = pools[before.view.pool]?.name }
        guard let claim = claims[uid], claim.pool != nil, pools[claim.view.pool]?.known == nil else { return }
        if case .over = claim.phase {
            return endOver(uid, claim)
        }
        let own = ownedSandbox(of: claim)
        if let why = claim.view.end { return settleEnd(uid, claim, own, why, at: now) }
        if claim.phase == .new || claim.phase == .rejected {
            if claim.view.isRejected, own == nil {
                changeClaim(uid) { ($0.phase, $0.wasRejected) = (.rejected, true) }
                return
            }
            request(uid, claim, at: now)
        } else if claim.phase == .waiting || claim.phase == .aside, claim.view.isRejected, own == nil {
            say(.withdrawn(reason: claim.view.reason), of: uid, id: "\(claim.view.version)-withdrawn")
            changeClaim(uid) { ($0.phase, $0.wasRejected) = (.rejected, true) }
            return
        }
        follow(uid, own, at: now)
    }

    private mutating func request(_ uid: String, _ claim: Claim, at now: Duration) {
        claims[uid]?.isSaid = true
        // What it waited while nobody could serve it is nobody's.
        if claim.wasRejected, claim.madeAt != nil { claims[uid]?.madeAt = now }
        let id = claim.wasRejected ? "\(claim.view.version)-requested" : "requested"
        if let field = claim.view.forcedBy {
            say(.requested(.forced, reason: field), of: uid, id: id)
            claims[uid]?.phase = .aside
        } else {
            say(.requested(nil, reason: nil), of: uid, id: id)
            claims[uid]?.phase = .waiting
        }
    }

    /// From its wait to its sandbox, and from one to another.
    private mutating func follow(_ uid: String, _ own: Sandbox?, at now: Duration) {
        guard let claim = claims[uid] else { return }
        if case .running(let sandbox) = claim.phase, claim.view.isSuspended {
            say(.suspended(on: sandbox), of: uid, id: "\(claim.view.version)-suspended")
            claims[uid]?.phase = .suspended
            return
        }
        if claim.phase == .suspended, !claim.view.isReady { return }
        if claim.view.isSuspended, let own, claim.phase == .waiting || claim.phase == .aside {
            // It ran, and nobody saw it.
            begin(uid, on: own.view.name, own, at: now)
            say(.suspended(on: own.view.name), of: uid, id: "\(claim.view.version)-suspended")
            claims[uid]?.phase = .suspended
            return
        }
        if let sandbox = sandboxToRunOn(claim, own) {
            if claim.phase == .running(on: sandbox) {
                if let own { tellTaken(own.view.uid, by: claim) }
                return
            }
            if awaits(uid, sandbox, own, at: now) { return }
            return begin(uid, on: sandbox, own, at: now)
        }
        awaiting[uid] = nil
        let isMade = own?.view.isCold ?? (claim.view.sandbox == claim.view.name)
        if claim.phase == .waiting, isMade {
            say(.requested(.cold, reason: missReason(claim.view.pool)), of: uid, id: "cold")
            claims[uid]?.phase = .aside
        }
    }

    /// One that changed hands is its at once; one that was made for it once it is ready.
    private func sandboxToRunOn(_ claim: Claim, _ own: Sandbox?) -> String? {
        if let own, !own.view.isCold { return own.view.name }
        guard claim.view.isReady, let named = claim.view.sandbox else { return nil }
        if let own { return own.view.name == named && (claim.lost == nil || own.view.isReady) ? named : nil }
        return named == claim.lost ? nil : named
    }

    /// Whether its sandbox is still to be seen: then it is known where that runs, and the log has the worker before its actor.
    private mutating func awaits(_ uid: String, _ sandbox: String, _ own: Sandbox?, at now: Duration) -> Bool {
        awaiting[uid] = nil
        if let own, own.view.node != nil || !own.view.isCold { return false }
        if own == nil, let known = sandboxByName[sandbox], sandboxes[known]?.isTold == true { return false }
        let since = claims[uid]?.readySince ?? now
        claims[uid]?.readySince = since
        guard now < since + Self.heldFor else { return false }
        awaiting[uid] = since + Self.heldFor
        return true
    }

    private mutating func begin(_ uid: String, on sandbox: String, _ own: Sandbox?, at now: Duration) {
        guard let claim = claims[uid] else { return }
        let isCold = own?.view.isCold ?? (sandbox == claim.view.name)
        let launch: ClaimLaunch = !isCold ? .warm : claim.view.forcedBy == nil ? .cold : .forced
        if launch == .cold, claim.phase == .waiting { say(.requested(.cold, reason: missReason(claim.view.pool)), of: uid, id: "cold") }
        if let own { tellTaken(own.view.uid, by: claim) }
        let isFirst = !claim.isResumed && (claim.sandbox == nil || (claim.sandbox != sandbox && claim.lost != sandbox))
        // How long it waited is what was seen of its first sandbox; what came later isn't its wait.
        let waited =
            claim.sandbox == nil && (claim.phase == .waiting || claim.phase == .aside)
            ? claim.madeAt.map { (claim.readySince ?? now) - $0 } : nil
        say(
            .running(on: sandbox, launch, node: own?.view.node, startMillis: waited?.wholeMilliseconds), of: uid,
            id: isFirst ? "\(sandbox)-running" : "\(claim.view.version)-\(own?.view.uid ?? sandbox)-running")
        changeClaim(uid) { ($0.phase, $0.sandbox, $0.readySince) = (.running(on: sandbox), sandbox, nil) }
        awaiting[uid] = nil
        if claim.lost != sandbox { claims[uid]?.lost = nil }
        letGo(ofClaim: uid)
    }

    /// Why none of the pool's served it.
    private func missReason(_ target: String) -> String {
        guard let pool = pools[target] else { return "pool_gone" }
        if pool.members.isEmpty { return "pool_empty" }
        return pool.ready == 0 ? "pool_refilling" : "not_adopted"
    }

    private mutating func settleEnd(_ uid: String, _ claim: Claim, _ own: Sandbox?, _ end: ClaimView.End, at now: Duration) {
        awaiting[uid] = nil
        guard claim.phase != .new, claim.phase != .rejected else {
            claims[uid]?.phase = .over(isKnown: claim.isSaid)
            return endOver(uid, claims[uid] ?? claim)
        }
        switch end {
        case .expired:
            if claim.phase == .waiting || claim.phase == .aside {
                say(.withdrawn(reason: claim.view.reason), of: uid, id: "\(claim.view.version)-withdrawn")
            }
            say(.deleted(reason: claim.view.reason), of: uid, id: "deleted")
            claims[uid]?.phase = .over(isKnown: false)
        case .failed:
            var phase = claim.phase
            if phase == .waiting || phase == .aside, let sandbox = own?.view.name ?? claim.view.sandbox {
                // Served by a member that had failed before.
                begin(uid, on: sandbox, own, at: now)
                phase = claims[uid]?.phase ?? phase
            }
            if case .running(let sandbox) = phase {
                say(.crashed(on: sandbox, reason: "its pod failed"), of: uid, id: "\(claim.view.version)-crashed")
            } else if phase == .waiting || phase == .aside {
                say(.withdrawn(reason: claim.view.reason), of: uid, id: "\(claim.view.version)-withdrawn")
            }
            claims[uid]?.phase = .over(isKnown: true)
        case .succeeded:
            say(.deleted(reason: "its pod ended"), of: uid, id: "deleted")
            claims[uid]?.phase = .over(isKnown: false)
        }
        letGo(ofClaim: uid)
    }

    /// One that failed, and then expired.
    private mutating func endOver(_ uid: String, _ claim: Claim) {
        guard claim.phase == .over(isKnown: true), claim.view.end == .expired else { return }
        say(.deleted(reason: claim.view.reason), of: uid, id: "deleted")
        claims[uid]?.phase = .over(isKnown: false)
    }

    /// The claim is gone.
    private mutating func end(_ uid: String) {
        guard let claim = claims[uid] else { return }
        if claim.isSaid, claim.phase != .over(isKnown: false) { say(.deleted(reason: "its claim was deleted"), of: uid, id: "deleted") }
        claims[uid] = nil
        awaiting[uid] = nil
        if claimByName[claim.view.name] == uid { claimByName[claim.view.name] = nil }
        if !claim.owned.isEmpty { unmatched[uid] = claim.owned }
        letGo(ofClaim: uid)
    }

    /// Its sandbox is gone, and it has no other yet.
    private mutating func crash(_ uid: String, _ sandbox: String, id: String) {
        guard let claim = claims[uid], claim.phase == .running(on: sandbox) || claim.phase == .suspended else { return }
        if case .running = claim.phase {
            say(.crashed(on: sandbox, reason: "its sandbox \(sandbox) is gone"), of: uid, id: "\(id)-crashed")
        }
        claims[uid]?.phase = .crashed
    }

    // MARK: - Sandboxes

    private mutating func settleSandbox(_ uid: String, at now: Duration) {
        guard isListed, let sandbox = sandboxes[uid] else { return }
        switch sandbox.view.owner {
        case .pool(let target):
            guard let pool = pools[target], pool.known == nil else { return }
            settleMember(uid, sandbox, pool.name, at: now)
        case .claim(let claim, let name):
            tellClaimed(uid, name)
            settle(claim, at: now)
        case .other:
            if sandbox.isTold, !sandbox.isDraining { drain(uid, reason: "no pool and no claim owns its sandbox") }
        }
    }

    private mutating func settleMember(_ uid: String, _ sandbox: Sandbox, _ pool: String, at now: Duration) {
        let view = sandbox.view
        guard view.isReady, !view.isBeingDeleted, let node = view.node else {
            if sandbox.isTold, !sandbox.isDraining {
                drain(uid, reason: view.isBeingDeleted ? "its sandbox is being deleted" : "its sandbox isn't ready")
            }
            return
        }
        guard !sandbox.isTold || sandbox.isDraining else { return }
        var millis: Int64?
        if !sandbox.wasReady, let made = sandbox.madeAt { millis = (now - (sandbox.missingSince ?? made)).wholeMilliseconds }
        say(.ready(node: node, ip: view.ip, startMillis: millis), pool, view.name, uid, id: "\(uid)-\(view.version)-ready")
        changeSandbox(uid) { ($0.pool, $0.isTold, $0.isDraining, $0.wasReady) = (pool, true, false, true) }
    }

    /// It is its pool's no more, whether or not its claim is there.
    private mutating func tellClaimed(_ uid: String, _ claim: String) {
        guard let sandbox = sandboxes[uid], sandbox.isTold, !sandbox.isDraining, let pool = sandbox.pool else { return }
        say(.draining(reason: "claimed by \(claim)"), pool, sandbox.view.name, uid, id: "\(uid)-claimed")
        sandboxes[uid]?.isDraining = true
    }

    /// A claim runs on it: it is a worker now if it wasn't one.
    private mutating func tellTaken(_ uid: String, by claim: Claim) {
        guard let sandbox = sandboxes[uid] else { return }
        if !sandbox.isTold, let node = sandbox.view.node, let pool = claim.pool {
            say(.ready(node: node, ip: sandbox.view.ip, startMillis: nil), pool, sandbox.view.name, uid, id: "\(uid)-taken")
            changeSandbox(uid) { ($0.pool, $0.isTold) = (pool, true) }
        }
        tellClaimed(uid, claim.view.name)
    }

    private mutating func drain(_ uid: String, reason: String) {
        guard let sandbox = sandboxes[uid], let pool = sandbox.pool else { return }
        say(.draining(reason: reason), pool, sandbox.view.name, uid, id: "\(uid)-\(sandbox.view.version)-draining")
        sandboxes[uid]?.isDraining = true
    }

    private mutating func lose(_ uid: String, at now: Duration) {
        guard let sandbox = sandboxes.removeValue(forKey: uid) else { return }
        let view = sandbox.view
        if sandboxByName[view.name] == uid { sandboxByName[view.name] = nil }
        count(view, by: -1)
        switch view.owner {
        case .pool(let target): noteMissing(target, at: now)
        case .claim(let claim, _):
            disown(uid, from: claim)
            if let holder = claims[claim], holder.sandbox == view.name || holder.view.sandbox == view.name {
                claims[claim]?.lost = view.name
                switch holder.phase {
                case .running(on: view.name), .suspended:
                    held[uid] = Held(sandbox: sandbox, claim: claim, until: now + Self.heldFor)
                    return
                default: break
                }
            }
        case .other: break
        }
        tellGone(uid, sandbox)
    }

    private mutating func letGo(ofClaim uid: String) {
        for (gone, entry) in held.sorted(by: { $0.key < $1.key }) where entry.claim == uid { letGo(gone) }
    }

    private mutating func letGo(_ uid: String) {
        guard let entry = held.removeValue(forKey: uid) else { return }
        crash(entry.claim, entry.sandbox.view.name, id: uid)
        tellGone(uid, entry.sandbox)
    }

    private mutating func tellGone(_ uid: String, _ sandbox: Sandbox) {
        guard sandbox.isTold, let pool = sandbox.pool else { return }
        say(.gone(reason: "its sandbox was deleted"), pool, sandbox.view.name, uid, id: "\(uid)-gone")
    }
}

extension Duration {
    /// Rounded down, and never below 0.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return max(0, seconds.multipliedReportingOverflow(by: 1_000).partialValue &+ attoseconds / 1_000_000_000_000_000)
    }
}
