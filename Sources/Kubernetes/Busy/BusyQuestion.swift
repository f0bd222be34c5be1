package import Autoscaling

// What is a pod asked, and what may it answer?
//
// Whoever makes the request lives outside this target: here it is only said which pod, port and path, and what to look for. The address
// is the pod's own, as the API server tells it.

package struct BusyQuestion: Hashable, Sendable {
    package var ip: String
    package var port: Int
    /// `http` or `metric`.
    package var source: BusyCheck.Source
    package var timeoutSeconds: Int

    package init(ip: String, port: Int, source: BusyCheck.Source, timeoutSeconds: Int) {
        self.ip = ip
        self.port = port
        self.source = source
        self.timeoutSeconds = timeoutSeconds
    }
}

package enum BusyAnswer: Hashable, Sendable {
    case tasks(Int)
    /// One line that an operator can act on.
    case failed(String)
}

/// Asks a pod. Bounded in time by the question's own limit.
package typealias BusyAsk = @Sendable (BusyQuestion) async -> BusyAnswer

extension BusyAnswer {
    /// Where no request was needed, or none can be made.
    static func told(by pod: PodView, _ check: BusyCheck) -> BusyAnswer? {
        switch check.source {
        case .annotation(let key):
            guard let text = pod.numbers[key], let tasks = BusyCheck.tasks(text) else {
                return .failed("its pod has no annotation \(key) with a number of 0 or more")
            }
            return .tasks(tasks)
        case .http(let port, _), .metric(let port, _, _, _):
            if number(port, of: pod) == nil {
                return .failed("no container of its pod names a port \(port.text)")
            }
            return pod.ip?.isEmpty ?? true ? .failed("its pod has no address") : nil
        }
    }

    static func question(to pod: PodView, _ check: BusyCheck) -> BusyQuestion? {
        switch check.source {
        case .annotation: return nil
        case .http(let port, _), .metric(let port, _, _, _):
            guard let ip = pod.ip, let number = number(port, of: pod) else { return nil }
            return BusyQuestion(ip: ip, port: number, source: check.source, timeoutSeconds: check.timeoutSeconds)
        }
    }

    private static func number(_ port: BusyCheck.Port, of pod: PodView) -> Int? {
        switch port {
        case .number(let number): number
        case .name(let name): pod.ports[name].flatMap { PolicyLimits.ports.contains($0) ? $0 : nil }
        }
    }
}
