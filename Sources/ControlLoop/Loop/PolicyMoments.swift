import Domain
import State

// Which policy has something new to decide, and when does time alone ask one to?
//
// Of each policy the moment it was decided at last, so that the same is not decided twice, and its deadline. A table does what a
// stream a policy with `removeDuplicates` would do. Such a stream copies each value through generic code under three locks. That
// took a fifth of the loop's time where a commit touches nearly every pool.

/// Stands for all that a decision looks at, but for the time: two that differ are of states that differ. A deadline or a
/// settled decision makes a moment differ too.
struct PolicyMoment: Hashable, Sendable {
    var revision: PolicyRevision
    /// Rises where every policy is to be decided anew.
    var round: UInt64
}

struct PolicyMoments {
    private struct Shadow {
        var last: PolicyMoment?
        var deadline: LogTime?
    }

    /// Of the pools' own policies, by pool: the last moments, and the deadlines.
    private var own: [PolicyMoment?] = []
    private var deadlines = EarliestTimes()
    private var shadows: [PolicyKey: Shadow] = [:]
    /// The earliest deadline of a shadow.
    private var earliestShadow: LogTime?

    /// Notes the moment, and answers whether it is another than the last; false where there is none to decide at, and the deadline
    /// is gone.
    @inline(__always)
    mutating func note(_ moment: PolicyMoment?, of key: PolicyKey) -> Bool {
        guard let moment else {
            forget(key)
            return false
        }
        guard key.shadow == nil else {
            defer { shadows[key, default: Shadow()].last = moment }
            return shadows[key]?.last != moment
        }
        if key.pool >= own.count { own.append(contentsOf: repeatElement(nil, count: key.pool + 1 - own.count)) }
        guard own[key.pool] != moment else { return false }
        own[key.pool] = moment
        return true
    }

    private mutating func forget(_ key: PolicyKey) {
        setDeadline(nil, of: key)
        if key.shadow != nil { shadows[key] = nil } else if key.pool < own.count { own[key.pool] = nil }
    }

    // MARK: - Deadlines

    var earliestDeadline: LogTime? {
        guard let shadow = earliestShadow else { return deadlines.first }
        return deadlines.first.map { min($0, shadow) } ?? shadow
    }

    mutating func setDeadline(_ time: LogTime?, of key: PolicyKey) {
        guard key.shadow == nil else {
            guard shadows[key]?.deadline != time else { return }
            shadows[key, default: Shadow()].deadline = time
            earliestShadow = shadows.values.lazy.compactMap(\.deadline).min()
            return
        }
        guard key.pool < own.count else { return }
        deadlines[key.pool] = time
    }

    /// Takes out the deadlines up to `now`, in the order of the policies.
    mutating func takeDue(_ now: LogTime) -> [(key: PolicyKey, deadline: LogTime)] {
        guard let first = earliestDeadline, first <= now else { return [] }
        var due = deadlines.reached(now).map { (key: PolicyKey(pool: $0.index), deadline: $0.time) }
        for (key, entry) in shadows {
            if let deadline = entry.deadline, deadline <= now { due.append((key, deadline)) }
        }
        for (key, _) in due { setDeadline(nil, of: key) }
        return due.sorted { $0.key < $1.key }
    }
}

/// Times by number, of which the earliest is known at once: a binary tree in which every node is the earlier of its two. A
/// change costs a step for each doubling of their number.
struct EarliestTimes {
    /// The root at 1; leaf k at `width + k`.
    private var nodes: [LogTime] = []
    private var width = 0
    private static let never = LogTime(microseconds: .max)

    var first: LogTime? { width == 0 || nodes[1] == Self.never ? nil : nodes[1] }

    /// nil is none.
    subscript(index: Int) -> LogTime? {
        get { index < width && nodes[width + index] != Self.never ? nodes[width + index] : nil }
        set { set(newValue ?? Self.never, at: index) }
    }

    /// Those up to `now`, by number.
    func reached(_ now: LogTime) -> [(index: Int, time: LogTime)] {
        guard let first, first <= now else { return [] }
        return (0..<width).lazy.filter { nodes[width + $0] <= now }.map { ($0, nodes[width + $0]) }
    }

    private mutating func set(_ time: LogTime, at index: Int) {
        guard self[index] ?? Self.never != time else { return }
        if index >= width { grow(to: index + 1) }
        var node = width + index
        nodes[node] = time
        while node > 1 {
            node /= 2
            let earlier = min(nodes[2 * node], nodes[2 * node + 1])
            guard nodes[node] != earlier else { return }
            nodes[node] = earlier
        }
    }

    private mutating func grow(to count: Int) {
        let old = Array(nodes[width...])
        width = max(16, 1 << (Int.bitWidth - (count - 1).leadingZeroBitCount))
        nodes = [LogTime](repeating: Self.never, count: 2 * width)
        for (index, time) in old.enumerated() where time != Self.never { set(time, at: index) }
    }
}
