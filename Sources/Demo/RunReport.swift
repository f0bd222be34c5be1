package import Domain
package import Inspection

// What came of a run, by its log alone?
//
// A fold over the events, in order: how long each turn waited, what the workers cost, what was decided, whether a turn was
// lost. It uses the domain's actor state machine, so it counts only what changed something.

package struct RunReport: Sendable {
    package struct Pool: Hashable, Sendable {
        package var name: String
        package var scaleUps = 0
        package var scaleDowns = 0
        /// The most workers decided on.
        var peakDesired = 0
        /// The most workers ready at once.
        var peakReady = 0
        package var desired = 0
        package var ready = 0
        package var draining = 0
        package var slots = 1

        /// Workers that cost something now: started or starting.
        fileprivate var paid: Int { max(desired, ready) + draining }
    }

    struct Waits: Hashable, Sendable {
        var mean: Double
        var p50: Double
        var p95: Double
        var p99: Double
        var max: Double
    }

    package private(set) var events = 0
    package private(set) var firstAt: LogTime?
    package private(set) var lastAt: LogTime?
    package private(set) var pools: [Pool] = []
    package private(set) var requests = 0
    package private(set) var withdrawn = 0
    private(set) var turnsDone = 0
    /// Turns whose actor crashed, or whose worker went, before they ended.
    package private(set) var killed = 0
    private(set) var failedActuations = 0
    /// Placements by tier: how near the actor's state was.
    package private(set) var restores = RestoreCounts()
    /// Cold placements of actors that had a snapshot, which came from afar.
    private(set) var coldFromSnapshot = 0
    /// Slots paid for, times seconds.
    private(set) var slotSeconds = 0.0
    package private(set) var workerSeconds = 0.0
    /// Seconds in which a turn ran.
    private(set) var usefulSeconds = 0.0

    package init() {}

    private var waits: [Double] = []
    private var actors: [String: Turn] = [:]
    private var workers: [String: Worker] = [:]

    private struct Turn: Sendable {
        var track = ActorTrack()
        var requestedAt: LogTime?
        var runningAt: LogTime?
        /// Of its placement, until it runs.
        var tier: RestoreTier?
        var turns = 0
    }

    private struct Worker: Sendable {
        var pool: Int
        var isDraining = false
        var actors: Set<String> = []
    }

    // MARK: - Folding

    /// Answers the actors that came to rest: they may ask again.
    @discardableResult
    package mutating func apply(_ event: EventRecord) -> [String] {
        advance(to: event.at)
        events += 1
        switch event.kind?.subject {
        case .actor: return applyActor(event) ? [event.subject] : []
        case .worker: return applyWorker(event)
        case .pool: applyPool(event)
        case .node, .holder, .service, nil: break
        }
        return []
    }

    private mutating func advance(to now: LogTime) {
        if let lastAt {
            let seconds = now.seconds(since: lastAt)
            for pool in pools {
                workerSeconds += seconds * Double(pool.paid)
                slotSeconds += seconds * Double(pool.paid * pool.slots)
            }
        }
        firstAt = firstAt ?? now
        lastAt = now
    }

    /// Answers whether the actor rests now.
    private mutating func applyActor(_ event: EventRecord) -> Bool {
        var turn = actors[event.subject] ?? Turn()
        let before = turn.track
        guard let state = turn.track.apply(event), let kind = event.kind else { return false }
        if before.worker != turn.track.worker {
            if let left = before.worker { workers[left]?.actors.remove(event.subject) }
            if let entered = turn.track.worker { workers[entered]?.actors.insert(event.subject) }
        }
        switch kind {
        case .actorRequested:
            requests += 1
            turn.requestedAt = event.at
        case .actorWithdrawn:
            withdrawn += 1
            turn.requestedAt = nil
        case .actorPlaced:
            let tier = Self.tier(event)
            restores.place(tier)
            turn.tier = tier
            if tier == .cold, !event.data["restoreFrom"].isNull { coldFromSnapshot += 1 }
        case .actorRunning:
            if let requestedAt = turn.requestedAt { waits.append(event.at.seconds(since: requestedAt)) }
            if let tier = turn.tier, let millis = event.data["restoreMillis"].integer { restores.report(tier, millis: millis) }
            turn.tier = nil
            turn.requestedAt = nil
            turn.runningAt = event.at
        default:
            if !state.isResident { end(&turn, crashed: state == .crashed, event) }
        }
        actors[event.subject] = turn
        return state.isResting
    }

    private mutating func end(_ turn: inout Turn, crashed: Bool, _ event: EventRecord) {
        if crashed { killed += 1 }
        if let runningAt = turn.runningAt {
            // What a killed turn did was for nothing.
            if !crashed {
                usefulSeconds += event.at.seconds(since: runningAt)
                turnsDone += 1
                turn.turns += 1
            }
        }
        turn.runningAt = nil
    }

    /// Answers the actors that crashed with it.
    private mutating func applyWorker(_ event: EventRecord) -> [String] {
        switch event.kind {
        case .workerReady:
            guard workers[event.subject] == nil else { break }
            let pool = poolIndex(event.data["pool"].string ?? "")
            workers[event.subject] = Worker(pool: pool)
            pools[pool].ready += 1
            pools[pool].slots = Int(event.data["slots"].integer ?? 1)
            pools[pool].peakReady = max(pools[pool].peakReady, pools[pool].ready)
        case .workerDraining:
            guard let worker = workers[event.subject], !worker.isDraining else { break }
            workers[event.subject]?.isDraining = true
            pools[worker.pool].ready -= 1
            pools[worker.pool].draining += 1
        case .workerGone:
            guard let worker = workers.removeValue(forKey: event.subject) else { break }
            if worker.isDraining { pools[worker.pool].draining -= 1 } else { pools[worker.pool].ready -= 1 }
            return worker.actors.sorted().filter { lose($0, event) }
        default: break
        }
        return []
    }

    /// Its worker went while it held a slot.
    private mutating func lose(_ actor: String, _ event: EventRecord) -> Bool {
        guard var turn = actors[actor], turn.track.lostWorker() else { return false }
        end(&turn, crashed: true, event)
        actors[actor] = turn
        return true
    }

    private mutating func applyPool(_ event: EventRecord) {
        let pool = poolIndex(event.pool ?? "")
        switch event.kind {
        case .scaleDecided:
            guard event.data["shadow"].isNull, let from = event.data["from"].integer, let to = event.data["to"].integer else { return }
            pools[pool].peakDesired = max(pools[pool].peakDesired, Int(to))
            if to > from { pools[pool].scaleUps += 1 }
            if to < from { pools[pool].scaleDowns += 1 }
        case .scaleApplied: pools[pool].desired = Int(event.data["to"].integer ?? 0)
        case .scaleFailed: failedActuations += 1
        default: break
        }
    }

    private mutating func poolIndex(_ name: String) -> Int {
        if let index = pools.firstIndex(where: { $0.name == name }) { return index }
        pools.append(Pool(name: name))
        return pools.count - 1
    }

    private static func tier(_ event: EventRecord) -> RestoreTier {
        RestoreTier.allCases.first { $0.name == event.data["tier"].string } ?? .cold
    }

    // MARK: - Answers

    package var scaleUps: Int { pools.reduce(0) { $0 + $1.scaleUps } }
    package var scaleDowns: Int { pools.reduce(0) { $0 + $1.scaleDowns } }
    var turnsRunning: Int { actors.values.count { $0.runningAt != nil } }

    /// Asked for a worker, and never ran since.
    var neverRan: Int { actors.values.count { $0.requestedAt != nil } }

    /// Slot-seconds for each useful second; nil before any turn ended.
    package var costRatio: Double? { usefulSeconds > 0 ? slotSeconds / usefulSeconds : nil }

    package var seconds: Double {
        guard let firstAt, let lastAt else { return 0 }
        return lastAt.seconds(since: firstAt)
    }

    /// From request to running, by nearest rank; nil where nothing ran.
    func waitQuantiles() -> Waits? {
        let sorted = waits.sorted()
        guard let longest = sorted.last else { return nil }
        func quantile(_ q: Double) -> Double { sorted[min(sorted.count - 1, max(0, Int((q * Double(sorted.count)).rounded(.up)) - 1))] }
        let mean = sorted.reduce(0, +) / Double(sorted.count)
        return Waits(mean: mean, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), max: longest)
    }

    /// The pool that grew largest; the first by name among equals.
    var largestPool: Pool? {
        pools.filter { $0.peakDesired > 0 }.min { ($1.peakDesired, $0.name) < ($0.peakDesired, $1.name) }
    }

    /// The actor with the most turns; the first by name among equals.
    var busiestActor: String? {
        actors.filter { $0.value.turns > 0 }.min { ($1.value.turns, $0.key) < ($0.value.turns, $1.key) }?.key
    }
}
