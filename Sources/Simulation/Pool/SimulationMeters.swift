import Basics
import Domain

// What is measured while a simulation runs?

/// Cost, and how the count moves.
struct SimulationMeter: Sendable {
    private(set) var workerMicroseconds: Int64 = 0
    private(set) var flaps = 0
    private(set) var replicas: [SimulationResult.Replicas] = []
    var killed = 0
    var starts = 0
    var commits = 0

    /// Where to keep what was measured until then.
    var border: Int64?
    private var kept: [SimulationMeter] = []
    /// As it was at the border; nil before.
    var beforeBorder: SimulationMeter? { kept.first }

    private var at: Int64 = 0
    private var present = 0
    /// 1 up, −1 down, 0 before the first change.
    private var direction = 0

    mutating func begin(at now: Int64) { at = now }

    mutating func advance(to now: Int64) {
        if let border, kept.isEmpty, now >= border {
            count(to: max(at, border))
            kept = [self]
        }
        count(to: now)
    }

    private mutating func count(to now: Int64) {
        workerMicroseconds = workerMicroseconds.addingClamped(Int64(present).multipliedClamped(by: now - at))
        at = now
    }

    mutating func note(present: Int, desired: Int, at now: Int64) {
        advance(to: now)
        self.present = present
        guard let last = replicas.last else {
            replicas.append(.init(atMicroseconds: now, count: desired))
            return
        }
        guard last.count != desired else { return }
        let step = desired > last.count ? 1 : -1
        if direction == -step { flaps += 1 }
        direction = step
        replicas.append(.init(atMicroseconds: now, count: desired))
    }

    /// What was measured after `earlier`.
    func since(_ earlier: SimulationMeter) -> SimulationMeter {
        var rest = self
        rest.workerMicroseconds -= earlier.workerMicroseconds
        rest.flaps -= earlier.flaps
        rest.killed -= earlier.killed
        rest.starts -= earlier.starts
        rest.commits -= earlier.commits
        rest.replicas = Array(replicas.dropFirst(earlier.replicas.count))
        return rest
    }
}
