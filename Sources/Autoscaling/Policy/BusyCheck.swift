internal import Domain

// How is it known that a worker is busy, where its agents report nothing?
//
// Its pod is asked: an HTTP endpoint that answers a number, a gauge of its Prometheus text, or an annotation of the pod. How often, and
// what holds for a pod that doesn't answer, is the policy's word. Nothing here is looked at when deciding: what pods say becomes
// `worker.observed` in the log, and the decision reads the workers' counts that follow from it.
//
// Always: a pod that doesn't answer counts as busy for `unknownSeconds`; `unknown` says what it counts as from then on.

package struct BusyCheck: Hashable, Sendable {
    package var source: Source
    /// Between two questions to one pod.
    package var intervalSeconds = BusyCheck.defaultIntervalSeconds
    /// For one request, from the first packet to the answer's last byte.
    package var timeoutSeconds = BusyCheck.defaultTimeoutSeconds
    /// How long a pod that doesn't answer counts as busy, whatever `unknown` says.
    package var unknownSeconds = BusyCheck.defaultUnknownSeconds
    package var unknown = Unknown.busy

    package static let defaultIntervalSeconds = 10
    /// Between two questions to a pod that drains.
    package static let drainingIntervalSeconds = 1
    package static let defaultTimeoutSeconds = 2
    package static let defaultUnknownSeconds = 300
    package static let defaultMetricsPath = "/metrics"

    package init(_ source: Source) { self.source = source }

    package enum Source: Hashable, Sendable {
        /// 200 with a number, or with JSON that has it as `busy`.
        case http(port: Port, path: String)
        /// The sum of a gauge's series that have these labels, sorted by key.
        case metric(port: Port, path: String, name: String, selector: [Trigger.Label])
        /// The pod's own annotation of that key.
        case annotation(String)
    }

    package enum Port: Hashable, Sendable {
        case number(Int)
        /// As one of the pod's containers names it.
        case name(String)

        package var text: String {
            switch self {
            case .number(let number): String(number)
            case .name(let name): name
            }
        }
    }

    /// What a pod counts as that hasn't answered for `unknownSeconds`.
    package enum Unknown: String, Hashable, Sendable, CaseIterable {
        case busy
        case free
    }
}

extension BusyCheck.Source {
    /// Where the answer comes from: `http :8080/busy`, `metric tasks_in_flight{queue="a"} of :9090/metrics`, `annotation example.com/busy`.
    package var text: String {
        switch self {
        case .http(let port, let path): return "http :\(port.text)\(path)"
        case .metric(let port, let path, let name, let selector):
            let labels = selector.map { "\($0.key)=\"\($0.value)\"" }.joined(separator: ",")
            return "metric \(name)\(labels.isEmpty ? "" : "{\(labels)}") of :\(port.text)\(path)"
        case .annotation(let key): return "annotation \(key)"
        }
    }
}

extension BusyCheck {
    /// The number that a pod gave: a decimal of 0 or more, or true or false. Parts of a task are one, and beyond what an event holds there
    /// is nothing to tell apart. nil for anything else.
    package static func tasks(_ text: String) -> Int? {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }
        let front = text.utf8.drop { isSpace($0) }
        guard let last = front.lastIndex(where: { !isSpace($0) }) else { return nil }
        // Before anything else: annotations of every pod come here, and some are long.
        let bytes = front[...last]
        guard bytes.count <= numberLimitBytes else { return nil }
        let word = String(Substring(bytes))
        if word == "true" { return 1 }
        if word == "false" { return 0 }
        guard word.utf8.allSatisfy({ $0 &- 0x30 < 10 || "+-.eE".utf8.contains($0) }), let number = Double(word) else { return nil }
        return tasks(number)
    }

    /// nil below 0, and for what is no number.
    package static func tasks(_ number: Double) -> Int? {
        guard number.isFinite, number >= 0 else { return nil }
        return Int(min(number.rounded(.up), Double(EventLimits.slots)))
    }

    package static let numberLimitBytes = 64
}
