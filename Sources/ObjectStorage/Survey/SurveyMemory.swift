// What has the survey seen before?
//
// Two small memories, both bounded: which snapshots were looked at just now, and which golden ones were seen and told of. A restart
// forgets them, which costs a few requests and repeats a few events.

struct RecentLooks: Sendable {
    private let trust: Duration
    private let limit: Int
    private var looked: [SnapshotWant: ContinuousClock.Instant] = [:]

    init(trust: Duration, limit: Int) {
        self.trust = trust
        self.limit = limit
    }

    /// Whether to look, which is taken note of.
    mutating func isDue(_ want: SnapshotWant, at now: ContinuousClock.Instant) -> Bool {
        if let last = looked[want], now - last < trust { return false }
        if looked.count >= limit { looked = looked.filter { now - $0.value < trust } }
        if looked.count >= limit { looked.removeAll(keepingCapacity: true) }
        looked[want] = now
        return true
    }
}

/// Of one location.
struct GoldenMemory: Sendable {
    struct News: Hashable, Sendable {
        var template: String
        var uri: String
        var presence: SnapshotPresence
    }

    private var seen: [String: GoldenLayout.Golden] = [:]
    private var told: [String: News] = [:]

    /// What this look and the one before agree on, and the log doesn't know yet; in order of template. What is gone is gone at once.
    mutating func news(in goldens: [GoldenLayout.Golden]) -> [News] {
        let before = seen
        seen = Dictionary(goldens.map { ($0.template, $0) }) { first, _ in first }
        let settled = goldens.filter { before[$0.template] == $0 }.map {
            News(template: $0.template, uri: $0.uri, presence: .present(bytes: $0.bytes))
        }
        let gone = told.values.filter { seen[$0.template] == nil && $0.presence != .gone }.map {
            News(template: $0.template, uri: $0.uri, presence: .gone)
        }
        return (settled + gone).filter { told[$0.template] != $0 }.sorted { $0.template < $1.template }
    }

    /// It is in the log.
    mutating func note(_ news: News) { told[news.template] = news }
}
