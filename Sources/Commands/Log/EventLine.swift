import Domain
import Inspection
import Output

// How is an event said in one line?
//
// Position, local time, kind, subject, and what matters of its data: a phrase for each kind, and whatever members the
// phrase does not know as `name=value` behind it.

struct EventLine: Sendable {
    var time = TimeText()
    var palette = Palette.forOutput

    private static let kindWidth = 17
    /// Columns for data of a producer's own making; what goes beyond is cut.
    private static let valueWidth = 80

    /// What stands in which column; the data's words have no column.
    var header: String {
        let zone = DisplayText.padded(time.header, to: max(23, DisplayText.width(time.header)))
        return "    SEQ  \(zone)  \(DisplayText.padded("KIND", to: Self.kindWidth)) SUBJECT  DETAIL"
    }

    func text(_ event: EventRecord) -> String {
        let kind = DisplayText.padded(DisplayText.printable(event.kindName), to: Self.kindWidth)
        let detail = Self.detail(event)
        var line =
            DisplayText.rightAligned(String(event.seq), to: 7) + "  " + palette.dim(time.full(event.at)) + "  " + coloured(kind, event)
        line += " " + DisplayText.printable(event.subject)
        if !detail.isEmpty { line += "  " + detail }
        if event.superseded { line += "  " + palette.dim("(superseded: changed nothing)") }
        return line
    }

    private func coloured(_ text: String, _ event: EventRecord) -> String {
        switch event.kind {
        case .actorCrashed, .scaleFailed, .positionLost: palette.red(text)
        case .poolPaused, .leaderElected: palette.yellow(text)
        case .scaleDecided, .scaleApplied: palette.cyan(text)
        case .actorRunning, .workerReady: palette.green(text)
        case .actorRequested: palette.yellow(text)
        default: text
        }
    }

    /// What the data says, safe to print; empty where the kind says it all.
    static func detail(_ event: EventRecord) -> String {
        let phrase = Phrase(event)
        return DisplayText.printable((phrase.words + phrase.rest(valueWidth: valueWidth)).filter { !$0.isEmpty }.joined(separator: ", "))
    }
}

/// The words for one event's data, and which members they cover.
private struct Phrase {
    private let event: EventRecord
    private var known: Set<String> = ["version"]
    private(set) var words: [String] = []

    init(_ event: EventRecord) {
        self.event = event
        if event.kind?.subject == .pool { known.insert("pool") }
        switch event.kind {
        case .actorCreated: say("template", "of "); say("pool", "in ")
        case .actorRequested:
            say("pool", "wants a worker of ")
            milliseconds("expectedMillis", "for about ")
        case .actorPlaced:
            say("worker", "on "); say("tier"); say("restoreFrom", "from "); waited()
            // Told by the request itself; what was looked at, and the estimate, which `explain actor` tells.
            known.formUnion(["request", "expectedMillis", "workerVersion", "asOf", "score", "restoreSeconds"])
        case .actorRunning: say("worker", "on "); say("restoredFrom", "restored from "); milliseconds("restoreMillis", "in ")
        case .actorPaused, .actorSuspended: say("worker", "left "); say("snapshot", "snapshot "); bytes()
        case .actorCrashed: say("worker", "on "); say("reason"); say("by", "by ")
        case .workerReady:
            say("pool", "in "); say("node", "on node "); say("slots", "slots ")
            if let seconds = event.data["ttlSeconds"].integer, seconds > 0 { words.append("lease \(seconds) s") }
            known.formUnion(["uid", "ttlSeconds"])
        case .workerDraining, .workerGone:
            say("reason"); say("by", "by ")
            known.formUnion(["uid", "asOf"])
        case .workerObserved:
            reported()
            say("error"); say("from", "by ")
            known.insert("uid")
        case .snapshotCached, .snapshotEvicted: say("snapshot"); bytes()
        case .snapshotObserved: say("state"); say("snapshot"); bytes(); say("template", "golden of "); say("toldAt", "reported at ")
        case .prefetchSuggested:
            say("snapshot"); bytes(); say("actor", "for "); say("pool", "of "); say("wakeAt", "which wakes at "); say("reason")
            known.formUnion(["node", "request"])
        case .queueObserved: observed()
        case .poolObserved:
            say("specReplicas", "spec "); say("readyReplicas", "ready "); say("updating", "updating "); say("problem");
            known.insert("reason")
        case .policyApplied: policy()
        case .scaleDecided: decided()
        case .scaleApplied: say("to", "now ")
        case .scaleFailed:
            say("error"); say("attempt", "attempt ")
            known.insert("start")
        case .poolPaused: paused()
        case .timerFired: say("shadow", "shadow "); say("deadline", "due ")
        case .clockStepped: stepped()
        case .positionLost: say("through", "acknowledged events are lost up to "); say("reason")
        case .leaderElected: say("instance"); say("fence", "fence ")
        case .actorWithdrawn:
            say("reason"); say("by", "by ")
            known.insert("request")
        case .poolDeleted, .actorDeleted: say("by", "by ")
        case .actorIdle, nil: break
        }
    }

