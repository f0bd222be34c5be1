package import Autoscaling
import Basics
package import Domain

// How do claims come and go in a pool whose workers leave when they are taken?
//
// What a decision looks at: how many claims wait for a worker of the pool, and how many came within a refill time. And what an operator
// asks: how many were served from the pool, how many weren't and why, how long each took, and how long workers lay unclaimed. A claim
// that can't be served from the pool at all (it brings an environment or volumes of its own) is counted apart, and is no demand.
//
// Always: bounded. Arrivals within a 32nd of a refill are one entry, and the oldest beyond the limit are forgotten: they came many refills ago.

package struct ClaimFlow: Hashable, Sendable {
    /// Claims that came close to each other.
    struct Arrival: Hashable, Sendable {
        var first: LogTime
        var last: LogTime
        var count: Int
        /// Of these, claims that were predicted.
        var predicted = 0
    }

    static let arrivalsLimit = 1_024
    /// Of a refill time: arrivals so close are one entry.
    static let grain: Int64 = 32

    private(set) var arrivals: [Arrival] = []
    private(set) var recurring = RecurringClaims()
    /// Those who wait, and not for a worker of the pool, by actor: those of which the log says it, since when they wait.
    private(set) var aside: [Int: ClaimLaunch] = [:]
    package private(set) var served: [ClaimLaunch: UInt64] = [:]
    /// Misses by why there was none, as `reason` says it; at most `reasonsLimit`, the rest under `other`.
    package private(set) var misses: [String: UInt64] = [:]
    package private(set) var rejected: UInt64 = 0
    package private(set) var latencies: [ClaimLaunch: DurationRing] = [:]
    /// Worker-time unclaimed, ready ones alone.
    package private(set) var idleMicroseconds: Int64 = 0
    private var idleCount = 0
    private var idleSince = LogTime.zero

    static let reasonsLimit = 16
    static let otherReason = "other"

    package init() {}

    // MARK: - What happens

    /// A claim came that the pool could serve.
    package mutating func arrived(at now: LogTime, refillMicroseconds: Int64?) {
        let predicted = recurring.arrived(at: now) ? 1 : 0
        let grain = Self.refill(refillMicroseconds) / Self.grain
        if let last = arrivals.indices.last, now.microseconds(since: arrivals[last].first) < grain {
            arrivals[last].last = now
            arrivals[last].count += 1
            arrivals[last].predicted += predicted
        } else {
            arrivals.append(Arrival(first: now, last: now, count: 1, predicted: predicted))
        }
        // Half of them at a time: what is left reaches back sixteen refills.
        if arrivals.count >= Self.arrivalsLimit { arrivals.removeFirst(Self.arrivalsLimit / 2) }
    }

    /// One that came then was none, after all.
    package mutating func takeBack(arrivedAt time: LogTime) {
        rejected &+= 1
        guard let index = arrivals.lastIndex(where: { $0.first <= time && time <= $0.last && $0.count > 0 }) else { return }
        arrivals[index].count -= 1
        arrivals[index].predicted = min(arrivals[index].predicted, arrivals[index].count)
    }

    /// Time went on.
    package mutating func pass(to now: LogTime) { recurring.pass(to: now) }

    /// It waits, and not for a worker of the pool. Answers whether that is news.
    mutating func setAside(_ actor: Int, _ launch: ClaimLaunch, reason: String?) -> Bool {
        guard aside[actor] == nil, launch != .warm else { return false }
        aside[actor] = launch
        if launch == .cold { countMiss(reason) }
        return true
    }

    private mutating func countMiss(_ reason: String?) {
        let reason = reason.flatMap { $0.isEmpty ? nil : $0 } ?? Self.otherReason
        let known = misses[reason] != nil || misses.count < Self.reasonsLimit
        misses[known ? reason : Self.otherReason, default: 0] &+= 1
    }

    /// It waits no more.
    mutating func endWait(_ actor: Int) -> ClaimLaunch? { aside.removeValue(forKey: actor) }

    /// It has its worker, after so long where that was seen.
    mutating func serve(_ launch: ClaimLaunch, microseconds: Int64?) {
        served[launch, default: 0] &+= 1
        if let microseconds { latencies[launch, default: DurationRing()].add(microseconds: microseconds) }
    }

    /// So many lie ready from now on.
    mutating func noteIdle(_ count: Int, at now: LogTime) {
        let passed = max(0, now.microseconds(since: idleSince))
        idleMicroseconds = idleMicroseconds.addingClamped(Int64(idleCount).multipliedClamped(by: passed))
        (idleCount, idleSince) = (count, now)
    }

    // MARK: - What follows

    /// - Parameters:
    ///   - queued: actors of the pool that wait.
    ///   - ready: workers that lie ready: as many of those who wait are about to be served.
    ///   - predicts: whether the rules that decide know of claims that are predicted.
    package func demand(queued: Int, ready: Int, refillMicroseconds: Int64?, predicts: Bool, at now: LogTime) -> ClaimDemand {
        let refill = Self.refill(refillMicroseconds)
        let asking = max(0, queued - aside.count)
        var (came, predicted) = (0, 0)
        var last: LogTime?
        for arrival in arrivals.reversed() {
            guard now.microseconds(since: arrival.last) < refill else { break }
            guard arrival.count > 0 else { continue }
            came = came.addingClamped(arrival.count)
            predicted = predicted.addingClamped(arrival.predicted)
            if last == nil { last = arrival.last.adding(microseconds: refill) }
        }
        var demand = ClaimDemand(
            waiting: max(0, asking.subtractingClamped(ready)), recent: max(came, asking), nextChange: came > asking ? last : nil)
        guard predicts else { return demand }
        demand.predictedCame = predicted
        guard let forecast = recurring.ahead(refill, at: now) else { return demand }
        (demand.predicted, demand.everySeconds) = (forecast.claims, forecast.everySeconds)
        demand.nextChange = [demand.nextChange, forecast.nextChange].compactMap { $0 }.min()
        return demand
    }

    /// Of the claims that the pool could serve; nil before the first.
    package var warmShare: Double? {
        let (warm, cold) = (served[.warm] ?? 0, served[.cold] ?? 0)
        return warm + cold == 0 ? nil : Double(warm) / Double(warm + cold)
    }

    package func latencySeconds(_ launch: ClaimLaunch, quantile: Double) -> Double? { latencies[launch]?.quantiles([quantile])?.first }

    /// With what lies there since it was counted last.
    package func idleSeconds(at now: LogTime) -> Double {
        let since = Int64(idleCount).multipliedClamped(by: max(0, now.microseconds(since: idleSince)))
        return Double(idleMicroseconds.addingClamped(since)) / 1e6
    }

    private static func refill(_ measured: Int64?) -> Int64 {
        min(max(measured ?? SurgeBuffer.assumedStartMicroseconds, 1_000), SurgeBuffer.longestStartMicroseconds)
    }
}

