import HTTPTransport
import Synchronization

// What did the cluster say about this a moment ago?
//
// Yes is remembered for ten seconds, no for two: long enough that a thousand requests a second cost the API server nothing,
// short enough that a role taken away is soon gone. Yes and no are kept apart and each is bounded, so a flood of wrong tokens
// can't push out the right ones. Who asks while the same question is open waits for its answer; a failure is not remembered.

final class ReviewCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// Kept of each, at most; beyond it the entry that ends soonest makes room.
    static var entriesMost: Int { 1_024 }
    static var positiveMicroseconds: Int64 { 10_000_000 }
    static var negativeMicroseconds: Int64 { 2_000_000 }

    private struct Entry {
        var value: Value
        var endsAtMicroseconds: Int64
    }

    private struct State {
        var positive: [Key: Entry] = [:]
        var negative: [Key: Entry] = [:]
        var open: [Key: Task<Result<Value, AccessReviewFault>, Never>] = [:]
    }

    private let state = Mutex(State())
    private let uptimeMicroseconds: @Sendable () -> Int64
    private let isPositive: @Sendable (Value) -> Bool

    init(uptimeMicroseconds: @escaping @Sendable () -> Int64, isPositive: @escaping @Sendable (Value) -> Bool) {
        self.uptimeMicroseconds = uptimeMicroseconds
        self.isPositive = isPositive
    }

    var count: Int { state.withLock { $0.positive.count + $0.negative.count } }

    /// What is remembered; nil where that is nothing. Returns at once.
    func remembered(_ key: Key) -> Value? {
        let now = uptimeMicroseconds()
        return state.withLock { state in
            guard let entry = state.positive[key] ?? state.negative[key], entry.endsAtMicroseconds > now else { return nil }
            return entry.value
        }
    }

    /// What is remembered, or what `ask` says, which is then remembered.
    func value(_ key: Key, _ query: @escaping @Sendable () async -> Result<Value, AccessReviewFault>) async throws(AccessReviewFault)
        -> Value
    {
        if let value = remembered(key) { return value }
        let task = state.withLock { state in
            if let open = state.open[key] { return open }
            let task = Task { [self] in
                let result = await query()
                settle(key, result)
                return result
            }
            state.open[key] = task
            return task
        }
        return try await task.value.get()
    }

    private func settle(_ key: Key, _ result: Result<Value, AccessReviewFault>) {
        let now = uptimeMicroseconds()
        state.withLock { state in
            state.open[key] = nil
            guard case .success(let value) = result else { return }
            state.positive[key] = nil
            state.negative[key] = nil
            if isPositive(value) {
                Self.insert(Entry(value: value, endsAtMicroseconds: now + Self.positiveMicroseconds), key, &state.positive, now)
            } else {
                Self.insert(Entry(value: value, endsAtMicroseconds: now + Self.negativeMicroseconds), key, &state.negative, now)
            }
        }
    }

    private static func insert(_ entry: Entry, _ key: Key, _ entries: inout [Key: Entry], _ now: Int64) {
        if entries.count >= entriesMost { entries = entries.filter { $0.value.endsAtMicroseconds > now } }
        if entries.count >= entriesMost, let first = entries.min(by: { $0.value.endsAtMicroseconds < $1.value.endsAtMicroseconds }) {
            entries[first.key] = nil
        }
        entries[key] = entry
    }
}
