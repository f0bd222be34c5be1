import Basics
import Autoscaling
package import Domain

// Are the target's replicas ours?
//
// A target shows a count only some time after it was set, and others may set it too. So this keeps the count it showed last, the
// counts that were set since then, and the replicas it keeps for workers that drain. So from a decision on every count between
// those may be ours, until the target shows the decided one; after that any other is somebody else's. Observations come in the
// target's own order, so none that is older than our change comes after it was seen.
//
//     decided 3 → 5:  3…5 may be ours ─shown 5→ only 5 is ─shown 9→ somebody else set 9
//
// The policy says what follows a change by others. `takeOver`: the next decision starts from it. `yield`: decisions go on in the
// log, and the target is left alone until a policy is applied or the replicas are back at the earlier count.

package struct TargetStanding: Hashable, Sendable {
    /// Counts that the target may show without anybody else having touched it; nil before it was told or seen.
    package private(set) var ours: ClosedRange<Int>?
    /// The last change by others; forgotten when a policy is applied.
    package private(set) var foreign: ForeignReplicas?

    package var isYielding: Bool { foreign?.isYielding ?? false }

    /// The target's count is set from `from` to `count`. On top of it the target keeps a replica for each of `draining` workers.
    package mutating func told(_ count: Int, from: Int, draining: Int) {
        let low = min(from, count)
        let high = max(from, count.addingClamped(draining))
        ours = ours.map { min($0.lowerBound, low)...max($0.upperBound, high) } ?? low...high
    }

    /// The target shows `count`, which nobody else set.
    package mutating func shown(_ count: Int, isSettled: Bool) {
        guard !isSettled else { return ours = count...count }
        ours = ours.map { min($0.lowerBound, count)...max($0.upperBound, count) } ?? count...count
    }

    package func isOurs(_ count: Int) -> Bool { ours?.contains(count) ?? true }

    package mutating func changedByOthers(_ change: ForeignReplicas) {
        foreign = change
        ours = change.found...change.found
    }

    /// Somebody else changes them again while we yield; what we had left them at stays what ends it.
    package mutating func changedAgain(to count: Int, at now: LogTime) {
        foreign?.found = count
        foreign?.at = now
        ours = count...count
    }

    /// The target is ours again.
    package mutating func resumed() { foreign = nil }
}

/// Replicas that somebody else set.
package struct ForeignReplicas: Hashable, Sendable {
    /// What we had told the target.
    package internal(set) var expected: Int
    package internal(set) var found: Int
    package internal(set) var at: LogTime
    /// Whether the policy leaves them alone.
    package internal(set) var isYielding: Bool

    package var sentence: String {
        let what = "somebody else set replicas to \(found), which we had left at \(expected), at \(at.rfc3339)"
        return isYielding
            ? "\(what); the policy yields: decisions are logged and the target is left alone until a policy is applied or replicas are \(expected) again"
            : "\(what); taken over: look for another autoscaler or a script on the same target"
    }
}

extension TargetStanding {
    package func encode(into writer: inout ByteWriter) {
        writer.optional(ours) { writer, range in
            writer.integer(Int64(range.lowerBound))
            writer.integer(Int64(range.upperBound))
        }
        writer.optional(foreign) { writer, change in
            writer.integer(Int64(change.expected))
            writer.integer(Int64(change.found))
            writer.time(change.at)
            writer.bool(change.isYielding)
        }
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        ours = try reader.optional { reader throws(ByteFault) in
            let (low, high) = (try reader.replicas(), try reader.replicas())
            guard low <= high else { throw ByteFault(offset: reader.offset, problem: "a range of replicas ends before it begins") }
            return low...high
        }
        foreign = try reader.optional { reader throws(ByteFault) in
            ForeignReplicas(
                expected: try reader.replicas(), found: try reader.replicas(), at: try reader.time(), isYielding: try reader.bool())
        }
    }
}

extension PoolState {
    /// Whether decisions reach the target.
    @inline(__always)
    package var isFollowed: Bool { policy?.mode == .auto && !target.isYielding }

    /// The target was told the count that stands, and shows another one. Workers that drain may hold it up.
    package var showsAnotherCount: Bool {
        guard isFollowed, scaleProblem == nil, let observedSpec else { return false }
        return !(desired...desired.addingClamped(drainingReplicas)).contains(observedSpec)
    }

    /// Its count is neither known nor ours: nobody can be beyond it. Processes are counted by those who run them.
    package var isTargetUnseen: Bool { target.ours == nil && policy?.policy.target.kind != ScaleTarget.processKind }

    /// What the target says of its replicas. What is ours changes nothing: the count we told it stands, and taking over what it
    /// shows on its way would decide the same again at every look.
    package mutating func noteReplicas(_ found: Int, at now: LogTime) {
        let isFirst = observedSpec == nil
        observedSpec = found
        guard policy?.mode == .auto else {
            if drainingReplicas == 0 { desired = found }
            return target.shown(found, isSettled: true)
        }
        if target.isYielding { return noteWhileYielding(found, at: now) }
        if isFirst {
            // Where it stood before us, or on its way to our own count already.
            let isKnown = target.ours != nil && target.isOurs(found)
            // It was told nothing yet: without its count nothing would ever be.
            let isUntold = target.ours == nil && (policy?.rules ?? .first) >= .firstCountStands
            if !isKnown, drainingReplicas == 0 || isUntold { desired = found }
            return target.shown(found, isSettled: target.ours == nil)
        }
        if target.isOurs(found) { return target.shown(found, isSettled: found == desired && drainingReplicas == 0) }
        noteForeignReplicas(found, at: now)
    }

    package mutating func noteForeignReplicas(_ found: Int, at now: LogTime) {
        let isYielding = policy?.policy.foreignChange == .yield
        observedSpec = found
        target.changedByOthers(ForeignReplicas(expected: desired, found: found, at: now, isYielding: isYielding))
        desired = found
    }

    private mutating func noteWhileYielding(_ found: Int, at now: LogTime) {
        guard let foreign = target.foreign, found != foreign.found else { return }
        desired = found
        if found == foreign.expected {
            target.shown(found, isSettled: true)
            target.resumed()
        } else {
            target.changedAgain(to: found, at: now)
        }
    }
}
