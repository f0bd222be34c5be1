package import Domain
import Autoscaling
package import EventLog
import Placement

// How does the folded state survive without folding everything again?
//
// A checkpoint is the state as bytes, at one position. It is only a cache: what can't be read, or was written by another
// version, is ignored and the log folded from an older one, or from the start.

extension State {
    /// Rises with every change of the bytes' meaning.
    package static let checkpointVersion = 14

    package func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingBytes: 4_096 + actors.capacity * ActorRecord.encodedBytes)
        writer.integer(position)
        writer.time(at)
        writer.list(Array(1..<(labels.count + 1))) { writer, id in writer.string(labels.text(of: NameID(UInt32(id)))) }
        writer.list(pools) { writer, pool in pool.encode(into: &writer) }
        workers.encode(into: &writer)
        actors.encode(into: &writer)
        tombstones.encode(into: &writer)
        active.encode(into: &writer)
        forecasts.encode(into: &writer)
        writer.bool(splitsDemand)
        placer.encodeWithoutWorkers(into: &writer)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(ByteFault) {
        let result = bytes.withUnsafeBytes { raw -> Result<State, ByteFault> in
            var reader = ByteReader(raw)
            do throws(ByteFault) { return .success(try State(from: &reader)) } catch { return .failure(error) }
        }
        self = try result.get()
    }

    private init(from reader: inout ByteReader) throws(ByteFault) {
        position = try reader.integer()
        at = try reader.time()
        for name in try reader.list({ reader throws(ByteFault) in try reader.string() }) { _ = labels.intern(name) }
        pools = try reader.list { reader throws(ByteFault) in try PoolState(from: &reader) }
        for (index, pool) in pools.enumerated() { poolByName.set(pool.name, index) }
        deletedPools = pools.count { $0.isDeleted }
        workers = try WorkerTable(from: &reader)
        // An event brings at most four new names: its source, subject, pool and worker. A subject or a worker may have a second.
        actors = try ActorTable(from: &reader, lastName: position.multipliedReportingOverflow(by: 6).partialValue)
        tombstones = try Tombstones(from: &reader)
        active = try ActiveSnapshots(from: &reader)
        forecasts = try WakeForecasts(from: &reader)
        splitsDemand = try reader.bool()
        try checkReferences(reader.offset)
        let known = workers.indices.map { (index: $0, facts: workers[$0].facts, used: workers[$0].used) }
        placer = try Placer(from: &reader, workers: known, limits: Self.placementLimits)
        for index in workers.indices { recount(index) }
        recountWaiting()
        for index in pools.indices { reevaluate(index) }
    }

    /// Every index must point at something: damaged bytes that slipped through are refused here, not met later.
    private func checkReferences(_ offset: Int) throws(ByteFault) {
        func check(_ isFine: Bool, _ what: String) throws(ByteFault) {
            if !isFine { throw ByteFault(offset: offset, problem: "\(what) points nowhere") }
        }
        let there = Set(workers.indices)
        for index in 0..<actors.capacity {
            try check(actors[index].pool < Int32(pools.count), "an actor's pool")
            let worker = Int(actors[index].worker)
            try check(worker < 0 || there.contains(worker), "an actor's worker")
        }
        for index in workers.indices {
            try check(pools.indices.contains(Int(workers[index].pool)), "a worker's pool")
            try check((1...WorkerRecord.slotsLimit).contains(workers[index].slots), "a worker's slots")
            for actor in workers[index].residents { try check(actor >= 0 && actor < actors.capacity, "a resident") }
        }
        for (index, pool) in pools.enumerated() {
            for member in pool.members { try check(there.contains(member), "a pool's member") }
            for ticket in pool.queue.all {
                try check(ticket.actor >= 0 && ticket.actor < actors.capacity && Int(actors[ticket.actor].pool) == index, "a ticket")
            }
        }
        for actor in active.indices { try check(actor >= 0 && actor < actors.capacity, "a snapshot") }
        for actor in forecasts.indices + forecasts.due.keys.sorted() { try check(actor >= 0 && actor < actors.capacity, "a forecast") }
    }

    /// Why they wait follows from who waits.
    private mutating func recountWaiting() {
        findSpill()
        for pool in pools.indices {
            // Which conditions are told apart hangs on who asked first: that is kept, and not counted anew.
            let conditions = pools[pool].placing.conditions
            for ticket in pools[pool].queue.all { countWaiting(actors[ticket.actor], ticket.actor, ticket.selector, by: 1) }
            pools[pool].placing.conditions = conditions
            for ticket in pools[pool].queue.all where ticket.deadline > .zero { requestDeadlines.add(ticket) }
        }
        for pool in pools.indices {
            pools[pool].placing.split = blockedSplit(pool)
            pools[pool].placing.prefetches = pools[pool].policy?.policy.prefetch ?? false
        }
    }

    /// What was found at the last commit that touched the pool follows from state and memory.
    private mutating func reevaluate(_ index: Int) {
        if let policy = pools[index].policy, let at = pools[index].evaluatedAt {
            let observation = pools[index].observe(at: at)
            pools[index].evaluation = policy.evaluate(observation, pools[index].memory)
        }
        for (k, shadow) in pools[index].shadows.enumerated() {
            guard let at = shadow.evaluatedAt else { continue }
            let observation = pools[index].observation(for: shadow, at: at)
            pools[index].shadows[k].observe(observation)
            pools[index].shadows[k].evaluation = shadow.applied.evaluate(observation, shadow.memory)
        }
    }

    /// The newest checkpoint of the log that can be read, or an empty state.
    package static func restored(from log: EventLog, atOrBefore position: Position = .max) -> State {
        var limit = position
        // Each round looks at an older checkpoint; the log keeps only a few.
        for _ in 0..<64 {
            guard let checkpoint = try? log.latestCheckpoint(atOrBefore: limit, version: checkpointVersion) else { return State() }
            if let state = try? State(decoding: checkpoint.body), state.position == checkpoint.seq {
                return state
            }
            limit = checkpoint.seq - 1
        }
        return State()
    }
}

