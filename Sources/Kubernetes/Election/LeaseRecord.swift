import Domain

// What does a Lease say, and what may we do about it?
//
// Pure. As client-go has it: a lease is free where nobody holds it, or where its record didn't change for as long as its
// holder promised, on our own clock (clocks of machines differ, so its times are never compared with ours). The fence rises
// with every change of holder. It is kept in the annotation `greenroom.dev/fence`, apart from the number of transitions: a new
// lease begins with a fence above those of earlier leases, and with no transitions. A lease without the annotation was written
// by an older version, whose fence was the number of transitions.

struct LeaseRecord: Hashable, Sendable {
    var holder: String
    var durationSeconds: Int
    var acquireTime: String
    var renewTime: String
    var transitions: Int
    var fence: UInt64

    init(_ lease: KubernetesObject) {
        let spec = lease["spec"]
        holder = spec["holderIdentity"].string ?? ""
        durationSeconds = spec["leaseDurationSeconds"].replicas ?? 0
        acquireTime = spec["acquireTime"].string ?? ""
        renewTime = spec["renewTime"].string ?? ""
        transitions = spec["leaseTransitions"].replicas ?? 0
        // A fence that nobody counts up to isn't ours. An older version that took the lease in between counted transitions alone.
        let carried = lease.annotations[Mark.fence].flatMap { UInt64($0) } ?? 0
        fence = max(carried <= Self.highestFence ? carried : 0, UInt64(transitions))
    }

    init(holder: String, durationSeconds: Int, acquired: LogTime, transitions: Int, fence: UInt64) {
        self.holder = holder
        self.durationSeconds = durationSeconds
        acquireTime = acquired.rfc3339
        renewTime = acquired.rfc3339
        self.transitions = transitions
        self.fence = fence
    }

    private static let highestFence: UInt64 = 1 << 62

    /// The lease as this record has it; other fields and annotations stay.
    func written(over lease: KubernetesObject) -> KubernetesObject {
        var lease = lease
        lease["spec"] = .object(lease["spec"].members.merging(spec.members) { $1 })
        lease["metadata"]["annotations"] = .object(
            lease["metadata"]["annotations"].members.merging([Mark.fence: .string("\(fence)")]) { $1 })
        return lease
    }

    var spec: JSONValue {
        var spec: JSONValue = [
            "holderIdentity": holder.isEmpty ? nil : .string(holder), "leaseDurationSeconds": JSONValue(durationSeconds),
            "renewTime": .string(renewTime),
            "leaseTransitions": JSONValue(transitions),
        ]
        if !acquireTime.isEmpty { spec["acquireTime"] = .string(acquireTime) }
        return spec
    }
}

enum LeaseStep: Hashable, Sendable {
    case take
    /// It is ours already.
    case renew
    /// Another's, for as long at least.
    case wait(Duration)

    /// - Parameter unchangedFor: how long we have seen the record as it is.
    init(_ record: LeaseRecord, identity: String, unchangedFor: Duration) {
        if record.holder == identity {
            self = .renew
        } else if record.holder.isEmpty {
            self = .take
        } else {
            let left = Duration.seconds(record.durationSeconds) - unchangedFor
            self = left <= .zero ? .take : .wait(left)
        }
    }
}

/// How long a lease lasts, and how it is kept.
package struct LeaseTiming: Hashable, Sendable {
    /// Others wait as long after the last renewal they saw.
    package var durationSeconds: Int
    /// A leader that couldn't renew for as long stops. What it stops must be still before `duration` is over.
    package var renewDeadline: Duration
    package var retryPeriod: Duration

    /// client-go's: 15 s, 10 s, 2 s.
    package static let standard = LeaseTiming(uncheckedDurationSeconds: 15, renewDeadline: .seconds(10), retryPeriod: .seconds(2))

    /// Refused where a leader couldn't stop before its lease may be taken, or couldn't renew before its deadline.
    package init(durationSeconds: Int, renewDeadline: Duration, retryPeriod: Duration) throws(ClusterAccessFault) {
        guard durationSeconds > 0, durationSeconds <= 3_600, renewDeadline < .seconds(durationSeconds) else {
            throw ClusterAccessFault(
                "lease",
                "the renew deadline (\(renewDeadline)) must be shorter than the lease's duration (\(durationSeconds) s, at most an hour)")
        }
        guard retryPeriod > .zero, retryPeriod < renewDeadline else {
            throw ClusterAccessFault(
                "lease", "the retry period (\(retryPeriod)) must be shorter than the renew deadline (\(renewDeadline)), and not zero")
        }
        self.init(uncheckedDurationSeconds: durationSeconds, renewDeadline: renewDeadline, retryPeriod: retryPeriod)
    }

    private init(uncheckedDurationSeconds durationSeconds: Int, renewDeadline: Duration, retryPeriod: Duration) {
        self.durationSeconds = durationSeconds
        self.renewDeadline = renewDeadline
        self.retryPeriod = retryPeriod
    }
}
