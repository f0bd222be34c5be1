import Domain
import NIOCore
import NIOHPACK

// What is known of one actor that is to run?
//
//     asking ─no free worker→ checking ─mid-resume, else──→ the callers hear it
//       ↑  └running→ the callers hear it       └suspended or paused→ parked ─its turn→ asking
//       └──────── healing ←── it failed half way (the actor is left RESUMING, its worker taken)
//
// One for an actor, however many call. It outlives its callers while it is on its way upstream or heals.

final class Resume {
    enum Phase: Hashable {
        case asking
        case checking
        case parked
        /// Left half resumed: tried again after a while, until its worker is free or runs it.
        case healing
    }

    let call: ResumeCall
    let body: ByteBuffer
    /// Of the caller that came last: its credential is the freshest.
    var headers: HPACKHeaders
    let arrived: NIODeadline
    let arrivedAt: LogTime
    let arrival: UInt64
    var phase = Phase.asking
    var callers: [Caller] = []
    /// What ateapi said when it had no worker.
    var refusal: GRPCResponse?
    /// The log has its request.
    var isRequested = false
    /// The worker that the log has it on.
    var placedOn: String?
    /// Tried since it was parked or began to heal.
    var tries = 0
    var halfFailedSince: NIODeadline?
    var lastFault = ""
    /// The actor as it was looked at last.
    var actor: Ateapi_Actor?

    init(_ caller: Caller, arrival: UInt64) {
        call = caller.call
        body = caller.body
        headers = caller.headers
        arrived = caller.arrived
        arrivedAt = caller.arrivedAt
        self.arrival = arrival
    }

    /// One that nobody called for: it was found half resumed.
    init(healing actor: Ateapi_Actor, call: ResumeCall, headers: HPACKHeaders, at now: LogTime, arrival: UInt64) {
        self.call = call
        self.headers = headers
        self.actor = actor
        self.arrival = arrival
        body = GRPCWire.body(call.message)
        arrived = .now()
        arrivedAt = now
        phase = .healing
        halfFailedSince = arrived
    }

    var key: ActorKey { call.key }

    /// Those that compete for the same workers: by node where a paused one must go back to its own, else by template and selector.
    var rivals: String {
        guard let actor else { return "?" }
        let selector = actor.workerSelector.matchLabels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        let node = actor.status == .paused ? actor.latestSnapshotInfo.local.nodeVmsWithLocalSnapshots.joined(separator: ",") : ""
        return "\(actor.templateName)|\(selector)|\(node)"
    }
}
