import Domain

// Which reals does a seed give? What a demo and a benchmark draw their arrivals from.

extension SplitMix64 {
    /// In 0..<1, of 53 random bits.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    mutating func uniform(_ range: Range<Double>) -> Double { range.lowerBound + (range.upperBound - range.lowerBound) * unit() }
}
