package import Autoscaling
import AsyncHTTPClient
import Domain
import HTTPCalls
import NIOCore

// Is this pod at work, by its own word?
//
// One GET to the pod's own address: 200 with a number, or with JSON that has it as `busy`; or the pod's Prometheus text with a gauge in it.
// Bounded in time and size, without redirects, on a connection of its own. Addresses that only this machine may reach are refused as they
// are for triggers, whoever wrote the policy: no pod has them.

package struct PodPoller: Sendable {
    private let rule: AddressRule

    /// Of a pod's whole Prometheus text, and of a number.
    static let metricsLimitBytes = 1 << 20
    static let numberLimitBytes = 4_096

    /// - Parameter rule: which addresses may be asked.
    package init(rule: AddressRule) { self.rule = rule }

    /// How many tasks the pod has.
    ///
    /// - Parameters:
    ///   - ip: the pod's own address.
    ///   - source: `http` or `metric`.
    package func tasks(ip: String, port: Int, _ source: BusyCheck.Source, timeoutSeconds: Int) async -> Result<Int, PollFault> {
        do {
            let tasks: Int
            switch source {
            case .http(_, let path):
                let (status, body) = try await get(ip, port, path, limit: Self.numberLimitBytes, timeoutSeconds)
                tasks = try Self.number(status: status, body: body)
            case .metric(_, let path, let name, let selector):
                let (status, body) = try await get(ip, port, path, limit: Self.metricsLimitBytes, timeoutSeconds)
                tasks = try Self.gauge(status: status, body: body, name, selector)
            case .annotation: throw PollFault("an annotation isn't asked of the pod")
            }
            return .success(tasks)
        } catch let fault as PollFault {
            return .failure(fault)
        } catch is CancellationError {
            return .failure(PollFault("stopped"))
        } catch is NIOTooManyBytesError {
            return .failure(PollFault("the answer of \(ip):\(port) is too large: at most \(Self.limit(source)) bytes are read"))
        } catch {
            let problem = connectionProblem(error, handshake: "pods are asked without TLS") { "\($0)" }
            return .failure(PollFault("\(ip):\(port) can't be asked: \(problem)"))
        }
    }

    private static func limit(_ source: BusyCheck.Source) -> Int {
        if case .metric = source { metricsLimitBytes } else { numberLimitBytes }
    }

    private func get(_ ip: String, _ port: Int, _ path: String, limit: Int, _ timeoutSeconds: Int) async throws -> (Int, [UInt8]) {
        guard let address = IPAddress(ip), PolicyLimits.ports.contains(port) else {
            throw PollFault("\(ip):\(port) is no address of a pod")
        }
        if let what = rule.refusal(of: address) {
            throw PollFault("\(address) is \(what), which no pod may be asked at; allow it under kubernetes.policyAddresses")
        }
        let host = ip.contains(":") ? "[\(ip)]" : ip
        var request = HTTPClientRequest(url: "http://\(host):\(port)\(path)")
        request.headers.add(name: "accept", value: "*/*")
        request.headers.add(name: "user-agent", value: "greenroom")
        request.headers.add(name: "connection", value: "close")
        let asked = request
        // Asked seldom, and there may be thousands: no connection is kept.
        return try await PollClient.once(PollClient.clientConfiguration) { client in
            try await withDeadline(seconds: timeoutSeconds, orThrow: { PollFault($0) }) {
                let response = try await client.execute(asked, timeout: .seconds(Int64(timeoutSeconds)))
                // What isn't read is of no concern, however long it is.
                guard response.status == .ok else { return (Int(response.status.code), [UInt8]()) }
                return (200, Array(try await response.body.collect(upTo: limit).readableBytesView))
            }
        }
    }

    // MARK: - Reading

    /// `3`, `{"busy": 3}`, `{"busy": true}`.
    package static func number(status: Int, body: [UInt8]) throws(PollFault) -> Int {
        try check(status)
        let text = String(decoding: body, as: UTF8.self)
        if let tasks = BusyCheck.tasks(text) { return tasks }
        let busy = (try? JSONValue(parsing: body))?["busy"] ?? .null
        if let tasks = busy.double.flatMap({ BusyCheck.tasks($0) }) ?? busy.bool.map({ $0 ? 1 : 0 }) { return tasks }
        throw PollFault("the answer is neither a number of 0 or more nor JSON with it as busy: \(text.prefix(40))")
    }

    package static func gauge(status: Int, body: [UInt8], _ name: String, _ selector: [Trigger.Label]) throws(PollFault) -> Int {
        try check(status)
        let sum = try MetricText.sum(name, selector, in: body)
        guard let tasks = BusyCheck.tasks(sum) else { throw PollFault("\(name) is \(sum), which is no number of tasks") }
        return tasks
    }

    private static func check(_ status: Int) throws(PollFault) {
        guard status != 200 else { return }
        throw PollFault(
            (300..<400).contains(status) ? "the pod answered \(status): redirects aren't followed" : "the pod answered \(status)")
    }
}
