// What shall the waits be like, and what may it cost?

package struct TuningObjective: Hashable, Sendable {
    package enum Measure: Hashable, Sendable {
        case mean
        case max
        /// A share of the turns: 0.95.
        case quantile(Double)
    }

    package var measure: Measure
    package var seconds: Double

    package init(measure: Measure, seconds: Double) {
        self.measure = measure
        self.seconds = seconds
    }

    /// `p95=0.1`, `p99.9=2`, `mean=0.2`, `max=5`; nil for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, let seconds = Double(parts[1]), seconds >= 0, seconds.isFinite else { return nil }
        switch parts[0] {
        case "mean": measure = .mean
        case "max": measure = .max
        default:
            guard parts[0].hasPrefix("p"), let percent = Double(parts[0].dropFirst()), percent > 0, percent < 100 else { return nil }
            measure = .quantile(percent / 100)
        }
        self.seconds = seconds
    }

    /// `p95`, `p99.9`, `mean` or `max`.
    package var name: String {
        switch measure {
        case .mean: return "mean"
        case .max: return "max"
        case .quantile(let share):
            let permille = (share * 1_000).rounded()
            return permille.truncatingRemainder(dividingBy: 10) == 0 ? "p\(Int(permille / 10))" : "p\(permille / 10)"
        }
    }

    func value(of waits: SimulationResult.Waits) -> Double {
        switch measure {
        case .mean: waits.meanSeconds
        case .max: waits.maxSeconds
        case .quantile(let share): waits.seconds(quantile: share)
        }
    }
}
