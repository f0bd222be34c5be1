import Foundation
import Kubernetes

// Which lease says who acts, and how long does it last?
//
// The section `kubernetes.election`; names as client-go's leader election has them.

struct ElectionSettings: Sendable {
    var lease = "greenroom"
    /// nil: the namespace of the section `kubernetes`, else that of the cluster's access.
    var namespace: String?
    /// What operators know this instance by; nil: the host's name, which in a pod is the pod's.
    var identity: String?
    var timing = LeaseTiming.standard

    init() {}

    init(_ section: inout ConfigurationSection) throws {
        if let name = try section.string("lease") { lease = name }
        namespace = try section.string("namespace")
        identity = try section.string("identity")
        let duration = try section.integer("leaseDurationSeconds") ?? timing.durationSeconds
        let deadline = try section.number("renewDeadlineSeconds").map { Duration.seconds($0) } ?? timing.renewDeadline
        let retry = try section.number("retryPeriodSeconds").map { Duration.seconds($0) } ?? timing.retryPeriod
        do throws(ClusterAccessFault) {
            timing = try LeaseTiming(durationSeconds: duration, renewDeadline: deadline, retryPeriod: retry)
        } catch { throw section.fault("leaseDurationSeconds", "can't be kept: \(error.problem)") }
        try section.finish()
    }

    /// How long a deposed leader has to end its work before others may take the lease.
    var marginSeconds: Double { (.seconds(timing.durationSeconds) - timing.renewDeadline) / .seconds(1) }

    /// Unlike any other process's, also one of the same name before or after: only a process that lives renews its own lease.
    func processIdentity() -> String {
        let name = identity ?? ProcessInfo.processInfo.environment["POD_NAME"] ?? ProcessInfo.processInfo.hostName
        return "\(name)_\(UUID().uuidString.lowercased())"
    }
}
