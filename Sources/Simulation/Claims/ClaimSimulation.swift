import Basics
import Domain
import State

// What happens to a pool of unclaimed workers on a trace?
//
// As `PoolSimulation`, of a pool whose workers leave when they are taken: a turn is a claim, and `service` is how long it keeps what it got.
//
//     members become ready → claims that wait take them, the oldest first → claims arrive → the scaler says how many → members are made
//
// A claim takes a ready member at once (warm), and a new one is made in its place at once. Where none is ready and some are on their way
// it waits as Agent Sandbox' controller lets it: until two seconds after its creation, which has whole seconds. Then, or at once where
// there is none at all, a worker is made for it alone (cold): that takes a start. A scale-down takes members that aren't ready, then the
// newest. What a pool costs is its members' time, ready or not, until they are taken.
//
// Always: nobody loses what it took; time never goes back; the same trace, settings and scaler give the same result, to the byte.

struct ClaimSimulation<Scaler: SimulatedScaler>: Sendable {
    private enum Happening: UInt8, Sendable { case ended, memberReady, graceOver, coldReady, wake }

    private struct Event: Comparable, Sendable {
        var at: Int64
        var happening: Happening
        /// Of the claim, or the member.
        var subject: Int32

        static func < (a: Event, b: Event) -> Bool {
            if a.at != b.at { return a.at < b.at }
            return a.happening == b.happening ? a.subject < b.subject : a.happening.rawValue < b.happening.rawValue
        }
    }

    private let trace: ArrivalTrace
    private let settings: SimulationSettings
    private var scaler: Scaler
    private var random: SplitMix64
    private var starts = DurationRing()
    private var flow = ClaimFlow()
    private var events = MinHeap<Event>()
    /// When each member was asked for, by number.
    private var askedAt: [Int64] = []
    /// Members that aren't ready, and those that are, in the order in which they were made, and got ready.
    private var starting: [Int32] = []
    private var ready: [Int32] = []
    private var waiting: [Int32] = []
    private var latencies: [Int64]
    private var isCold: [Bool]
    private var served = 0
    private var running = 0
    private var nextArrival = 0

    private var now: Int64 = 0
    private var desired = 0
    private var wakeAt: Int64 = -1
    private var meter = SimulationMeter()
    private var readyMeter = SimulationMeter()
    private var timeline: PoolTimeline?

    init(trace: ArrivalTrace, settings: SimulationSettings, scaler: Scaler) {
        self.trace = trace
        self.settings = settings
        self.scaler = scaler
        random = SplitMix64(seed: settings.seed)
        latencies = [Int64](repeating: 0, count: trace.turns.count)
        isCold = [Bool](repeating: false, count: trace.turns.count)
    }

    // MARK: - Running

    mutating func run(records: Bool) -> SimulationRecording {
        if records {
            timeline = PoolTimeline()
            scaler.keepReasons()
        }
        runToEnd()
        return SimulationRecording(
            result: result(0..<trace.turns.count, meter, readyMeter), timeline: timeline ?? PoolTimeline(), slotsPerWorker: 1,
            endMicroseconds: now)
    }

    /// One run, told in two parts: a claim belongs where it arrives.
    mutating func run(border: Int64) -> (before: SimulationResult, after: SimulationResult) {
        (meter.border, readyMeter.border) = (border, border)
        runToEnd()
        let index = trace.turns.firstIndex { $0.arrivalMicroseconds >= border } ?? trace.turns.count
        let (before, readyBefore) = (meter.beforeBorder ?? meter, readyMeter.beforeBorder ?? readyMeter)
        return (
            result(0..<index, before, readyBefore),
            result(index..<trace.turns.count, meter.since(before), readyMeter.since(readyBefore))
        )
    }

    private mutating func runToEnd() {
        now = min(0, trace.turns.first?.arrivalMicroseconds ?? 0)
        meter.begin(at: now)
        readyMeter.begin(at: now)
        desired = min(settings.initialReady ?? scaler.initialReplicas, SimulationSettings.mostWorkers)
        for _ in 0..<desired {
            ready.append(Int32(askedAt.count))
            askedAt.append(now)
        }
        _ = happen()
        commit()
        // Whoever cancels the task of a simulation reads no result.
        while served < trace.turns.count, !(meter.commits.isMultiple(of: SimulationSettings.commitsPerLook) && Task.isCancelled) {
            guard let next = nextInstant() else {
                preconditionFailure("\(trace.turns.count - served) claims are left and nothing will happen")
            }
            now = next
            if happen() { commit() }
        }
        meter.advance(to: now)
        readyMeter.advance(to: now)
    }

    private func nextInstant() -> Int64? {
        let arrival = nextArrival < trace.turns.count ? trace.turns[nextArrival].arrivalMicroseconds : nil
        guard let event = events.min?.at else { return arrival }
        return arrival.map { min($0, event) } ?? event
    }

    /// False where it was nothing.
    private mutating func happen() -> Bool {
        var isNews = false
        while let event = events.min, event.at == now {
            events.removeMin()
            switch event.happening {
            case .ended:
                running -= 1
                isNews = true
            case .memberReady: isNews = becomeReady(event.subject) || isNews
            case .graceOver: isNews = goCold(event.subject) || isNews
            case .coldReady: isNews = true
            case .wake: isNews = isNews || event.at == wakeAt
            }
        }
        while nextArrival < trace.turns.count, trace.turns[nextArrival].arrivalMicroseconds == now {
            arrive(Int32(nextArrival))
            nextArrival += 1
            isNews = true
        }
        return isNews
    }

