package import Autoscaling
package import Domain
package import Logging
import ServiceLifecycle
import Foundation
import HTTPCalls
import Machine

// Which outside metrics does the service fetch, and who does it?
//
// One task a polled trigger. Whenever the policies in effect are others, a trigger that came is started; one that went or changed is
// stopped first. Where one instance among several acts, `policies` gives none on the others, so
// that a metric is fetched once. What is fetched goes into the log through `append` and nowhere else.

package struct PollingService: Service {
    package typealias Append = @Sendable (EventBatch) async throws -> Void

    /// Beyond that many triggers the rest is not fetched, and the log of the service says so.
    package static let pollerLimit = 1_000

    private let policies: @Sendable () -> AsyncStream<[Policy]>
    private let append: Append
    private let logger: Logger
    private let secrets: SecretFolder
    private let rule: @Sendable (_ policy: String) async -> AddressRule?

    /// - Parameters:
    ///   - policies: those in effect, and again whenever they are others; none where this instance doesn't act.
    ///   - append: puts events into the log; what it throws is logged, and the next look comes all the same.
    ///   - rule: which addresses the policy of that name may have asked, looked at before each look; nil for any.
    ///   - secretsFolder: where the files lie that policies name; nil lets none be read.
    package init(
        policies: @escaping @Sendable () -> AsyncStream<[Policy]>, append: @escaping Append, logger: Logger,
        rule: @escaping @Sendable (_ policy: String) async -> AddressRule? = { _ in nil }, secretsFolder: String? = nil
    ) {
        self.policies = policies
        self.append = append
        self.logger = logger
        self.rule = rule
        secrets = SecretFolder(path: secretsFolder)
    }

    /// Until the group shuts down or the task is cancelled. No task of a poller outlives it.
    package func run() async throws {
        let client = PollClient(secrets: secrets)
        await cancelWhenGracefulShutdown { await supervise(client) }
        await client.shutdown()
    }

    private func supervise(_ client: PollClient) async {
        var pollers: [PollTarget: Task<Void, Never>] = [:]
        for await policies in policies() {
            let kept = targets(of: policies)
            for (target, task) in pollers where !kept.contains(target) {
                task.cancel()
                await task.value
                pollers[target] = nil
            }
            for target in kept where pollers[target] == nil {
                let poller = Poller(target: target, client: client, append: append, logger: logger, rule: rule)
                pollers[target] = Task { await poller.run() }
            }
        }
        for task in pollers.values { task.cancel() }
        for task in pollers.values { await task.value }
    }

    private func targets(of policies: [Policy]) -> Set<PollTarget> {
        let wanted = PollTarget.all(of: policies)
        if wanted.count > Self.pollerLimit {
            logger.error("too many polled triggers", metadata: ["triggers": "\(wanted.count)", "fetched": "\(Self.pollerLimit)"])
        }
        return Set(wanted.prefix(Self.pollerLimit))
    }
}

/// One trigger to fetch for. Two are the same as long as nothing about it changed.
struct PollTarget: Hashable, Sendable {
    var pool: String
    /// The trigger's name, and its metric's.
    var metric: String
    var poll: Poll
    /// Failures in a row that the policy's fallback waits for.
    var patience: Int
    /// The policy's own name.
    var policy = ""

    static let defaultPatience = 3

    /// In the order of the policies and their triggers.
    static func all(of policies: [Policy]) -> [PollTarget] {
        policies.flatMap { policy in
            policy.triggers.compactMap { trigger in
                trigger.poll.map {
                    PollTarget(
                        pool: policy.pool, metric: trigger.name, poll: $0, patience: policy.fallback?.failureThreshold ?? defaultPatience,
                        policy: policy.name)
                }
            }
        }
    }
}

/// Looks, appends, waits, until it is cancelled.
struct Poller: Sendable {
    let target: PollTarget
    let client: PollClient
    let append: PollingService.Append
    let logger: Logger
    var rule: @Sendable (_ policy: String) async -> AddressRule? = { _ in nil }

    static let mostValue = 9.2e15

    func run() async {
        var pace = PollPace(intervalSeconds: target.poll.intervalSeconds, patience: target.patience)
        while !Task.isCancelled {
            let outcome = await look()
            if Task.isCancelled { return }
            note(outcome, after: pace.failures)
            pace.note(failed: (try? outcome.get()) == nil)
            let at = WallClock.microseconds()
            do { try await append(PollObservation.batch(pool: target.pool, metric: target.metric, outcome: outcome, at: at)) } catch {
                logger.warning(
                    "observation not appended", metadata: ["pool": "\(target.pool)", "metric": "\(target.metric)", "problem": "\(error)"])
            }
            try? await Task.sleep(for: pace.delay(chance: .random(in: 0..<1)))
        }
    }

    func look() async -> Result<PollValue, PollFault> {
        let rule = await self.rule(target.policy)
        do {
            let polled: PollValue
            switch target.poll.source {
            case .prometheus(_, let query, let ignoreNullValues):
                polled = PollValue(
                    value: try await PrometheusPoller(client: client, rule: rule).value(
                        target.poll, query: query, ignoreNullValues: ignoreNullValues))
            case .natsJetStream(_, let account, let stream, let consumer):
                let work = try await NATSPoller(client: client, rule: rule).work(
                    target.poll, account: account, stream: stream, consumer: consumer)
                polled = PollValue(value: work.value, inFlight: work.inFlight)
            }
            let value = polled.value
            // An event holds thousandths in 64 bits: what is beyond them would be no value there, and nobody would know why.
            guard abs(value) <= Self.mostValue else {
                return .failure(PollFault("the value \(value) is too large: at most \(Self.mostValue) in magnitude can be decided on"))
            }
            return .success(polled)
        } catch let fault as PollFault {
            return .failure(fault)
        } catch is CancellationError {
            return .failure(PollFault("stopped"))
        } catch {
            let problem = connectionProblem(
                error, handshake: "check tls.caFile, the name in its certificate, and whether it wants one of ours"
            ) { "\($0)" }
            return .failure(PollFault("\(target.poll.source.address) can't be asked: \(problem)"))
        }
    }

    /// Beginnings and ends of trouble; each failure in between is in the event log.
    private func note(_ outcome: Result<PollValue, PollFault>, after failures: Int) {
        let subject: Logger.Metadata = ["pool": "\(target.pool)", "metric": "\(target.metric)"]
        switch outcome {
        case .success where failures > 0: logger.info("metric fetched again", metadata: subject)
        case .failure(let fault) where failures == 0:
            logger.warning("metric not fetched", metadata: subject.merging(["problem": "\(fault)"]) { $1 })
        default: break
        }
    }
}
