import Autoscaling
import ControlLoop
import Views
import LocalWorkers
import Logging
import Machine
import Output
import ServiceLifecycle
import UnixSignals

// The parts under service-lifecycle: each runs until the group shuts down, then stops in good order.

struct LoopService: Service {
    let loop: ControlLoop
    let policies: [Policy]
    let logger: Logger
    let onStart: @Sendable () async -> Void

    func run() async throws {
        await loop.start()
        await bringIn()
        await onStart()
        try? await gracefulShutdown()
        await loop.stop()
    }
}

extension LoopService {
    /// The policies of the configuration take effect, and those of older versions under the rules of this one.
    func bringIn() async {
        await PolicyApplication(loop: loop, logger: logger).apply(policies)
        await renew()
    }
}

/// Brings the policies of the configuration into effect.
struct PolicyApplication: Sendable {
    let loop: ControlLoop
    let logger: Logger

    /// A shadow begins where its pool stands: the pool's own policy first. Answers how many took effect.
    @discardableResult
    func apply(_ policies: [Policy]) async -> Int {
        var applied = 0
        for policy in policies.filter({ $0.shadow == nil }) + policies.filter({ $0.shadow != nil }) {
            if await apply(policy) { applied += 1 }
        }
        return applied
    }

    /// A policy of the configuration takes effect where it is not in effect already.
    private func apply(_ policy: Policy) async -> Bool {
        let current = await loop.policyStatus(policy.name)
        if current?.written == policy { return false }
        do throws(ControlFault) {
            if let current, let pause = LoopService.pauseToKeep(of: current, under: policy) {
                _ = try await loop.pause(policy.pool, pause, by: "the policy of position \(current.seq)")
            }
            let decision = try await loop.apply(policy)
            logger.info(
                "policy applied", metadata: ["policy": "\(policy.name)", "pool": "\(policy.pool)", "decision": "\(decision.reason)"])
            return true
        } catch {
            logger.error("policy not applied", metadata: ["policy": "\(policy.name)", "pool": "\(policy.pool)", "problem": "\(error)"])
            return false
        }
    }
}

/// Reads the policies again at each SIGHUP. Tokens and certificates need none: their files are looked at every second.
struct ReloadService: Service {
    let application: PolicyApplication
    /// What the configuration names, read anew; a fault changes nothing.
    let read: @Sendable () throws -> [Policy]
    /// Whether this instance is the one whose policies count.
    var isInCharge: @Sendable () -> Bool = { true }
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in await UnixSignalsSequence(trapping: [.sighup]) { await reload() }
        }
    }

    private func reload() async {
        guard isInCharge() else {
            return logger.notice(
                "SIGHUP: another instance leads, and its policies count; tokens and certificates are looked at every second")
        }
        let policies: [Policy]
        do { policies = try read() } catch {
            let problem = (error as? Fault)?.line ?? "\(error)"
            logger.error("SIGHUP: the policies stay as they are", metadata: ["problem": "\(problem)"])
            return
        }
        let applied = await application.apply(policies)
        logger.notice(
            "SIGHUP: policies were read again; tokens and certificates are looked at every second",
            metadata: ["read": "\(policies.count)", "applied": "\(applied)"])
    }
}

/// Says that the service is ready, once the loop acts and every port is open.
struct ReadyService: Service {
    let parts: [Latch]
    let onReady: @Sendable () async -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for part in parts { await part.wait() }
            // A wait also ends when it is cancelled.
            if parts.allSatisfy(\.isOpen) { await onReady() }
        }
        try? await gracefulShutdown()
    }
}

/// Says what a stop waits for, when its turn has come, and how long that took.
struct StopAnnounced<Inner: Service>: Service {
    let inner: Inner
    /// `local workers, at most 10 s for their turns`
    let what: String
    let logger: Logger

    func run() async throws {
        let began = Locked<ContinuousClock.Instant?>(nil)
        try await withGracefulShutdownHandler {
            try await inner.run()
        } onGracefulShutdown: {
            began.value = .now
            logger.notice("stopping: waiting for \(what)")
        }
        guard let began = began.value else { return }
        logger.info(
            "stopped: \(what)", metadata: ["seconds": "\(Double((ContinuousClock.now - began) / .milliseconds(1)).rounded() / 1_000)"])
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
