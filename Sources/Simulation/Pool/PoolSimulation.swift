import Basics
import Domain
import State

// What happens to one pool on a trace?
//
// A discrete-event simulation, exact in microseconds. All that happens at one instant is one commit, as in the live loop:
//
//     turns end, workers become ready, turns arrive → free slots go to those who wait, the oldest first
//         → the scaler says how many → workers are asked for, or surplus ones go
//
// Always: a turn has one slot from its beginning to its end; time never goes back; the same trace, settings and scaler
// give the same result, to the byte. Nodes, and the snapshots in their caches, are simulated where the settings say so
// (`PoolSimulation+Nodes`). Not simulated: zones, several pools.

struct PoolSimulation<Scaler: SimulatedScaler>: Sendable {
    enum Happening: UInt8, Sendable { case turnEnded, workerReady, wake, lookElsewhere }

    struct Event: Comparable, Sendable {
        var at: Int64
        var happening: Happening
        /// Of the turn, or the worker.
        var subject: Int32
        /// Of the turn's attempt: an end that was planned before a kill means nothing any more.
        var attempt: Int32

        static func < (a: Event, b: Event) -> Bool {
            if a.at != b.at { return a.at < b.at }
            if a.happening != b.happening { return a.happening.rawValue < b.happening.rawValue }
            return a.subject != b.subject ? a.subject < b.subject : a.attempt < b.attempt
        }
    }

    /// What is known of a turn beside its place in the trace.
    struct Standing: Sendable {
        var worker: Int32 = -1
        var attempt: Int32 = 0
        var waitsSince: Int64
        var waited: Int64 = 0
        var isUnserved = false
    }

    let trace: ArrivalTrace
    let settings: SimulationSettings
    private var scaler: Scaler
    private var random: SplitMix64
    private var starts: DurationRing
    var workers: SimulatedWorkers
    var events = MinHeap<Event>()
    var standings: [Standing]
    /// Turns in the order in which they take slots; those before `queueHead` did.
    var queue: [Int32] = []
    var queueHead = 0
    /// nil where workers are all alike.
    var nodes: SimulatedNodes?
    private var nextArrival = 0
    private var ended = 0

    var now: Int64 = 0
    private var desired = 0
    private var wakeAt: Int64 = -1
    private var meter = SimulationMeter()
    /// Recorded only where a report is asked for.
    private var timeline: PoolTimeline?

    init(trace: ArrivalTrace, settings: SimulationSettings, scaler: Scaler) {
        self.trace = trace
        self.settings = settings
        self.scaler = scaler
        random = SplitMix64(seed: settings.seed)
        starts = DurationRing()
        workers = SimulatedWorkers(slots: scaler.slotsPerWorker, offersFree: settings.nodes == nil)
        nodes = settings.nodes.map {
            SimulatedNodes($0, trace: trace, resumeMicroseconds: settings.resumeMicroseconds, seed: settings.seed)
        }
        standings = trace.turns.map { Standing(waitsSince: $0.arrivalMicroseconds) }
    }

    // MARK: - Running

    mutating func run() -> SimulationResult {
        runToEnd()
        return result(turns: standings[...], meter)
    }

    /// One run; where `records`, with how its counts moved, and why.
    mutating func run(records: Bool) -> SimulationRecording {
        if records {
            timeline = PoolTimeline()
            scaler.keepReasons()
        }
        let result = run()
        return SimulationRecording(
            result: result, timeline: timeline ?? PoolTimeline(), slotsPerWorker: scaler.slotsPerWorker, endMicroseconds: now)
    }

    /// One run, told in two parts: what happened before `border`, and from then on. A turn belongs where it arrives.
    mutating func run(border: Int64) -> (before: SimulationResult, after: SimulationResult) {
        meter.border = border
        runToEnd()
        let index = trace.turns.firstIndex { $0.arrivalMicroseconds >= border } ?? trace.turns.count
        let before = meter.beforeBorder ?? meter
        return (result(turns: standings[..<index], before), result(turns: standings[index...], meter.since(before)))
    }

    private mutating func runToEnd() {
        begin()
        while ended < trace.turns.count, !isCancelled {
            // A policy may ask for no worker while turns wait: then nothing happens any more.
            guard let next = nextInstant() else {
                leaveUnserved()
                break
            }
            assert(next >= now, "time goes back")
            now = next
            if happen() { commit() }
        }
        meter.advance(to: now)
    }

    /// Whoever cancels the task of a simulation reads no result.
    private var isCancelled: Bool { meter.commits.isMultiple(of: SimulationSettings.commitsPerLook) && Task.isCancelled }