    /// Members that no word stands for.
    func rest(valueWidth: Int) -> [String] {
        event.data.fields.filter { !known.contains($0.key) }.map { member in
            "\(member.key)=\(DisplayText.truncated(member.value.plainText ?? "null", to: valueWidth))"
        }
    }

    private mutating func say(_ name: String, _ before: String = "") {
        known.insert(name)
        guard let value = event.data[name].plainText else { return }
        words.append(before + value)
    }

    private mutating func waited() {
        known.formUnion(["waitedSeconds", "waited"])
        guard let seconds = event.data["waitedSeconds"].double ?? event.data["waited"].double else { return }
        words.append(seconds > 0 ? "after waiting \(DurationText.precise(seconds))" : "at once")
    }

    private mutating func milliseconds(_ name: String, _ before: String) {
        known.insert(name)
        if let value = event.data[name].double { words.append(before + DurationText.precise(value / 1_000)) }
    }

    private mutating func bytes() {
        known.insert("bytes")
        if let value = event.data["bytes"].integer { words.append("\(Grouped.text(value)) bytes") }
    }

    private mutating func reported() {
        known.formUnion(["state", "busy"])
        let (state, busy) = (event.data["state"].plainText ?? "?", event.data["busy"].integer ?? 0)
        switch state {
        case "busy": words.append("busy \(busy)")
        case "unknown": words.append("unknown, counts as \(busy > 0 ? "busy" : "free")")
        default: words.append(state)
        }
    }

    private mutating func stepped() {
        known.insert("microseconds")
        guard let value = event.data["microseconds"].double else { return }
        words.append("the machine's clock jumped \(DurationText.precise(abs(value) / 1e6)) \(value < 0 ? "back" : "ahead")")
    }

    private mutating func observed() {
        known.formUnion(["metric", "value"])
        let value = event.data["value"].plainText ?? "unknown"
        words.append("\(event.data["metric"].plainText ?? "?") = \(value)")
    }

    private mutating func policy() {
        known.formUnion(["policy", "digest", "rules"])
        say("shadow", "shadow ")
        if let seq = event.data["renews"].integer {
            known.insert("renews")
            words.append("the same as at \(seq), by rules \(event.data["rules"].plainText ?? "?") from here on")
        }
        known.insert("by")
        let author = event.data["by"].string.map { " by \($0)" } ?? ""
        if event.data["policy"] == .object([]) { return words.append("taken away" + author) }
        if let digest = event.data["digest"].string { words.append("digest \(digest.prefix(12))" + author) }
    }

    /// `pause.out false → true by ops`: what became another, or that nothing did.
    private mutating func paused() {
        known.formUnion(["in", "out", "hold", "by", "was"])
        let author = event.data["by"].string.map { " by \($0)" } ?? ""
        let changes = ["in", "out", "hold"].compactMap { name -> String? in
            let (now, before) = (event.data[name].plainText ?? "none", event.data["was"][name].plainText ?? "none")
            return now == before ? nil : "pause.\(name) \(before) → \(now)"
        }
        words.append((changes.isEmpty ? "pause said again" : changes.joined(separator: ", ")) + author)
    }

    private mutating func decided() {
        known.formUnion(["from", "to", "direction", "why", "inputs", "digest", "next"])
        say("shadow", "shadow ")
        guard let decision = RecordedDecision(event) else { return }
        words.append("\(decision.decision.from) → \(decision.decision.to): \(decision.decision.text)")
    }
}
