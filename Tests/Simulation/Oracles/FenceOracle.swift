package import ControlLoop
package import Domain

// Does only the holder of the fence act?

package struct FenceOracle: Oracle {
    package static let name = "fences"

    package init() {}

    package mutating func ended(_ run: Simulation) {
        for target in run.targets.values.sorted(by: { $0.pool < $1.pool }) {
            for problem in Self.problems(target.calls).prefix(1) { fail(run, "\(target.pool): \(problem)") }
        }
    }

    package static func problems(_ calls: [(at: LogTime, call: ActuatorCall.Action, fence: UInt64, highest: UInt64, worked: Bool)])
        -> [String]
    {
        calls.filter { $0.worked && $0.fence < $0.highest }.map {
            "\($0.call) worked with fence \($0.fence) after \($0.highest) had acted, at \($0.at.rfc3339)"
        }
    }
}
