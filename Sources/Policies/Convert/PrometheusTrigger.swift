internal import Autoscaling

// What becomes of a KEDA trigger of type prometheus?
//
// One that is reached by address, with a bearer token, TLS files or nothing, is fetched by the service just as KEDA would.
// One that needs more (basic authentication, headers of its own, a cloud's identity), or names no server, is sent by a
// command: it becomes an observed trigger.

struct PrometheusTrigger {
    let trigger: ScaledTrigger
    let metadata: ManifestObject

    func read() -> Trigger? {
        guard let query = metadata.required("query", metadata.text("query")), let threshold = metadata.required("threshold", metadata.milli("threshold")) else { return nil }
        let activation = metadata.milli("activationThreshold") ?? 0
        let address = metadata.text("serverAddress")
        let modes = (metadata.text("authModes") ?? "").split(separator: ",").map { String($0).trimmed }.filter { !$0.isEmpty }
        let authentication = trigger.authentication()
        let ignoreNullValues = metadata.flag("ignoreNullValues") ?? true
        let timeoutSeconds = metadata.integer("timeout").map { min(max($0 / 1_000, 1), PolicyLimits.pollTimeoutSeconds) }
        metadata.pass(["metricName"])
        let obstacle = obstacle(address, modes)
        let type = trigger.metricType()
        guard let address, obstacle == nil else {
            return observed(address, query, obstacle ?? "it names no serverAddress", threshold, activation, type)
        }
        metadata.leaveOut("unsafeSsl", "a certificate is always verified; name its authority in tls.caFile")
        var poll = Poll(
            source: .prometheus(serverAddress: address, query: query, ignoreNullValues: ignoreNullValues), intervalSeconds: trigger.intervalSeconds)
        if let timeoutSeconds { poll.timeoutSeconds = timeoutSeconds }
        if let authentication { name(&poll, authentication, modes) }
        noteAlternative(poll, address, query)
        return .polled(name: trigger.name("prometheus"), poll, thresholdMilli: threshold, activationThresholdMilli: activation, metricType: type)
    }

    /// Why the service can't fetch it; nil where it can.
    private func obstacle(_ address: String?, _ modes: [String]) -> String? {
        if address == nil { return "it names no serverAddress" }
        if let mode = modes.first(where: { $0 != "bearer" && $0 != "tls" }) { return "authentication by \(mode) is not known here" }
        if let reference = ["customHeaders", "queryParameters", "namespace", "cortexOrgID"].first(where: { metadata.value($0) != nil }) { return "\(reference) can't be sent" }
        return nil
    }

    private func name(_ poll: inout Poll, _ authentication: String, _ modes: [String]) {
        func file(_ parameter: String, _ what: String) -> String {
            let file = trigger.secrets.file(authentication, parameter, in: trigger.namespace)
            trigger.noteFile(file, what, authentication)
            return file.path
        }
        if modes.isEmpty || modes.contains("bearer") { poll.bearerTokenFile = file("bearerToken", "the token") }
        guard modes.contains("tls") || trigger.secrets.gives(authentication, "ca") == true else { return }
        let isClient = modes.contains("tls")
        poll.tls = Poll.TLS(
            caFile: trigger.secrets.gives(authentication, "ca") == false ? nil : file("ca", "the authority's certificate"),
            certFile: isClient ? file("cert", "the client's certificate") : nil, keyFile: isClient ? file("key", "its key") : nil)
    }

    private func noteAlternative(_ poll: Poll, _ address: String, _ query: String) {
        let name = trigger.name("prometheus")
        let options = poll.bearerTokenFile == nil ? [] : ["-H \"authorization: Bearer $PROMETHEUS_TOKEN\""]
        metadata.note(
            "serverAddress",
            "the service asks it every \(poll.intervalSeconds) s; where it can't reach it, put {type: observed, metric: \(name)} in the trigger's place and send that metric",
            command: Feed.command(pool: trigger.pool, metric: name, labels: [], fetch: Feed.prometheus(address, query, options: options)))
    }

    private func observed(_ address: String?, _ query: String, _ reason: String, _ threshold: Int64, _ activation: Int64, _ type: MetricType) -> Trigger {
        let name = trigger.name("prometheus")
        metadata.passAll()
        let options = metadata.text("unsafeSsl") == "true" ? ["--insecure"] : []
        trigger.document.note(
            "metadata", "Greenroom can't read this query itself, as \(reason): it became the observed metric \(name), which somebody must send, with credentials of its own",
            command: Feed.command(
                pool: trigger.pool, metric: name, labels: [], fetch: Feed.prometheus(address, query, options: options)))
        return Trigger(
            name: name, source: .observed(metric: name, selector: [], staleAfterSeconds: nil), thresholdMilli: threshold, activationThresholdMilli: activation, metricType: type)
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
