import Domain

// Which events does a sink get?
//
// By topic or by kind, and by pool. An event that changed nothing is sent to nobody.

package enum SinkTopic: String, Hashable, Sendable, CaseIterable {
    /// Every change of a pool's count.
    case decisions
    /// Of these, where a maximum or a rate kept the count below what was wanted.
    case limits
    /// Calls to targets that failed, an event that could not be logged, a clock that was set.
    case failures
    /// Turns that ended badly, and workers that went without being told to.
    case crashes
    /// Policies that were applied or deleted, pauses, pools that were deleted.
    case policies

    var kinds: Set<EventKind> {
        switch self {
        case .decisions: [.scaleDecided]
        case .limits: []
        case .failures: [.scaleFailed, .clockStepped, .positionLost]
        case .crashes: [.actorCrashed]
        case .policies: [.policyApplied, .poolPaused, .poolDeleted]
        }
    }
}

package struct EventSelection: Hashable, Sendable {
    private var kinds: Set<EventKind> = []
    private var hasLimits = false
    /// Workers that went, of whatever topic: only those that weren't told to.
    private var hasLosses = false
    /// `NAMESPACE/NAME`, or `NAMESPACE/*`; empty for all.
    private var pools: [String]
    /// Decisions of shadow policies too.
    private var hasShadows: Bool

    /// Codes of reasons that kept a count below what was wanted.
    static let limitCodes: Set<String> = ["TooManyReplicas", "ScaleUpLimit", "AboveMaximum"]

    package static let standard: [SinkTopic] = [.decisions, .failures, .crashes, .policies]

    /// nil where a word is neither a topic nor a kind; `unknown` is that word.
    package init?(_ words: [String], pools: [String], shadows: Bool, unknown: inout String) {
        self.pools = pools
        hasShadows = shadows
        for word in words.isEmpty ? Self.standard.map(\.rawValue) : words {
            if let topic = SinkTopic(rawValue: word) {
                kinds.formUnion(topic.kinds)
                if topic == .limits { hasLimits = true }
                if topic == .crashes { hasLosses = true }
            } else if let kind = EventKind(name: EventKind.bareName(word)) {
                kinds.insert(kind)
            } else {
                unknown = word
                return nil
            }
        }
    }

    /// Whether it may be one: cheap, by kind alone.
    func mayInclude(_ event: CommittedEvent) -> Bool {
        kinds.contains(event.kind) || (hasLimits && event.kind == .scaleDecided) || (hasLosses && event.kind == .workerGone)
    }

    /// - Parameter wasTold: whether a worker that went had been told to go.
    func includes(_ event: CommittedEvent, of batch: CommittedBatch, names: some NameReading, wasTold: () throws -> Bool) rethrows -> Bool {
        guard !event.superseded, mayInclude(event), isOfPool(event, names) else { return false }
        switch event.kind {
        case .scaleDecided:
            return batch.withBody(of: event) { body in
                if !hasShadows, body["shadow"] != nil { return false }
                return kinds.contains(.scaleDecided) || Self.isLimited(body)
            }
        case .workerGone: return kinds.contains(.workerGone) ? true : try !wasTold()
        default: return true
        }
    }

    private func isOfPool(_ event: CommittedEvent, _ names: some NameReading) -> Bool {
        // What is about the service itself concerns everybody.
        guard !pools.isEmpty, !event.pool.isNone else { return true }
        let pool = names.text(of: event.pool)
        return pools.contains { wanted in wanted.hasSuffix("*") ? pool.hasPrefix(wanted.dropLast()) : pool == wanted }
    }

    private static func isLimited(_ body: EventBody) -> Bool {
        guard let why = body["why"] else { return false }
        var isLimited = false
        body.forEachElement(of: why) { reason in
            if let code = reason["code"].flatMap({ reason.text($0) }), limitCodes.contains(code) { isLimited = true }
        }
        return isLimited
    }
}
