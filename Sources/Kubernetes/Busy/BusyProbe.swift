package import Autoscaling

// What does a busy probe request from a pod, and what may the pod respond?
//
// The request is made outside this target. A probe only names the pod's address, port and path, and the value to look for. The address is
// the pod's own, from the API server.

package struct BusyProbe: Hashable, Sendable {
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

package enum BusyResponse: Hashable, Sendable {
    case tasks(Int)
    /// One line that an operator can act on.
    case failed(String)
}

/// Asks a pod. Bounded in time by the question's own limit.
package typealias ProbeBusy = @Sendable (BusyProbe) async -> BusyResponse

extension BusyResponse {
    enum Step { case known(BusyResponse), query(BusyProbe) }

    /// What is known of the pod without a request, or what to ask it.
    static func step(for pod: PodView, _ check: BusyCheck) -> Step {
        switch check.source {
        case .annotation(let key):
            guard let text = pod.numbers[key], let tasks = BusyCheck.tasks(text) else {
                return .known(.failed("its pod has no annotation \(key) with a number of 0 or more"))
            }
            return .known(.tasks(tasks))
        case .http(let port, _), .metric(let port, _, _, _):
            guard let number = number(port, of: pod) else { return .known(.failed("no container of its pod names a port \(port.text)")) }
            guard let ip = pod.ip, !ip.isEmpty else { return .known(.failed("its pod has no address")) }
            return .query(BusyProbe(ip: ip, port: number, source: check.source, timeoutSeconds: check.timeoutSeconds))
        }
    }

    private static func number(_ port: BusyCheck.Port, of pod: PodView) -> Int? {
        switch port {
        case .number(let number): number
        case .name(let name): pod.ports[name].flatMap { PolicyLimits.ports.contains($0) ? $0 : nil }
        }
    }
}