    private mutating func leaveUnserved() {
        for turn in queue[queueHead...] {
            standings[Int(turn)].waited += now - standings[Int(turn)].waitsSince
            standings[Int(turn)].isUnserved = true
        }
    }

    private func result(turns: ArraySlice<Standing>, _ meter: SimulationMeter) -> SimulationResult {
        SimulationResult(
            policy: scaler.name, turns: turns.count, waits: .init(microseconds: turns.map(\.waited)),
            workerMicroseconds: meter.workerMicroseconds,
            usefulMicroseconds: turns.indices.reduce(0) { $0 + (turns[$1].isUnserved ? 0 : trace.turns[$1].serviceMicroseconds) },
            killed: meter.killed, flaps: meter.flaps, starts: meter.starts, replicas: meter.replicas, commits: meter.commits,
            unserved: turns.count { $0.isUnserved }, restores: nodes?.restores)
    }

    private mutating func begin() {
        now = min(0, trace.turns.first?.arrivalMicroseconds ?? 0)
        meter.begin(at: now)
        desired = min(settings.initialReady ?? scaler.initialReplicas, SimulationSettings.mostWorkers)
        for _ in 0..<desired { noteReady(addWorker()) }
        meter.note(present: workers.present, desired: desired, at: now)
        record()
        _ = happen()
        commit()
    }

    private func nextInstant() -> Int64? {
        let arrival = nextArrival < trace.turns.count ? trace.turns[nextArrival].arrivalMicroseconds : nil
        guard let event = events.min?.at else { return arrival }
        return arrival.map { min($0, event) } ?? event
    }

    /// False where it was nothing: an alarm that was set anew, an end that a kill forestalled.
    private mutating func happen() -> Bool {
        var isNews = false
        while let event = events.min, event.at == now {
            events.removeMin()
            switch event.happening {
            case .turnEnded: isNews = end(event) || isNews
            case .workerReady: isNews = becomeReady(Int(event.subject)) || isNews
            case .wake: isNews = isNews || event.at == wakeAt
            case .lookElsewhere: isNews = true
            }
        }
        while nextArrival < trace.turns.count, trace.turns[nextArrival].arrivalMicroseconds == now {
            if nodes?.admits(Int32(nextArrival)) ?? true { queue.append(Int32(nextArrival)) }
            nextArrival += 1
            isNews = true
        }
        place()
        return isNews
    }

    // MARK: - Turns

    private mutating func place() {
        if nodes != nil {
            placeOnNodes()
        } else {
            while queueHead < queue.count, let worker = workers.nextFree() {
                let turn = queue[queueHead]
                queueHead += 1
                begin(turn, on: worker, resumeMicroseconds: trace.turns[Int(turn)].resumeMicroseconds ?? settings.resumeMicroseconds)
            }
        }
        // Only what is before the head is dropped, and seldom.
        if queueHead > 65_536, queueHead * 2 > queue.count {
            queue.removeFirst(queueHead)
            queueHead = 0
        }
    }

    mutating func begin(_ turn: Int32, on worker: Int, resumeMicroseconds: Int64) {
        let k = Int(turn)
        workers.begin(turn, on: worker)
        standings[k].worker = Int32(worker)
        standings[k].waited += now - standings[k].waitsSince
        let end = now + resumeMicroseconds + trace.turns[k].serviceMicroseconds
        events.insert(Event(at: end, happening: .turnEnded, subject: turn, attempt: standings[k].attempt))
    }

    private mutating func end(_ event: Event) -> Bool {
        let k = Int(event.subject)
        guard standings[k].attempt == event.attempt else { return false }
        workers.end(event.subject, on: Int(standings[k].worker))
        if nodes != nil { leaveNode(event.subject, Int(standings[k].worker)) }
        standings[k].attempt = .max
        ended += 1
        return true
    }

    /// Turns that lost their worker begin again, before those who never had one.
    private mutating func retry(_ turns: [Int32]) {
        for turn in turns.sorted() {
            standings[Int(turn)].attempt += 1
            standings[Int(turn)].waitsSince = now
        }
        queue.replaceSubrange(..<queueHead, with: [])
        queueHead = 0
        queue.insert(contentsOf: turns.sorted(), at: 0)
    }

    // MARK: - Scaling

