import Autoscaling
import Domain

// What does a Knative service do on the same demand?
//
// The autoscaler ticks every two seconds on concurrency, requests in the queue included (the activator counts them). A
// request that finds no pod wakes it at once. The last pod stays for a grace after it isn't wanted any more. A pod that is
// taken away finishes its requests first: Knative drains, so it kills nothing.

struct KnativeScaler: SimulatedScaler {
    private var autoscaler: KnativePodAutoscaler
    private var concurrency = ConcurrencyHistory()
    private var nextTick = LogTime.zero
    /// Since when no pod is wanted.
    private var unwantedSince: Int64?
    private let maxReplicas: Int

    init(options: KnativePodAutoscaler.Options = .init(), maxReplicas: Int = 1_000) {
        autoscaler = KnativePodAutoscaler(options: options)
        self.maxReplicas = maxReplicas
    }

    var name: String { "builtin:knative-kpa" }
    var slotsPerWorker: Int { autoscaler.options.containerConcurrency }
    var victims: Victims { .graceful }
    /// `initial-scale`.
    var initialReplicas: Int { 1 }
    var nextWake: LogTime? { nextTick }

    mutating func replicas(for pool: PoolSnapshot) -> Int {
        let now = pool.at.microseconds
        concurrency.note(pool.demand, at: now, keeping: autoscaler.options.stableWindowMicroseconds)
        guard pool.at >= nextTick else {
            guard pool.replicas == 0, pool.waiting > 0 else { return pool.replicas }
            unwantedSince = nil
            return 1
        }
        nextTick = pool.at.adding(microseconds: autoscaler.options.tickMicroseconds)
        let wanted = autoscaler.desired(
            at: now, readyPods: pool.ready,
            stableConcurrency: concurrency.average(over: autoscaler.options.stableWindowMicroseconds, at: now),
            panicConcurrency: concurrency.average(over: autoscaler.options.panicWindowMicroseconds, at: now))
        return min(graced(wanted, pool, now), maxReplicas)
    }

    func reasons(for pool: PoolSnapshot, to count: Int) -> ScalingReasons {
        let now = pool.at.microseconds
        let windows = [autoscaler.options.stableWindowMicroseconds, autoscaler.options.panicWindowMicroseconds].map { window in
            let average = concurrency.average(over: window, at: now)
            return "\(Reason.Value.milli(Int64((average * 1_000).rounded())).text) over \(window / 1_000_000) s"
        }
        let mode = autoscaler.panicSince == nil ? "Stable" : "Panic"
        return ScalingReasons(
            code: mode,
            lines: [pool.demandText, "average concurrency \(windows.joined(separator: ", "))", "\(mode.lowercased()) mode → \(count)"])
    }

    private mutating func graced(_ wanted: Int, _ pool: PoolSnapshot, _ now: Int64) -> Int {
        guard wanted == 0, pool.replicas > 0 else {
            unwantedSince = nil
            return max(wanted, pool.waiting > 0 ? 1 : 0)
        }
        let since = unwantedSince ?? now
        unwantedSince = since
        return now - since >= autoscaler.options.scaleToZeroGraceMicroseconds ? 0 : 1
    }
}

/// Concurrency over the last while, exact between its changes.
struct ConcurrencyHistory: Hashable, Sendable {
    private struct Point: Hashable, Sendable {
        var at: Int64
        /// Requests × microseconds until then.
        var area: Int64
        /// From then on.
        var level: Int
    }

    private var points: [Point] = []
    private var head = 0
    private var began: Int64?

    mutating func note(_ level: Int, at now: Int64, keeping window: Int64) {
        if began == nil { began = now }
        if let last = points.last {
            guard last.level != level else { return }
            points.append(Point(at: now, area: last.area + Int64(last.level) * (now - last.at), level: level))
        } else {
            points.append(Point(at: now, area: 0, level: level))
        }
        // One point before the window says what the level was when it began.
        while head + 1 < points.count, points[head + 1].at <= now - window { head += 1 }
        if head > 4_096, head * 2 > points.count {
            points.removeFirst(head)
            head = 0
        }
    }

    /// Over the last `window`, or since the beginning where that is shorter.
    func average(over window: Int64, at now: Int64) -> Double {
        guard let began, let last = points.last else { return 0 }
        let from = max(began, now - window)
        guard now > from else { return Double(last.level) }
        return Double(area(at: now) - area(at: from)) / Double(now - from)
    }

    private func area(at time: Int64) -> Int64 {
        var low = head
        var high = points.count
        while low < high {
            let middle = (low + high) / 2
            if points[middle].at <= time { low = middle + 1 } else { high = middle }
        }
        guard low > head else { return points[head].area }
        let point = points[low - 1]
        return point.area + Int64(point.level) * (time - point.at)
    }
}