extension PoolState {
    /// The version of the bytes is the state's.
    package func encode(into writer: inout ByteWriter) {
        writer.integer(name.rawValue)
        writer.string(text)
        writer.time(createdAt)
        writer.optional(pauseOrder) { writer, order in order.encode(into: &writer) }
        writer.optional(policy) { writer, applied in applied.encode(into: &writer) }
        writer.list(shadows) { writer, shadow in shadow.encode(into: &writer) }
        memory.encode(into: &writer)
        writer.integer(Int64(desired))
        target.encode(into: &writer)
        drains.encode(into: &writer)
        writer.optional(observedSpec) { $0.integer(Int64($1)) }
        writer.optional(observedReady) { $0.integer(Int64($1)) }
        writer.optional(rollingUpdate) { writer, update in
            writer.time(update.since)
            writer.integer(Int64(update.left))
        }
        writer.integer(Int64(workers.lost))
        writer.list(members) { $0.integer(Int64($1)) }
        writer.integer(Int64(resident))
        queue.encode(into: &writer)
        writer.list(series) { writer, series in series.encode(into: &writer) }
        arrivals.encode(into: &writer)
        starts.encode(into: &writer)
        restores.encode(into: &writer)
        holds.encode(into: &writer)
        writer.optional(steadyHoldMicroseconds) { $0.integer($1) }
        writer.list(pendingStarts) { $0.time($1) }
        writer.optional(lastDecision) { writer, mark in mark.encode(into: &writer) }
        writer.optional(evaluation?.at) { $0.time($1) }
        writer.optional(scaleProblem) { $0.string($1) }
        writer.optional(policyProblem) { $0.string($1) }
        writer.optional(targetProblem) { writer, problem in
            writer.string(problem.reason)
            writer.string(problem.text)
        }
        writer.optional(failedStarts) { writer, failed in
            writer.integer(Int64(failed.count))
            writer.string(failed.error)
            writer.time(failed.at)
        }
        writer.optional(crashes) { writer, crashes in crashes.encode(into: &writer) }
        writer.bool(isDeleted)
        writer.optional(claims) { writer, claims in claims.encode(into: &writer) }
        writer.integer(timersFired)
        writer.list(placing.suggested.sorted { $0.key < $1.key }) { writer, suggested in
            writer.integer(suggested.key)
            writer.integer(suggested.value.rawValue)
        }
        writer.list(placing.conditionsInOrder) { writer, condition in
            writer.integer(condition.key.sandboxClass.rawValue)
            writer.list(condition.key.selector) { writer, pair in
                writer.integer(pair.key.rawValue)
                writer.integer(pair.value.rawValue)
            }
            writer.integer(Int64(condition.value))
        }
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        name = NameID(try reader.integer())
        text = try reader.string()
        createdAt = try reader.time()
        let order = try reader.optional { reader throws(ByteFault) in try PauseOrder(from: &reader) }
        pauseOrder = order
        policy = try reader.optional { reader throws(ByteFault) in try AppliedPolicy.read(from: &reader, under: order) }
        shadows = try reader.list { reader throws(ByteFault) in try ShadowPolicy(from: &reader) }
        guard shadows.count <= PolicyLimits.shadows else { throw ByteFault(offset: reader.offset, problem: "a pool has too many shadows") }
        memory = try AutoscalerMemory(from: &reader)
        desired = try reader.replicas()
        target = try TargetStanding(from: &reader)
        drains = try DrainStanding(from: &reader)
        observedSpec = try reader.optional { reader throws(ByteFault) in try reader.replicas() }
        observedReady = try reader.optional { reader throws(ByteFault) in try reader.replicas() }
        rollingUpdate = try reader.optional { reader throws(ByteFault) in
            RollingUpdate(since: try reader.time(), left: try reader.replicas())
        }
        workers.lost = try reader.tally()
        members = try reader.list(bytesEach: 8) { reader throws(ByteFault) in try reader.int() }
        resident = try reader.tally()
        queue = try WaitingQueue(from: &reader)
        series = try reader.list { reader throws(ByteFault) in try ObservedSeries(from: &reader) }
        arrivals = try ArrivalWindow(from: &reader)
        starts = try DurationRing(from: &reader)
        restores = try DurationRing(from: &reader)
        holds = try DurationRing(from: &reader)
        steadyHoldMicroseconds = try reader.optional { reader throws(ByteFault) in try reader.integer(Int64.self) }
        pendingStarts = try reader.list(bytesEach: 8) { reader throws(ByteFault) in try reader.time() }
        lastDecision = try reader.optional { reader throws(ByteFault) in try DecisionMark(from: &reader) }
        evaluatedAt = try reader.optional { reader throws(ByteFault) in try reader.time() }
        scaleProblem = try reader.optional { reader throws(ByteFault) in try reader.string() }
        policyProblem = try reader.optional { reader throws(ByteFault) in try reader.string() }
        targetProblem = try reader.optional { reader throws(ByteFault) in
            TargetProblem(reason: try reader.string(), text: try reader.string())
        }
        failedStarts = try reader.optional { reader throws(ByteFault) in
            FailedStarts(count: try reader.int(), error: try reader.string(), at: try reader.time())
        }
        crashes = try reader.optional { reader throws(ByteFault) in try CrashRun(from: &reader) }
        isDeleted = try reader.bool()
        claims = try reader.optional { reader throws(ByteFault) in try ClaimFlow(from: &reader) }
        timersFired = try reader.integer()
        for _ in 0..<(try reader.count(bytesEach: 12)) { placing.noteSuggested(try reader.integer(), on: NameID(try reader.integer())) }
        for _ in 0..<(try reader.count(bytesEach: 16)) {
            let sandboxClass = NameID(try reader.integer())
            let selector = try reader.list(bytesEach: 8) { reader throws(ByteFault) in
                LabelPair(key: NameID(try reader.integer()), value: NameID(try reader.integer()))
            }
            placing.conditions[Eligibility(sandboxClass: sandboxClass, selector: selector)] = try reader.tally()
        }
        guard placing.conditions.count <= PoolPlacing.conditionLimit else {
            throw ByteFault(offset: reader.offset, problem: "too many conditions")
        }
    }
}

