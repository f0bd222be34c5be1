import Autoscaling
import ControlLoop
import LocalWorkers
import Logging
import ServiceLifecycle

// The parts under service-lifecycle: each runs until the group shuts down, then stops in good order.

struct LoopService: Service {
    let loop: ControlLoop
    let policies: [Policy]
    let logger: Logger
    let onStart: @Sendable () async -> Void

    func run() async throws {
        await loop.start()
        // A shadow begins where its pool stands: the pool's own policy first.
        for policy in policies.filter({ $0.shadow == nil }) + policies.filter({ $0.shadow != nil }) { await apply(policy) }
        await onStart()
        try? await gracefulShutdown()
        await loop.stop()
    }

    /// A policy of the configuration takes effect where it is not in effect already.
    private func apply(_ policy: Policy) async {
        let json = String(decoding: policy.canonicalJSON, as: UTF8.self)
        if await loop.policy(policy.name)?.canonicalJSON == json { return }
        do throws(ControlFault) {
            let decision = try await loop.apply(policy)
            logger.info("policy applied", metadata: ["policy": "\(policy.name)", "pool": "\(policy.pool)", "decision": "\(decision.reason)"])
        } catch {
            logger.error("policy not applied", metadata: ["policy": "\(policy.name)", "pool": "\(policy.pool)", "problem": "\(error)"])
        }
    }
}

struct WorkersService: Service {
    let workers: LocalWorkers

    func run() async throws {
        try? await gracefulShutdown()
        await workers.stop()
    }
}
