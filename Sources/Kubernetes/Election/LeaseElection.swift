package import ControlLoop
package import Domain
import Basics
import Synchronization
import Machine

// Who is the one that acts?
//
//     standing by ──lease free, ran out→ take ──→ leading ──renewed every retry period→ leading
//         ↑                                         │ taken by another, or not renewed within the deadline
//         └───────────── stopped ←──────────────────┘
//
// One instance holds the Lease; the fence that it carries is that of all the holder does. A leader counts its deadline from
// before it sent its last successful renewal, on its own monotonic clock, so it stops before anybody else's wait can be over,
// also where the server hangs or is cut off. `fence` asks the clock again at each call: a process that was suspended finds
// itself deposed before it does anything.

package actor LeaseElection {
    package struct Configuration: Sendable {
        package var namespace: String
        package var name: String
        /// Unlike any other process's: a restarted process must not take itself for the holder.
        package var identity: String
        package var timing: LeaseTiming
        /// What the lease's times are written from; nothing is decided by it.
        package var wallClock: @Sendable () -> LogTime
        /// Of a lease that isn't there yet: no lower than any fence of earlier times, or targets refuse the new one.
        package var firstFence: @Sendable () -> UInt64 = { 0 }

        package init(
            namespace: String, name: String = "greenroom", identity: String, timing: LeaseTiming = .standard,
            wallClock: @escaping @Sendable () -> LogTime
        ) {
            self.namespace = namespace
            self.name = name
            self.identity = identity
            self.timing = timing
            self.wallClock = wallClock
        }
    }

    package struct Callbacks: Sendable {
        /// We lead from here on. Renewals begin when it returns, so it must be quick: longer work goes into a task.
        package var started: @Sendable (Fence) async -> Void
        /// We lead no more, and why. Must have everything still when it returns, within `duration − renewDeadline`.
        package var stopped: @Sendable (_ reason: String) async -> Void
        /// Hears what failed.
        package var trouble: @Sendable (_ problem: String) -> Void
        /// Hears who holds the lease, whenever that or its transitions changed; must not wait. Nobody is nil.
        package var seen: @Sendable (_ holder: String?, _ transitions: Int) -> Void = { _, _ in }

        package init(
            started: @escaping @Sendable (Fence) async -> Void, stopped: @escaping @Sendable (_ reason: String) async -> Void,
            trouble: @escaping @Sendable (_ problem: String) -> Void
        ) {
            self.started = started
            self.stopped = stopped
            self.trouble = trouble
        }
    }

    private struct Term: Sendable {
        var fence: Fence
        var validUntil: Duration
    }

    private let client: KubernetesClient
    private let configuration: Configuration
    private let callbacks: Callbacks
    private let clock: MonotonicClock
    /// Read from anywhere; written here.
    private let term = Mutex<Term?>(nil)
    private var backoff: Backoff
    /// The lease as seen last, and since when it is so on our clock.
    private var seen: (lease: KubernetesObject, since: Duration)?
    /// Whoever takes the annotation off a lease, or deletes the lease, lowers no fence.
    private var highestFence: UInt64 = 0
    private static let attemptsToGiveBack = 4

    package init(_ client: KubernetesClient, _ configuration: Configuration, seed: UInt64, callbacks: Callbacks) {
        self.client = client
        self.configuration = configuration
        self.callbacks = callbacks
        clock = client.clock
        backoff = Backoff(first: configuration.timing.retryPeriod / 4, longest: configuration.timing.retryPeriod, seed: seed)
    }

    /// The fence to act under; nil where we may not act (any more).
    package nonisolated var fence: Fence? {
        let now = clock.now()
        return term.withLock { $0 }.flatMap { now < $0.validUntil ? $0.fence : nil }
    }

    /// Who held the lease when it was last seen; nil before that, or where nobody does.
    package var holder: String? { seen.map { LeaseRecord($0.lease).holder }.flatMap { $0.isEmpty ? nil : $0 } }

    /// Stands by, leads, and stands by again, until its task is cancelled; then the lease is given back.
    package func run() async {
        while !Task.isCancelled {
            guard let fence = await acquire() else { continue }
            await callbacks.started(fence)
            let reason = await lead()
            term.withLock { $0 = nil }
            await callbacks.stopped(reason)
        }
        await release()
    }

    // MARK: - Standing by

    /// Tries once, and waits where it isn't ours to take.
    private func acquire() async -> Fence? {
        let began = clock.now()
        do throws(KubernetesError) {
            guard let wait = try await tryToAcquire(began) else {
                backoff.reset()
                return term.withLock { $0?.fence }
            }
            backoff.reset()
            // Not later than the lease may run out; and the sooner a renewal is seen, the sooner its running out is.
            try? await clock.sleep(min(wait, configuration.timing.retryPeriod / 4))
        } catch {
            if !error.isConflict, !Task.isCancelled { callbacks.trouble("the lease can't be acquired: \(error)") }
            try? await clock.sleep(backoff.next())
        }
        return nil
    }

    /// nil where it is ours now, else how long to wait at least.
    private func tryToAcquire(_ began: Duration) async throws(KubernetesError) -> Duration? {
        let lease: KubernetesObject
        do throws(KubernetesError) {
            lease = try await client.get(.leases, namespace: configuration.namespace, name: configuration.name)
        } catch {
            guard error.isNotFound else { throw error }
            try await create(began)
            return nil
        }
        note(lease)
        let record = LeaseRecord(lease)
        switch LeaseStep(record, identity: configuration.identity, unchangedFor: clock.now() - (seen?.since ?? clock.now())) {
        case .wait(let left): return left
        case .renew: try await write(renewed(record), over: lease, began)
        case .take:
            let taken = LeaseRecord(
                holder: configuration.identity, durationSeconds: configuration.timing.durationSeconds, acquired: configuration.wallClock(),
                transitions: min(record.transitions, Int(Int32.max) - 1) + 1, fence: highestFence + 1)
            try await write(taken, over: lease, began)
        }
        return nil
    }

    private func create(_ began: Duration) async throws(KubernetesError) {
        let record = LeaseRecord(
            holder: configuration.identity, durationSeconds: configuration.timing.durationSeconds, acquired: configuration.wallClock(),
            transitions: 0, fence: max(configuration.firstFence(), highestFence == 0 ? 0 : highestFence + 1))
        let lease = KubernetesObject([
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": ["name": .string(configuration.name), "namespace": .string(configuration.namespace)],
        ])
        hold(try await client.create(.leases, namespace: configuration.namespace, record.written(over: lease).json), began)
    }

    private func renewed(_ record: LeaseRecord) -> LeaseRecord {
        var record = record
        record.durationSeconds = configuration.timing.durationSeconds
        record.renewTime = configuration.wallClock().rfc3339
        record.fence = max(record.fence, highestFence)
        return record
    }

    private func write(_ record: LeaseRecord, over lease: KubernetesObject, _ began: Duration) async throws(KubernetesError) {
        hold(
            try await client.update(
                .leases, namespace: configuration.namespace, name: configuration.name, record.written(over: lease).json), began)
    }

    private func note(_ lease: KubernetesObject) {
        highestFence = max(highestFence, LeaseRecord(lease).fence)
        guard seen?.lease["spec"] != lease["spec"] else {
            seen?.lease = lease
            return
        }
        let (before, now) = (seen.map { LeaseRecord($0.lease) }, LeaseRecord(lease))
        seen = (lease, clock.now())
        guard before?.holder != now.holder || before?.transitions != now.transitions else { return }
        callbacks.seen(now.holder.isEmpty ? nil : now.holder, now.transitions)
    }

    private func hold(_ lease: KubernetesObject, _ began: Duration) {
        note(lease)
        let fence = Fence(LeaseRecord(lease).fence)
        term.withLock { $0 = Term(fence: fence, validUntil: began + configuration.timing.renewDeadline) }
    }

    // MARK: - Leading

    /// Renews until that fails; answers why.
    private func lead() async -> String {
        var lastProblem = "no answer"
        while !Task.isCancelled {
            let left = (term.withLock { $0?.validUntil } ?? .zero) - clock.now()
            guard left > .zero else { break }
            do { try await clock.sleep(min(configuration.timing.retryPeriod, left)) } catch { break }
            switch await renew() {
            case .renewed: continue
            case .deposed(let by): return "the lease was taken by \(by.isEmpty ? "nobody: it was given back by hand" : by)"
            case .failed(let problem):
                lastProblem = problem
                callbacks.trouble("the lease wasn't renewed: \(problem)")
            }
        }
        return Task.isCancelled
            ? "the service stops" : "the lease wasn't renewed within \(configuration.timing.renewDeadline.inSeconds) s: \(lastProblem)"
    }

    private enum Renewal: Sendable {
        case renewed
        case deposed(by: String)
        case failed(String)
    }

    /// One attempt, given up when the term is over.
    private func renew() async -> Renewal {
        let left = (term.withLock { $0?.validUntil } ?? .zero) - clock.now()
        guard left > .zero else { return .failed("no time left") }
        return await withTaskGroup(of: Renewal?.self) { group in
            group.addTask { await self.renewOnce() }
            group.addTask { [clock] in
                try? await clock.sleep(left)
                return Task.isCancelled ? nil : .failed("no answer in time")
            }
            defer { group.cancelAll() }
            for await renewal in group { if let renewal { return renewal } }
            return .failed("cancelled")
        }
    }

    private func renewOnce() async -> Renewal {
        let began = clock.now()
        do throws(KubernetesError) {
            guard let lease = seen?.lease else { return .failed("the lease was never seen") }
            do throws(KubernetesError) { try await write(renewed(LeaseRecord(lease)), over: lease, began) } catch {
                guard error.isConflict || error.isNotFound else { throw error }
                return try await renewAfterConflict(began)
            }
            return .renewed
        } catch { return .failed(error.description) }
    }

    /// Somebody wrote the lease: us, whose answer was lost, or another.
    private func renewAfterConflict(_ began: Duration) async throws(KubernetesError) -> Renewal {
        let lease: KubernetesObject
        do throws(KubernetesError) {
            lease = try await client.get(.leases, namespace: configuration.namespace, name: configuration.name)
        } catch {
            guard error.isNotFound else { throw error }
            return .deposed(by: "")
        }
        let record = LeaseRecord(lease)
        guard record.holder == configuration.identity else {
            note(lease)
            return .deposed(by: record.holder)
        }
        try await write(renewed(record), over: lease, began)
        return .renewed
    }

    /// Gives the lease back, if it is ours: the next one needn't wait.
    private func release() async {
        guard let lease = seen?.lease, LeaseRecord(lease).holder == configuration.identity else { return }
        // This task is cancelled; the requests must not be.
        await Task { await giveBack(lease) }.value
    }

    /// A renewal whose answer nobody waited for may have changed the lease in between: it is then read again.
    private func giveBack(_ known: KubernetesObject) async {
        var lease = known
        for _ in 1...Self.attemptsToGiveBack {
            guard LeaseRecord(lease).holder == configuration.identity else { return }
            do throws(KubernetesError) {
                do throws(KubernetesError) { return try await writeGivenBack(over: lease) } catch {
                    guard error.isConflict else { throw error }
                }
                lease = try await client.get(.leases, namespace: configuration.namespace, name: configuration.name)
            } catch { return callbacks.trouble("the lease wasn't released; it expires: \(error)") }
        }
        callbacks.trouble("the lease wasn't released; it expires: others changed it \(Self.attemptsToGiveBack) times in between")
    }

    private func writeGivenBack(over lease: KubernetesObject) async throws(KubernetesError) {
        var record = renewed(LeaseRecord(lease))
        record.holder = ""
        record.durationSeconds = 1
        _ = try await client.update(.leases, namespace: configuration.namespace, name: configuration.name, record.written(over: lease).json)
    }
}
