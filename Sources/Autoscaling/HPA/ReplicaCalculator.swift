// How many workers does one metric ask for?
//
// HPA's arithmetic for external metrics, as `replica_calculator.go` of Kubernetes 1.36 computes it: values and targets
// are integers in milli-units, the ratio of the two is a 64-bit float, and so is the comparison with the tolerance. A
// ratio within the tolerance asks for what is there already. Nothing here stabilizes, limits or bounds.

/// How far the ratio of usage to target may be from 1 before a count changes, in each direction.
struct Tolerances: Hashable, Sendable {
    var scaleUp: Double
    var scaleDown: Double

    init(scaleUp: Double, scaleDown: Double) {
        self.scaleUp = scaleUp
        self.scaleDown = scaleDown
    }

    init(_ behavior: Behavior) { self.init(scaleUpPPM: behavior.scaleUp.tolerancePPM, scaleDownPPM: behavior.scaleDown.tolerancePPM) }

    init(scaleUpPPM: Int, scaleDownPPM: Int) {
        scaleUp = Self.fraction(ppm: scaleUpPPM)
        scaleDown = Self.fraction(ppm: scaleDownPPM)
    }

    /// Kubernetes holds a tolerance as a decimal quantity and multiplies its digits by a power of ten, which is not
    /// always the double nearest to the fraction (0.009 is one that differs): the same product is taken here.
    static func fraction(ppm: Int) -> Double {
        ppm % 1_000 == 0 ? Double(ppm / 1_000) * 0.001 : Double(ppm) * 0.000_001
    }

    /// False where the ratio is no number or infinite: a pool of zero has no ratio to keep.
    func contain(_ ratio: Double) -> Bool { 1.0 - scaleDown <= ratio && ratio <= 1.0 + scaleUp }
}

enum ReplicaCalculator {
    /// The largest count there is: Kubernetes holds replicas in 32 bits.
    static let mostReplicas = Int(Int32.max)

    /// `AverageValue`: usage ÷ target, rounded up. 21,000 ÷ 3,000 is 7, unless the `running` workers there are carry
    /// between 0.9 and 1.1 targets each already.
    static func perPod(usageMilli: Int64, targetMilli: Int64, running: Int, tolerances: Tolerances) -> Int {
        let ratio = Double(usageMilli) / (Double(targetMilli) * Double(running))
        if tolerances.contain(ratio) { return running }
        return count((Double(usageMilli) / Double(targetMilli)).rounded(.up))
    }

    /// `Value`: ready workers × usage ÷ target, rounded up. 4 ready at 1.5 times the target are 6. From zero there is
    /// nobody to multiply: the ratio itself, rounded up.
    static func wholeValue(usageMilli: Int64, targetMilli: Int64, current: Int, ready: Int, tolerances: Tolerances) -> Int {
        let ratio = Double(usageMilli) / Double(targetMilli)
        guard current != 0 else { return count(ratio.rounded(.up)) }
        if tolerances.contain(ratio) { return current }
        return count((ratio * Double(ready)).rounded(.up))
    }

    /// Whether it was the tolerance that kept the count as it is.
    static func keeps(_ usageMilli: Int64, _ targetMilli: Int64, _ type: MetricType, running: Int, _ tolerances: Tolerances) -> Bool {
        let divisor = type == .averageValue ? Double(running) : running == 0 ? .nan : 1
        let ratio = Double(usageMilli) / (Double(targetMilli) * divisor)
        return ratio != 1 && tolerances.contain(ratio)
    }

    /// Several series of one metric count together; a sum beyond 64 bits stays at the largest value.
    static func sum(_ valuesMilli: [Int64]) -> Int64 {
        var total: Int64 = 0
        for value in valuesMilli {
            let (sum, overflow) = total.addingReportingOverflow(value)
            if overflow { return .max }
            total = sum
        }
        return total
    }

    private static func count(_ value: Double) -> Int {
        guard value > 0 else { return 0 }
        return value >= Double(mostReplicas) ? mostReplicas : Int(value)
    }
}