    private mutating func commit() {
        meter.commits += 1
        precondition(meter.commits < SimulationSettings.mostCommits, "\(scaler.name) was asked \(meter.commits) times by \(now) µs")
        let before = snapshot
        let wanted = min(max(scaler.replicas(for: before), 0), SimulationSettings.mostWorkers)
        if wanted != desired {
            let killed = meter.killed
            desired = wanted
            resize()
            place()
            if timeline != nil { record(changeFrom: before, killed: meter.killed - killed) }
        }
        meter.note(present: workers.present, desired: desired, at: now)
        record()
        setAlarm()
    }

    private mutating func record() {
        timeline?.note(
            atSeconds: Double(now) / 1e6, demand: workers.resident + queue.count - queueHead, desired: desired,
            ready: workers.idle + workers.partial + workers.full, busy: workers.partial + workers.full + workers.drainingBusy)
    }

    private mutating func record(changeFrom before: PoolSnapshot, killed: Int) {
        let reasons = scaler.reasons(for: before, to: desired)
        let lines = reasons.lines + (killed > 0 ? ["killed \(killed) running turns: victims are picked blindly"] : [])
        timeline?.note(ReportDecision(seconds: Double(now) / 1e6, from: before.replicas, to: desired, code: reasons.code, why: lines))
    }

    private var snapshot: PoolSnapshot {
        PoolSnapshot(
            at: LogTime(microseconds: now), replicas: desired, starting: workers.starting, idle: workers.idle, partial: workers.partial,
            full: workers.full, drainingBusy: workers.drainingBusy, resident: workers.resident, waiting: queue.count - queueHead,
            startMicroseconds: starts.p90Microseconds)
    }

    private mutating func setAlarm() {
        // A wake that is past would be due at once, for ever.
        let wake = scaler.nextWake?.microseconds ?? .max
        guard wake != wakeAt else { return }
        wakeAt = wake
        guard wake > now, wake != .max else { return }
        events.insert(Event(at: wake, happening: .wake, subject: 0, attempt: 0))
    }

    private mutating func resize() {
        let surplus = workers.serving - desired
        if surplus < 0 { start(-surplus) } else if surplus > 0 { release(surplus) }
    }

    private mutating func start(_ count: Int) {
        for _ in 0..<count {
            let worker = addWorker()
            events.insert(Event(at: now + startMicroseconds(), happening: .workerReady, subject: Int32(worker), attempt: 0))
        }
        meter.starts += count
    }

    private mutating func becomeReady(_ worker: Int) -> Bool {
        // It may have been taken back meanwhile.
        guard workers.isStarting(worker) else { return false }
        starts.add(microseconds: now - workers.askedAtMicroseconds(worker))
        noteReady(worker)
        return true
    }

    private mutating func addWorker() -> Int {
        let worker = workers.add(at: now)
        nodes?.added(worker)
        return worker
    }

    private mutating func noteReady(_ worker: Int) {
        workers.becameReady(worker)
        nodes?.becameReady(worker, slots: workers.slots)
    }

    private mutating func removeWorker(_ worker: Int) -> [Int32] {
        nodes?.removed(worker)
        return workers.remove(worker)
    }

    private mutating func startMicroseconds() -> Int64 {
        switch settings.start {
        case .constant(let microseconds): microseconds
        case .measured(let microseconds): microseconds[random.index(below: microseconds.count)]
        }
    }

    private mutating func release(_ surplus: Int) {
        let unborn = workers.youngestStarting(surplus)
        for worker in unborn { _ = removeWorker(worker) }
        let rest = surplus - unborn.count
        guard rest > 0 else { return }
        switch scaler.victims {
        case .idle: for worker in nodes?.victims(rest, at: now) ?? workers.youngestIdle(rest) { _ = removeWorker(worker) }
        case .blind: kill(rest)
        case .graceful: for worker in drawn(rest) { drain(worker) }
        }
    }

    private mutating func kill(_ count: Int) {
        var lost: [Int32] = []
        for worker in drawn(count) { lost += removeWorker(worker) }
        meter.killed += lost.count
        if !lost.isEmpty { retry(lost) }
    }

    private mutating func drain(_ worker: Int) {
        workers.drain(worker)
        if workers.isGone(worker) { nodes?.removed(worker) } else { nodes?.drains(worker) }
    }

    /// Any of the ready ones, each as likely as the others.
    private mutating func drawn(_ count: Int) -> [Int] {
        var candidates = workers.ready
        var drawn: [Int] = []
        for _ in 0..<min(count, candidates.count) {
            let index = random.index(below: candidates.count)
            drawn.append(candidates[index])
            candidates.swapAt(index, candidates.count - 1)
            candidates.removeLast()
        }
        return drawn
    }
}
