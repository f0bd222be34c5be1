import Domain

// Which random numbers? The same ones every time.
//
// SplitMix64 (Steele, Lea, Flood 2014): one word of state, good enough for arrivals and choices. A seed makes a demo or a
// benchmark repeatable.

struct SplitMix64: RandomNumberGenerator, Hashable, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return ByteHash.mix(state)
    }

    /// In 0..<1, of 53 random bits.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    mutating func uniform(_ range: Range<Double>) -> Double { range.lowerBound + (range.upperBound - range.lowerBound) * unit() }
}
