import Autoscaling
import ControlLoop
import EventLog
import Kubernetes
import Logging
import Metrics
import Policies
import Pollers

// How are policies that are objects of a cluster read and told of? As those of files are, in the log of this service.

extension PolicyObjects {
    /// Problems of one object told in its condition; `policy check` lists more.
    private static let problemsTold = 16

    static func of(
        _ targets: KubernetesTargets, _ loop: ControlLoop, _ news: LoopNews, namespaces: [String], addresses: AddressRule, logger: Logger
    ) -> PolicyObjects {
        let unwritten = Counter(label: "greenroom_kubernetes_events_dropped_total")
        return targets.policyObjects(
            loop, news: news, namespaces: namespaces, read: { document, source in read(document, source, addresses) },
            wallClock: EventLog.systemClock,
            dropped: { count, why in
                unwritten.increment(by: count)
                logger.debug("Kubernetes Events were not written", metadata: ["count": "\(count)", "why": "\(why)"])
            })
    }

    private static func read(_ document: [UInt8], _ source: String, _ addresses: AddressRule) -> ReadPolicy {
        do throws(PolicyError) {
            let policies = try PolicyReader.policies(from: document, source: source, now: EventLog.systemClock())
            guard let policy = policies.first else { return .refused("there is no policy in it") }
            let problems = ObjectRules.problems(of: policy, addresses: addresses)
            return problems.isEmpty ? .policy(policy) : .refused(problems.prefix(problemsTold).joined(separator: "; "))
        } catch {
            // An object has no lines: its fields are named.
            let problems = error.problems.prefix(problemsTold).map { $0.path.isEmpty ? $0.message : "\($0.path): \($0.message)" }
            return .refused(problems.joined(separator: "; "))
        }
    }
}
