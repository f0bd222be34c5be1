// Which answers of ateapi's to a resume mean what?
//
// All that depends on its present texts is here. The one that is parked is the exact text alone: an error of the node's agent may be worded
// alike, which is why the actor is looked at before anything is parked.

enum ResumeVerdict: Hashable {
    case running
    /// No worker that it may use is free.
    case noFreeWorker
    /// More workers don't help: no WorkerPool fits the template's class and the selectors.
    case noEligiblePool
    /// Another operation on the actor is under way, or on one of the same id in another atespace.
    case busy
    /// Nothing was begun.
    case refused
    /// It may have been begun: the actor may be left RESUMING, with its worker taken.
    case failed

    static let noFreeWorkerText = "no free workers available"
    static let noEligiblePoolText = "no worker pool matches the template's sandboxClass and the template/actor selectors"

    init(_ code: GRPCCode, _ text: String) {
        switch code {
        case .ok: self = .running
        case .failedPrecondition where text == Self.noFreeWorkerText: self = .noFreeWorker
        case .failedPrecondition where text == Self.noEligiblePoolText: self = .noEligiblePool
        case .aborted: self = .busy
        case .invalidArgument where text == "id is required" || text == "atespace is required": self = .refused
        case .notFound, .unauthenticated, .permissionDenied, .unimplemented, .alreadyExists: self = .refused
        default: self = .failed
        }
    }
}
