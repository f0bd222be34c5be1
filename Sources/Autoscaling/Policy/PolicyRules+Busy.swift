// Which ways of asking a pod whether it is busy make no sense, or would be unsafe?
//
// Only the port and the path are the policy's: the address is always the pod's own.

extension PolicyRules {
    mutating func checkBusy(_ policy: Policy) {
        guard let busy = policy.busy else { return }
        let path = "spec.workers.busy"
        if policy.target.kind == ScaleTarget.processKind {
            refuse(
                path, "only pods are asked, and kind: Process has none; leave it out, its workers report themselves",
                comparedWith: ["spec.scaleTargetRef.kind"])
        }
        check(busy.intervalSeconds, "\(path).intervalSeconds", in: 1...PolicyLimits.pollSeconds)
        check(busy.timeoutSeconds, "\(path).timeoutSeconds", in: 1...PolicyLimits.pollTimeoutSeconds)
        check(busy.unknownSeconds, "\(path).unknownSeconds", in: 0...PolicyLimits.seconds)
        switch busy.source {
        case .http(let port, let urlPath):
            checkPort(port, "\(path).http.port")
            checkPath(urlPath, "\(path).http.path")
        case .metric(let port, let urlPath, let name, let selector):
            checkPort(port, "\(path).metric.port")
            checkPath(urlPath, "\(path).metric.path")
            if !Self.isMetricName(name) {
                refuse(
                    "\(path).metric.name",
                    "must be the name of a metric, such as tasks_in_flight, of at most \(PolicyLimits.nameBytes) bytes")
            }
            checkCount(selector.count, "\(path).metric.selector", limit: PolicyLimits.selectorLabels)
            for label in selector
            where !Self.isMetricName(label.key) || label.key.contains(":") || label.value.utf8.count > PolicyLimits.queryBytes
                || !isPrintable(label.value)
            {
                refuse("\(path).metric.selector", "must hold labels of the metric, such as {queue: tasks}, without control characters")
            }
        case .annotation(let key):
            if !Self.isAnnotationKey(key) {
                refuse("\(path).annotation", "must be the key of an annotation, such as example.com/tasks-in-flight")
            }
        }
    }

    private mutating func checkPort(_ port: BusyCheck.Port, _ path: String) {
        let isSound =
            switch port {
            case .number(let number): PolicyLimits.ports.contains(number)
            case .name(let name): Self.isPortName(name)
            }
        guard !isSound else { return }
        refuse(
            path,
            "must be a number from \(PolicyLimits.ports.lowerBound) to \(PolicyLimits.ports.upperBound), or the name of a container's port, such as metrics"
        )
    }

    private mutating func checkPath(_ urlPath: String, _ path: String) {
        let isPlain = urlPath.utf8.allSatisfy { (0x21...0x7E).contains($0) } && urlPath.utf8.count <= PolicyLimits.addressBytes
        if !isPlain || !urlPath.hasPrefix("/") || urlPath.contains("#") {
            refuse(path, "must be a path that begins with /, such as /busy, without spaces and #")
        }
    }

    /// `IANA_SVC_NAME`, as Kubernetes has it.
    private static func isPortName(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        let isPlain = bytes.allSatisfy { $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == 0x2D }
        return (1...15).contains(bytes.count) && isPlain && bytes.contains { $0 &- 0x61 < 26 } && bytes.first != 0x2D && bytes.last != 0x2D
    }

    private static func isMetricName(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        func isWord(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 || byte == 0x5F || byte == 0x3A }
        guard let first = bytes.first, bytes.count <= PolicyLimits.nameBytes, isWord(first) else { return false }
        return bytes.allSatisfy { isWord($0) || $0 &- 0x30 < 10 }
    }

    /// `PREFIX/NAME` or `NAME`.
    private static func isAnnotationKey(_ key: String) -> Bool {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let name = parts.last, (1...63).contains(name.utf8.count) else { return false }
        guard parts.count == 1 || (1...253).contains(parts[0].utf8.count) else { return false }
        return parts.allSatisfy { part in
            part.utf8.allSatisfy { ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
        }
    }
}
