// In which ways is an actor stuck upstream?
//
// Each is a state that ateapi was seen to stay in, with what frees it. The words are those of metrics and of the service's log.

package enum StuckState: String, CaseIterable, Hashable, Sendable {
    /// RESUMING, and nobody resumes it: it holds its worker for ever.
    case halfResumed = "half_resumed"
    /// SUSPENDING or PAUSING, and it stays so: its checkpoint failed.
    case halfSuspended = "half_suspended"
    /// RUNNING, and it has no worker: its pod ended during the restore.
    case runningNowhere = "running_nowhere"
    /// RUNNING on a worker that isn't listed.
    case runningOnGone = "running_on_gone"
    /// PAUSED on a node that has no worker any more.
    case pausedOnGone = "paused_on_gone"
    /// RUNNING on the worker of another atespace's actor of the same id: ateapi takes the two for one.
    case sharesWorker = "shares_worker"

    package var remedy: String {
        switch self {
        case .halfResumed: "it is resumed again, which frees its worker; gateway.heal: false leaves that to you"
        case .halfSuspended: "suspend it again, or resume it: that restores the snapshot before, and what was done since is lost"
        case .runningNowhere: "suspend it, which fails once, and resume it"
        case .runningOnGone: "suspend it, and resume it: what was done since its last snapshot is lost"
        case .pausedOnGone: "no call of ateapi's frees it; a node of that name with a worker does"
        case .sharesWorker: "suspend both, and give one of them another id: ateapi takes equal ids of two atespaces for one actor"
        }
    }
}
