import Autoscaling
import ControlLoop
import Views
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
        await renew()
        await onStart()
        try? await gracefulShutdown()
        await loop.stop()
    }

    /// A policy of the configuration takes effect where it is not in effect already.
    private func apply(_ policy: Policy) async {
        let current = await loop.policyStatus(policy.name)
        if current?.written == policy { return }
        do throws(ControlFault) {
            if let current, let pause = Self.pauseToKeep(of: current, under: policy) {
                _ = try await loop.pause(policy.pool, pause, by: "the policy of position \(current.seq)")
            }
            let decision = try await loop.apply(policy)
            logger.info(
                "policy applied", metadata: ["policy": "\(policy.name)", "pool": "\(policy.pool)", "decision": "\(decision.reason)"])
        } catch {
            logger.error("policy not applied", metadata: ["policy": "\(policy.name)", "pool": "\(policy.pool)", "problem": "\(error)"])
        }
    }
}

extension LoopService {
    /// Before pauses were their own, an operator's was written into the policy in effect: a file that is the same but for that
    /// doesn't lift it.
    static func pauseToKeep(of current: PolicyStatusView, under policy: Policy) -> Pause? {
        guard current.rules < .current, policy.shadow == nil, current.written.pause.isOn, !policy.pause.isOn else { return nil }
        var unpaused = current.written
        unpaused.pause = policy.pause
        return unpaused == policy ? current.written.pause : nil
    }

    private func renew() async {
        do throws(ControlFault) {
            for name in try await loop.renewPolicies() {
                logger.info(
                    "policy follows the rules of this version from here on",
                    metadata: ["policy": "\(name)", "rules": "\(DecisionRules.current.rawValue)"])
            }
        } catch {
            logger.error("policies keep the rules of an older version until the next start", metadata: ["problem": "\(error)"])
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