    // MARK: - Claims

    private mutating func arrive(_ claim: Int32) {
        flow.arrived(at: date, refillMicroseconds: starts.p90Microseconds)
        if !ready.isEmpty {
            ready.removeFirst()
            serve(claim)
        } else if starting.isEmpty {
            start(claim)
        } else {
            waiting.append(claim)
            let second: Int64 = 1_000_000
            let created = now >= 0 ? now / second * second : now
            events.insert(Event(at: max(now, created + settings.claimGraceMicroseconds), happening: .graceOver, subject: claim))
        }
    }

    /// The member is the claim's, and another is made at once: the count is one of those that nobody has.
    private mutating func serve(_ claim: Int32) {
        finish(claim, at: now)
        refill()
    }

    private mutating func finish(_ claim: Int32, at ready: Int64) {
        let turn = trace.turns[Int(claim)]
        latencies[Int(claim)] = ready - turn.arrivalMicroseconds
        served += 1
        running += 1
        events.insert(Event(at: ready.addingClamped(turn.serviceMicroseconds), happening: .ended, subject: claim))
    }

    /// A worker is made for it alone.
    private mutating func start(_ claim: Int32) {
        isCold[Int(claim)] = true
        let ready = now + startMicroseconds()
        finish(claim, at: ready)
        // An event in a log, so that a policy looks again.
        events.insert(Event(at: ready, happening: .coldReady, subject: claim))
    }

    private mutating func goCold(_ claim: Int32) -> Bool {
        guard let index = waiting.firstIndex(of: claim) else { return false }
        waiting.remove(at: index)
        start(claim)
        return true
    }

    // MARK: - Members

    private mutating func refill() {
        while starting.count + ready.count < desired {
            let member = Int32(askedAt.count)
            askedAt.append(now)
            starting.append(member)
            meter.starts += 1
            events.insert(Event(at: now + startMicroseconds(), happening: .memberReady, subject: member))
        }
    }

    private mutating func becomeReady(_ member: Int32) -> Bool {
        // It may have been taken back meanwhile.
        guard let index = starting.firstIndex(of: member) else { return false }
        starting.remove(at: index)
        starts.add(microseconds: now - askedAt[Int(member)])
        if waiting.isEmpty { ready.append(member) } else { serve(waiting.removeFirst()) }
        return true
    }

    private mutating func release() {
        while starting.count + ready.count > desired { if starting.popLast() == nil { ready.removeLast() } }
    }

    private mutating func startMicroseconds() -> Int64 {
        switch settings.start {
        case .constant(let microseconds): microseconds
        case .measured(let microseconds): microseconds[random.index(below: microseconds.count)]
        }
    }

    // MARK: - Scaling

    private mutating func commit() {
        meter.commits += 1
        precondition(meter.commits < SimulationSettings.mostCommits, "\(scaler.name) was asked \(meter.commits) times by \(now) µs")
        flow.pass(to: date)
        let before = snapshot
        let wanted = min(max(scaler.replicas(for: before), 0), SimulationSettings.mostWorkers)
        if wanted != desired {
            desired = wanted
            refill()
            release()
            let reasons = timeline == nil ? ScalingReasons() : scaler.reasons(for: before, to: desired)
            timeline?.note(
                ReportDecision(seconds: Double(now) / 1e6, from: before.replicas, to: desired, code: reasons.code, why: reasons.lines))
        }
        meter.note(present: starting.count + ready.count, desired: desired, at: now)
        readyMeter.note(present: ready.count, desired: desired, at: now)
        timeline?.note(
            atSeconds: Double(now) / 1e6, demand: running + waiting.count, desired: desired, ready: ready.count, busy: running)
        setAlarm()
    }

    /// When it is by the calendar, which claims and policies go by.
    private var date: LogTime { settings.beginsAt.adding(microseconds: now) }

    private var snapshot: PoolSnapshot {
        PoolSnapshot(
            at: LogTime(microseconds: now), replicas: desired, starting: starting.count, idle: ready.count, resident: running,
            waiting: waiting.count,
            startMicroseconds: starts.p90Microseconds,
            claims: flow.demand(
                queued: waiting.count, ready: ready.count, refillMicroseconds: starts.p90Microseconds, predicts: true, at: date),
            arrived: nextArrival)
    }

    private mutating func setAlarm() {
        let wake = scaler.nextWake?.microseconds ?? .max
        guard wake != wakeAt else { return }
        wakeAt = wake
        guard wake > now, wake != .max else { return }
        events.insert(Event(at: wake, happening: .wake, subject: 0))
    }

    private func result(_ claims: Range<Int>, _ meter: SimulationMeter, _ ready: SimulationMeter) -> SimulationResult {
        var result = SimulationResult(
            policy: scaler.name, turns: claims.count, waits: .init(microseconds: Array(latencies[claims])),
            workerMicroseconds: meter.workerMicroseconds,
            usefulMicroseconds: trace.turns[claims].reduce(0) { $0 + $1.serviceMicroseconds }, killed: 0, flaps: meter.flaps,
            starts: meter.starts, replicas: meter.replicas, commits: meter.commits)
        result.claims = SimulatedClaims(cold: isCold[claims].count { $0 }, readyMicroseconds: ready.workerMicroseconds)
        return result
    }
}

/// How the claims of a run were served.
package struct SimulatedClaims: Hashable, Sendable {
    /// Claims for which a worker had to be made; all others were served by one of the pool's.
    package var cold: Int
    /// Worker-time ready and unclaimed; `workerMicroseconds` has that of members that start as well.
    package var readyMicroseconds: Int64
}
