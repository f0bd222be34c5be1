package import ControlLoop
package import Domain
package import Logging
package import Machine
import Basics
import Synchronization

// How does the service come by everything of Kubernetes'?
//
// One façade for the composition root: a client, the actuator for every kind with `/scale`, and the watches of all pools. It
// starts nothing by itself. The election has a client of its own, which never waits behind these.

package struct KubernetesTargets: Sendable {
    package struct Configuration: Sendable {
        package var access: ClusterAccess
        package var limits = KubernetesClientLimits()
        package var clock = MonotonicClock.real
        /// Asked before each change of anything in the cluster.
        package var mayWrite: @Sendable () -> Bool = { true }
        /// No other instance may act on these targets: a fence that a target can't carry is then no warning.
        package var standsAlone = false
        /// Of all jitter.
        package var seed: UInt64
        /// Unlike that of any earlier run on the same log, for instance when the run began.
        package var run: String

        package init(access: ClusterAccess, seed: UInt64, run: String) {
            self.access = access
            self.seed = seed
            self.run = run
        }
    }

    /// Of the events that tell of pods.
    package static let podSource = NamespaceWorkers.source
    /// Of those that tell of claims and sandboxes.
    package static let claimSource = ClaimTelling.source

    package let client: KubernetesClient
    package let actuator: ScaleActuator
    private let configuration: Configuration
    private let targets: TargetReader
    private let logger: Logger
    private let finding: @Sendable (ScaleFinding) -> Void

    /// - Parameters:
    ///   - holdsActor: whether the log knows of an actor on the worker of that name, `NAMESPACE/POD`: such a worker's pod is never taken.
    ///   - ask: asks a pod whether it is busy; nil where nobody can.
    ///   - finding: hears what an operator should know; it is logged anyway.
    package init(
        _ configuration: Configuration, logger: Logger, holdsActor: @escaping @Sendable (String) async -> Bool, query: ProbeBusy? = nil,
        finding: @escaping @Sendable (ScaleFinding) -> Void = { _ in }
    ) throws(ClusterAccessFault) {
        self.configuration = configuration
        self.logger = logger
        client = try KubernetesClient(
            configuration.access, limits: configuration.limits, clock: configuration.clock, logger: logger, mayWrite: configuration.mayWrite
        )
        targets = TargetReader(client)
        let told: @Sendable (ScaleFinding) -> Void = { [standsAlone = configuration.standsAlone] found in
            if case .fenceNotCarried = found, standsAlone { return logger.info("\(found)", metadata: ["pool": "\(found.pool)"]) }
            logger.warning("\(found)", metadata: ["pool": "\(found.pool)"])
            finding(found)
        }
        self.finding = told
        actuator = ScaleActuator(
            targets, seed: configuration.seed, holdsActor: holdsActor,
            busyPods: query.map { BusyPods(clock: configuration.clock, query: $0) }, finding: told)
    }

    /// What keeps the log informed of pools, which are told by its `follow`.
    ///
    /// - Parameters:
    ///   - append: returns once the events are in the log, or throws.
    ///   - standing: what the log says of a pool: workers without a pod are said to be gone.
    ///   - claims: the same of a pool of unclaimed workers, with who has which.
    ///   - loads: how dear each worker of a pool is.
    package func watches(
        append: @escaping ClusterWatches.Append, standing: @escaping ClusterWatches.Standings = { _ in .init() },
        claims: @escaping ClusterWatches.ClaimStandings = { _ in .init() },
        loads: @escaping ClusterWatches.Loads = { _ in [] }
    ) -> ClusterWatches {
        let (logger, last, actuator) = (logger, LastText(), actuator)
        let options = WatchOptions(seed: configuration.seed, run: configuration.run) { problem in
            if last.changes(to: problem) { logger.warning("\(problem)") }
        }
        return ClusterWatches(
            client: client, targets: targets, actuator: actuator, options: options, append: append, finding: finding, standing: standing,
            claimStanding: claims, loads: loads,
            observed: { pool, replicas in await actuator.noteObserved(pool, specReplicas: replicas) })
    }

    /// What keeps policies and the cluster's objects in line, and tells those objects how their pools stand.
    ///
    /// - Parameters:
    ///   - news: the observer that `loop` tells.
    ///   - namespaces: whose objects are policies; empty for all.
    ///   - read: a policy document, by the reader of policy files.
    ///   - dropped: hears how many Events weren't written, and why.
    package func policyObjects(
        _ loop: ControlLoop, news: LoopNews, namespaces: [String], limits: PolicyObjects.Limits = PolicyObjects.Limits(),
        read: @escaping PolicyObjects.Reader,
        wallClock: @escaping @Sendable () -> LogTime, dropped: @escaping @Sendable (_ count: Int, _ why: String) -> Void
    ) -> PolicyObjects {
        let (logger, last) = (logger, LastText())
        return PolicyObjects(
            client: client, loop: loop, news: news, namespaces: namespaces, read: read, limits: limits, seed: configuration.seed &+ 5,
            wallClock: wallClock,
            trouble: { problem in if last.changes(to: problem) { logger.warning("policy objects: \(problem)") } }, dropped: dropped)
    }

    /// Closes all connections. To be called once, after the watches were cancelled.
    package func close() async { await client.close() }
}

/// A problem that stays the same is told once.
private final class LastText: Sendable {
    private let text = Mutex("")
    func changes(to next: String) -> Bool {
        text.withLock { text in
            defer { text = next }
            return text != next
        }
    }
}

enum ByteSeed {
    /// A number that differs from pool to pool, and is the same in every run.
    static func of(_ text: String) -> UInt64 {
        var copy = text
        return copy.withUTF8 { ByteHash.of($0) }
    }
}
