import ControlLoop

// How do tests name a worker of which no uid is known? By its name alone.

extension Actuator {
    func drain(_ name: String, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {
        try await drain(WorkerIdentity(name), of: pool, fence: fence)
    }

    func cancelDrain(_ name: String, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) -> Bool {
        try await cancelDrain(WorkerIdentity(name), of: pool, fence: fence)
    }

    func remove(_ name: String, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {
        try await remove(WorkerIdentity(name), of: pool, fence: fence)
    }
}
