// Which random numbers? Those of the seed, every time.
//
// SplitMix64 (Steele, Lea, Flood 2014): one word of state, good enough for arrivals, choices and jitter. A value like any
// other here: nothing is drawn from the machine. A seed makes a simulation, a demo or a test repeatable.

package struct SplitMix64: RandomNumberGenerator, Hashable, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return ByteHash.mix(state)
    }
}
