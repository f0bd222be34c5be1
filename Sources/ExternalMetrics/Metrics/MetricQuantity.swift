// How is a number written as a Kubernetes quantity?
//
// Exactly, in thousandths, which is as fine as HPA computes: 0.0015 becomes "2m", rounded away from zero as Kubernetes rounds.
// The text is apimachinery's canonical one: no fraction, no exponent, and the largest decimal suffix that leaves a whole number,
// so 1.5 is "1500m", 21,000 is "21k", 10^18 is "1E". A quantity holds at most 2^63 − 1; what is larger is cut to that.

package struct MetricQuantity: Hashable, Sendable {
    /// In thousandths.
    package let milli: Int128

    private static let milliMost = Int128(Int64.max) * 1_000

    init(milli: Int128) { self.milli = min(max(milli, -Self.milliMost), Self.milliMost) }

    /// A value as the log keeps it.
    package init(milli: Int64) { self.init(milli: Int128(milli)) }

    /// How many there are; nil where that is negative, which no count can be.
    package init?(count: Int) {
        guard count >= 0 else { return nil }
        self.init(milli: Int128(count) * 1_000)
    }

    /// A duration or a rate; nil where it is negative or not finite, which neither can be.
    package init?(amount: Double) {
        guard amount.isFinite, amount >= 0 else { return nil }
        guard amount < 9.3e18 else {
            self.init(milli: Self.milliMost)
            return
        }
        let whole = amount.rounded(.down)
        // A double is not decimal: 1.1 is 1.100000000000000088 and means 1.1. What lies within its own error of a thousandth is that.
        let scaled = (amount - whole) * 1_000
        let nearest = scaled.rounded()
        let thousandths = abs(scaled - nearest) <= max(1e-6, amount.ulp * 1_000) ? nearest : scaled.rounded(.up)
        self.init(milli: Int128(whole) * 1_000 + Int128(thousandths))
    }

    /// The canonical text.
    package var text: String {
        guard milli != 0 else { return "0" }
        var mantissa = milli
        var suffix = 0
        while suffix + 1 < Self.suffixes.count, mantissa % 1_000 == 0 {
            mantissa /= 1_000
            suffix += 1
        }
        return "\(mantissa)\(Self.suffixes[suffix])"
    }

    private static let suffixes = ["m", "", "k", "M", "G", "T", "P", "E"]
}
