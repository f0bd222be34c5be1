// What is a + b where a and b may be anything?
//
// Numbers come from producers, policies, clusters and old logs. A sum that doesn't fit stops at the end of its type's range:
// it never traps, as a trap on something that is in the log would come back at every start. Where the result fits it is the
// plain operator's.

extension FixedWidthInteger {
    @inlinable package func addingClamped(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        guard overflow else { return sum }
        return other < 0 ? .min : .max
    }

    @inlinable package func subtractingClamped(_ other: Self) -> Self {
        let (difference, overflow) = subtractingReportingOverflow(other)
        guard overflow else { return difference }
        return other < 0 ? .max : .min
    }

    @inlinable package func multipliedClamped(by other: Self) -> Self {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        guard overflow else { return product }
        return (self < 0) == (other < 0) ? .max : .min
    }

    /// The whole part; the end of the range where the number lies beyond it, 0 for what is no number.
    @inlinable package init(clamping value: Double) {
        guard !value.isNaN else { self = 0; return }
        self = Self(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
    }
}