extension ObservedSeries {
    package func encode(into writer: inout ByteWriter) {
        writer.string(metric)
        writer.list(labels) { writer, label in
            writer.string(label.key)
            writer.string(label.value)
        }
        writer.optional(sample.valueMilli) { $0.integer($1) }
        writer.time(sample.at)
        writer.integer(Int64(sample.consecutiveFailures))
        writer.integer(sample.inFlightMilli)
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        metric = try reader.string()
        labels = try reader.list { reader throws(ByteFault) in Trigger.Label(key: try reader.string(), value: try reader.string()) }
        sample = ObservedSample(
            valueMilli: try reader.optional { reader throws(ByteFault) in try reader.integer(Int64.self) },
            at: try reader.time(), consecutiveFailures: try reader.tally(), inFlightMilli: try reader.integer(in: 0...(.max)))
    }
}

extension ByteReader {
    package mutating func int() throws(ByteFault) -> Int { Int(try integer(Int64.self)) }

    /// A count of replicas, as large as one was ever told to be.
    package mutating func replicas() throws(ByteFault) -> Int { Int(try integer(in: 0...(.max))) }

    /// What was counted one by one, or measured in this log: far from the ends of its range.
    package mutating func tally() throws(ByteFault) -> Int { Int(try integer(in: 0...1 << 53)) }

    package mutating func integer(in range: ClosedRange<Int64>) throws(ByteFault) -> Int64 {
        let at = offset
        let value = try integer(Int64.self)
        guard range.contains(value) else { throw ByteFault(offset: at, problem: "\(value) is none that was written") }
        return value
    }
}

extension ByteWriter {
    /// Indices of a table that are free, in the order in which they became so: which one is taken next follows from the log alone, with
    /// and without a restart.
    mutating func vacated(_ indices: [Int]) { list(indices) { $0.integer(UInt32($1)) } }
}

extension ByteReader {
    /// Those of a table of `count` records: each free one, once.
    mutating func vacated(of count: Int, isFree: (Int) -> Bool) throws(ByteFault) -> [Int] {
        let at = offset
        let indices = try list(bytesEach: 4) { reader throws(ByteFault) in Int(try reader.integer(UInt32.self)) }
        let isWhole = indices.allSatisfy { $0 < count && isFree($0) } && Set(indices).count == indices.count
        guard isWhole, indices.count == (0..<count).count(where: isFree) else {
            throw ByteFault(offset: at, problem: "the free indices aren't those of the table")
        }
        return indices
    }
}

extension EventLog {
    /// Keeps the folded state, so that the next who needs one at its position or later folds the rest alone.
    package func saveCheckpoint(of state: State) throws(LogError) {
        guard state.position > 0 else { return }
        try saveCheckpoint(seq: state.position, at: state.at, version: State.checkpointVersion, body: state.encoded())
    }
}