// MARK: - Checkpoint

extension ClaimFlow {
    package func encode(into writer: inout ByteWriter) {
        writer.list(arrivals) { writer, arrival in
            writer.time(arrival.first)
            writer.time(arrival.last)
            writer.integer(Int64(arrival.count))
            writer.integer(Int64(arrival.predicted))
        }
        recurring.encode(into: &writer)
        writer.list(aside.sorted { $0.key < $1.key }) { writer, entry in
            writer.integer(Int64(entry.key))
            writer.string(entry.value.rawValue)
        }
        for launch in ClaimLaunch.allCases {
            writer.integer(served[launch] ?? 0)
            writer.optional(latencies[launch]) { writer, ring in ring.encode(into: &writer) }
        }
        writer.list(misses.sorted { $0.key < $1.key }) { writer, entry in
            writer.string(entry.key)
            writer.integer(entry.value)
        }
        writer.integer(rejected)
        writer.integer(idleMicroseconds)
        writer.integer(Int64(idleCount))
        writer.time(idleSince)
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        arrivals = try reader.list(bytesEach: 32) { reader throws(ByteFault) in
            Arrival(first: try reader.time(), last: try reader.time(), count: try reader.tally(), predicted: try reader.tally())
        }
        recurring = try RecurringClaims(from: &reader)
        guard arrivals.count <= Self.arrivalsLimit else { throw ByteFault(offset: reader.offset, problem: "too many arrivals") }
        for _ in 0..<(try reader.count(bytesEach: 12)) {
            let actor = try reader.int()
            guard let launch = ClaimLaunch(rawValue: try reader.string()) else {
                throw ByteFault(offset: reader.offset, problem: "no launch")
            }
            aside[actor] = launch
        }
        for launch in ClaimLaunch.allCases {
            let count: UInt64 = try reader.integer()
            if count > 0 { served[launch] = count }
            if let ring = try reader.optional({ reader throws(ByteFault) in try DurationRing(from: &reader) }) { latencies[launch] = ring }
        }
        for _ in 0..<(try reader.count(bytesEach: 12)) {
            let reason = try reader.string()
            misses[reason] = try reader.integer()
        }
        rejected = try reader.integer()
        idleMicroseconds = try reader.integer(in: 0...(.max))
        idleCount = try reader.tally()
        idleSince = try reader.time()
    }
}
