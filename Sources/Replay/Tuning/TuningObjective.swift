// What shall the waits be like, and what may it cost?

public struct TuningObjective: Hashable, Sendable {
    public enum Measure: Hashable, Sendable {
        case mean
        case max
        /// A share of the turns: 0.95.
        case quantile(Double)
    }

    public var measure: Measure
    public var seconds: Double

    public init(measure: Measure, seconds: Double) {
        self.measure = measure
        self.seconds = seconds
    }

    /// `p95=0.1`, `p99.9=2`, `mean=0.2`, `max=5`; nil for anything else.
    public init?(_ text: String) {
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
    public var name: String {
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
