import Domain
import Basics

// Which reals and which choices does a seed give? What traces, demos and benchmarks draw from.

extension SplitMix64 {
    /// In 0..<1, of 53 random bits.
    package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    package mutating func uniform(_ range: Range<Double>) -> Double { range.lowerBound + (range.upperBound - range.lowerBound) * unit() }

    /// One of 0..<count. The bias of the remainder is below count ÷ 2⁶⁴.
    mutating func index(below count: Int) -> Int { Int(next() % UInt64(count)) }
}
