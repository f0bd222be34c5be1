internal import Autoscaling
internal import Yams

// What does a policy document say about pods that are asked whether they are busy?

extension PolicyDocument {
    func busy(_ workers: DocumentObject) -> BusyCheck? {
        guard let object = workers.object("busy", PolicyFields.busy) else { return nil }
        let given = PolicyFields.busySources.filter { object.value($0) != nil }
        guard given.count == 1 else {
            let found = given.isEmpty ? "none" : given.joined(separator: " and ")
            problems.report(object.path, "needs exactly one of \(PolicyFields.busySources.joined(separator: ", ")), and has \(found)")
            return nil
        }
        guard let source = source(object, given[0]) else { return nil }
        var busy = BusyCheck(source)
        busy.intervalSeconds = object.integer("intervalSeconds") ?? busy.intervalSeconds
        busy.timeoutSeconds = object.integer("timeoutSeconds") ?? busy.timeoutSeconds
        busy.unknownSeconds = object.integer("unknownSeconds") ?? busy.unknownSeconds
        busy.unknown = object.choice("unknown", BusyCheck.Unknown.self) ?? busy.unknown
        return busy
    }

    private func source(_ busy: DocumentObject, _ kind: String) -> BusyCheck.Source? {
        switch kind {
        case "http":
            guard let http = busy.object("http", PolicyFields.busyHTTP) else { return nil }
            let path = http.required("path", \.text, "path: /busy")
            guard let port = port(http), let path else { return nil }
            return .http(port: port, path: path)
        case "metric":
            guard let metric = busy.object("metric", PolicyFields.busyMetric) else { return nil }
            let name = metric.required("name", \.text, "name: tasks_in_flight")
            guard let port = port(metric), let name else { return nil }
            return .metric(
                port: port, path: metric.text("path") ?? BusyCheck.defaultMetricsPath, name: name,
                selector: metric.object("selector", nil)?.labels ?? [])
        default: return busy.text("annotation").map { .annotation($0) }
        }
    }

    /// A number, or the name of a container's port.
    private func port(_ object: DocumentObject) -> BusyCheck.Port? {
        object.required(
            "port",
            { value in
                if case .scalar(let scalar) = value.node, Int(scalar.string) == nil { return value.text.map { .name($0) } }
                return value.integer.map { .number($0) }
            }, "port: 8080")
    }
}
