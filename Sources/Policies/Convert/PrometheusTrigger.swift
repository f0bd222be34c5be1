import Basics
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
        guard let query = metadata.required("query", metadata.text("query")),
            let threshold = metadata.required("threshold", metadata.milli("threshold"))
        else { return nil }
        let activation = metadata.milli("activationThreshold") ?? 0
        let address = metadata.text("serverAddress")
        let modes = (metadata.text("authModes") ?? "").split(separator: ",").map { String($0).trimmed }.filter { !$0.isEmpty }
        let authentication = trigger.authentication()
        let ignoreNullValues = metadata.flag("ignoreNullValues") ?? true
        let timeoutSeconds = timeout()
        metadata.pass(["metricName"])
        let obstacle = obstacle(address, modes, authentication)
        let type = trigger.metricType()
        guard let address, obstacle == nil else {
            return observed(address, query, obstacle ?? "it names no serverAddress", threshold, activation, type)
        }
        metadata.leaveOut("unsafeSsl", "a certificate is always verified; name its authority in tls.caFile")
        var poll = Poll(
            source: .prometheus(serverAddress: address, query: query, ignoreNullValues: ignoreNullValues),
            intervalSeconds: trigger.intervalSeconds)
        if let timeoutSeconds { poll.timeoutSeconds = timeoutSeconds }
        if let authentication { name(&poll, authentication, modes) }
        noteAlternative(poll, address, query)
        return .polled(
            name: trigger.name("prometheus"), poll, thresholdMilli: threshold, activationThresholdMilli: activation, metricType: type)
    }

    /// Why the service can't fetch it; nil where it can.
    private func obstacle(_ address: String?, _ modes: [String], _ reference: TriggerSecrets.Reference?) -> String? {
        if let reference, let given = trigger.secrets.authentication(reference, in: trigger.namespace) {
            // Who needs no token of this kind has another way in.
            if let identity = given.podIdentity, !modes.contains("tls"), !modes.contains("bearer") || given.files["bearerToken"] == nil {
                return "\(reference.name) is a pod identity (\(identity)), which isn't known here"
            }
            for (mode, parameter) in [("bearer", "bearerToken"), ("tls", "cert")]
            where modes.contains(mode) && given.files[parameter] == nil {
                let others = given.otherSources.isEmpty ? "" : " from a Secret, but may from \(given.otherSources.joined(separator: ", "))"
                return "\(reference.name) gives no \(parameter)\(others)"
            }
        }
        if address == nil { return "it names no serverAddress" }
        if let mode = modes.first(where: { $0 != "bearer" && $0 != "tls" }) { return "authentication by \(mode) is not known here" }
        if let reference = ["customHeaders", "queryParameters", "namespace", "cortexOrgID"].first(where: { metadata.value($0) != nil }) {
            return "\(reference) can't be sent"
        }
        return nil
    }

    private func name(_ poll: inout Poll, _ reference: TriggerSecrets.Reference, _ modes: [String]) {
        func file(_ parameter: String, _ what: String) -> String {
            let file = trigger.secrets.file(reference, parameter, in: trigger.namespace)
            trigger.noteFile(file, what, reference.name)
            return file.path
        }
        let given = trigger.secrets.authentication(reference, in: trigger.namespace)
        if modes.contains("bearer") { poll.bearerTokenFile = file("bearerToken", "the token") }
        let isClient = modes.contains("tls")
        let hasAuthority = given.map { $0.files["ca"] != nil } ?? isClient
        if isClient || hasAuthority {
            poll.tls = Poll.TLS(
                caFile: hasAuthority ? file("ca", "the authority's certificate") : nil,
                certFile: isClient ? file("cert", "the client's certificate") : nil, keyFile: isClient ? file("key", "its key") : nil)
        }
        guard modes.isEmpty else { return }
        // KEDA sends a token only where authModes says bearer.
        let unknown = given == nil ? "; \(reference.name) isn't in this text: where it is a pod identity, send the metric yourself" : ""
        trigger.document.note("authenticationRef", "no token is sent, as authModes names none\(unknown)")
    }

    /// Milliseconds, or a duration as Go writes it.
    private func timeout() -> Int? {
        guard let written = metadata.text("timeout") else { return nil }
        let units = [("ms", 1), ("s", 1_000), ("m", 60_000)]
        let milliseconds =
            Int(written)
            ?? units.first { written.hasSuffix($0.0) }.flatMap { unit, size in
                Int(written.dropLast(unit.count)).map { $0.multipliedClamped(by: size) }
            }
        guard let milliseconds else {
            metadata.note("timeout", "left out: \(written.prefix(40)) is not a time that is known here; write timeoutSeconds")
            return nil
        }
        // Rounded to the next second, so that none is shorter than it was asked for.
        let seconds = min(max(milliseconds / 1_000 + (milliseconds % 1_000 > 0 ? 1 : 0), 1), PolicyLimits.pollTimeoutSeconds)
        if milliseconds != seconds * 1_000 {
            metadata.note(
                "timeout", "\(written.prefix(40)) became \(seconds) s: a timeout is whole seconds, 1 to \(PolicyLimits.pollTimeoutSeconds)")
        }
        return seconds
    }

    private func noteAlternative(_ poll: Poll, _ address: String, _ query: String) {
        let name = trigger.name("prometheus")
        let options = poll.bearerTokenFile == nil ? [] : ["-H \"authorization: Bearer $PROMETHEUS_TOKEN\""]
        metadata.note(
            "serverAddress",
            "the service polls it every \(poll.intervalSeconds) s; if it can't be reached, use {type: observed, metric: \(name)} instead of the trigger and send that metric",
            command: Feed.command(pool: trigger.pool, metric: name, labels: [], fetch: Feed.prometheus(address, query, options: options)))
    }

    private func observed(
        _ address: String?, _ query: String, _ reason: String, _ threshold: Int64, _ activation: Int64, _ type: MetricType
    ) -> Trigger {
        let name = trigger.name("prometheus")
        metadata.passAll()
        let options = metadata.text("unsafeSsl") == "true" ? ["--insecure"] : []
        trigger.document.note(
            "metadata",
            "Greenroom can't read this query itself, as \(reason): it became the observed metric \(name), which a program must send, with its own credentials; \(trigger.silence)",
            command: Feed.command(
                pool: trigger.pool, metric: name, labels: [], fetch: Feed.prometheus(address, query, options: options)))
        return Trigger(
            name: name, source: .observed(metric: name, selector: [], staleAfterSeconds: trigger.staleAfterSeconds),
            thresholdMilli: threshold, activationThresholdMilli: activation, metricType: type)
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
