@testable import ControlLoop

// How do tests name a worker of which no uid is known? By its name alone.

extension Actuation {
    mutating func drain(_ name: String) { drain(WorkerIdentity(name)) }
    mutating func remove(_ name: String) { remove(WorkerIdentity(name)) }
}

extension LoopCore.UncordonCommand {
    init(worker: String, isRemovalSent: Bool) { self.init(worker: WorkerIdentity(worker), isRemovalSent: isRemovalSent) }
}
