import Views
import Domain
import Inspection

// What is known of the demo while it runs?
//
// Everything that arrives, from the log's stream and from `/v1/pools`, meets here: which actors rest and may be asked
// again, what the screen shows, and whether it is over. The actor guards all of it; nothing in it waits.

actor DemoStage {
    private let plan: DemoPlan
    private var cast: ActorCast
    private var nextArrival = 0
    private(set) var wasStopped = false
    /// Turns whose actor was busy when they arrived, and rests now.
    private var released: [ActorCast.Turn] = []
    private var inFlight: [String: Int] = [:]
    private var report = RunReport()
    private var lastSeq: Position = 0
    private var pools: [PoolView] = []
    /// Whether the pools were seen after the last turn ended.
    private var poolsAreCurrent = false
    private var decisions: [RecordedDecision] = []
    private var samples: [Sample] = []
    private var notes: [String] = []
    private var notesMade = 0

    struct Sample: Hashable, Sendable {
        var demand: Int
        var workers: Int
    }

    /// What a frame of the screen is made of.
    struct View: Sendable {
        var lastSeq: Position
        var requests: Int
        var turnsDone: Int
        var killed: Int
        var restores: RestoreCounts
        var planned: Int
        var pools: [PoolView]
        var samples: [Sample]
        var decisions: [RecordedDecision]
        /// What happened beside the turns: the last of them, and how many there were.
        var notes: [String]
        var notesMade: Int
    }

    /// Ten minutes of them; a longer run shows its last ten.
    private static let samplesKept = 3_000
    private static let decisionsKept = 8
    private static let notesKept = 4

    init(_ plan: DemoPlan) {
        self.plan = plan
        cast = ActorCast(pools: plan.pools, seed: plan.seed)
    }

    // MARK: - For the driver

    /// Turns to ask for at that many seconds after the beginning, at most `limit`.
    func due(atSeconds now: Double, limit: Int) -> [ActorCast.Turn] {
        guard !wasStopped else { return [] }
        var turns = Array(released.prefix(limit))
        released.removeFirst(turns.count)
        while turns.count < limit, nextArrival < plan.arrivals.count, plan.arrivals[nextArrival].atSeconds <= now {
            if let turn = cast.assign(plan.arrivals[nextArrival]) { turns.append(turn) }
            nextArrival += 1
        }
        for turn in turns { inFlight[turn.actor] = turn.arrival.pool }
        if !turns.isEmpty { poolsAreCurrent = false }
        return turns
    }

    var hasAskedForAll: Bool { wasStopped || (nextArrival == plan.arrivals.count && released.isEmpty && cast.heldCount == 0) }

    /// Asks for nothing more.
    func stopRequests() { wasStopped = true }

    // MARK: - What comes in

    func apply(_ event: EventRecord) {
        guard event.seq > lastSeq else { return }
        lastSeq = event.seq
        for actor in report.apply(event) {
            guard let pool = inFlight.removeValue(forKey: actor) else { continue }
            poolsAreCurrent = false
            if let turn = cast.rested(actor, pool: pool) { released.append(turn) }
        }
        if let decision = RecordedDecision(event), decision.decision.from != decision.decision.to {
            decisions.append(decision)
            decisions = decisions.suffix(Self.decisionsKept)
        }
    }

    func apply(_ views: [PoolView]) {
        pools = views
        poolsAreCurrent = true
        samples.append(
            Sample(
                demand: views.reduce(0) { $0 + $1.demand.total },
                workers: views.reduce(0) { $0 + $1.ready + $1.starting + $1.draining }))
        samples = samples.suffix(Self.samplesKept)
    }

    func note(_ text: String) {
        notes = (notes + [text]).suffix(Self.notesKept)
        notesMade += 1
    }

    // MARK: - Answers

    var position: Position { lastSeq }
    var turnsInFlight: Int { inFlight.count }
    var turnsDone: Int { report.turnsDone }

    /// All turns have ended and every pool is back at zero.
    var isOver: Bool {
        hasAskedForAll && inFlight.isEmpty && poolsAreCurrent && pools.allSatisfy { $0.desired + $0.ready + $0.starting + $0.draining == 0 }
    }

    func view() -> View {
        View(
            lastSeq: lastSeq, requests: report.requests, turnsDone: report.turnsDone, killed: report.killed, restores: report.restores,
            planned: plan.arrivals.count, pools: pools, samples: samples, decisions: decisions,
            notes: notes, notesMade: notesMade)
    }
}
