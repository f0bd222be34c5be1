import Domain

// Which changes of a status are worth an Event?
//
// Pure: what the object said before, and what it says now. Since the object itself remembers, a restart tells nothing twice.

extension AutoscalerStatus {
    func news(since previous: JSONValue) -> [ObjectNews] {
        [applied(previous), refused(previous), fallback(previous), limited(previous)].compactMap { $0 }
    }

    private func applied(_ previous: JSONValue) -> ObjectNews? {
        guard let digest, let seq, self[.ready]?.reason == "PolicyApplied", previous["digest"].string != digest else { return nil }
        return ObjectNews(.normal, "PolicyApplied", "in effect since position \(seq) of the log, digest \(digest.prefix(12))")
    }

    private func refused(_ previous: JSONValue) -> ObjectNews? {
        guard let ready = self[.ready], ["Invalid", "Refused"].contains(ready.reason) else { return nil }
        let before = Self.condition(.ready, of: previous)
        guard before["reason"].string != ready.reason || before["message"].string != ready.message else { return nil }
        return ObjectNews(.warning, "PolicyRefused", ready.message)
    }

    private func fallback(_ previous: JSONValue) -> ObjectNews? {
        guard let fallback = self[.fallback], let holds = fallback.holds else { return nil }
        let held = Self.condition(.fallback, of: previous)["status"].string == "True"
        guard holds != held else { return nil }
        return holds
            ? ObjectNews(.warning, "FallbackInEffect", fallback.message) : ObjectNews(.normal, "FallbackEnded", "the triggers answer again")
    }

    /// To rest at the minimum is no news.
    private func limited(_ previous: JSONValue) -> ObjectNews? {
        guard let limited = self[.scalingLimited], limited.holds == true, limited.reason != "TooFewReplicas" else { return nil }
        let before = Self.condition(.scalingLimited, of: previous)
        guard before["status"].string != "True" || before["reason"].string != limited.reason else { return nil }
        return ObjectNews(
            limited.reason == "TooManyReplicas" ? .warning : .normal, "ScalingLimited", "\(limited.reason): \(limited.message)")
    }
}
