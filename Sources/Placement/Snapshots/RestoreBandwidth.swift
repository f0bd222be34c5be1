package import Domain

// How long does a restore of so many bytes take?
//
// Bytes and milliseconds of the restores in the log, summed by where they came from and by the worker's zone. Sums are halved when
// they hold 64 restores, so that the last ones count most. Integers only. A zone with fewer than 8 restores of its own is taken to
// be as fast as the others; before the first restore, the defaults count.
//
// Whoever waits for a node weighs that against what a restore elsewhere takes. For that alone the rates are followed in
// steps of an eighth: as long as they stand still, nobody who waits need be looked at again.

package struct RestoreBandwidth: Hashable, Sendable {
    static let halvingCount = 64
    static let leastOfZone = 8
    static let zoneLimit = 64
    /// Bytes a second before anything was measured: a local disk, and an object store over a network.
    static let assumedLocal: Int64 = 1_000_000_000
    static let assumedExternal: Int64 = 400_000_000

    struct Sum: Hashable, Sendable {
        private(set) var bytes: Int64 = 0
        private(set) var microseconds: Int64 = 0
        private(set) var count = 0
        /// Bytes a second, at least 1: asked for with every pick, so it is divided here.
        private(set) var rate: Int64 = 1

        init() {}

        init(bytes: Int64, microseconds: Int64, count: Int) {
            self.bytes = bytes
            self.microseconds = microseconds
            self.count = count
            rate = Self.rate(bytes, microseconds)
        }

        mutating func add(bytes newBytes: Int64, microseconds newMicroseconds: Int64) {
            if count >= RestoreBandwidth.halvingCount {
                bytes /= 2
                microseconds /= 2
                count /= 2
            }
            bytes += newBytes
            microseconds += newMicroseconds
            count += 1
            rate = Self.rate(bytes, microseconds)
        }

        private static func rate(_ bytes: Int64, _ microseconds: Int64) -> Int64 {
            max(1, RestoreBandwidth.scaled(bytes, 1_000_000, by: max(1, microseconds)))
        }
    }

    struct Source: Hashable, Sendable {
        var all = Sum()
        var byZone: [NameID: Sum] = [:]
    }

    /// By tier.
    var sources = [Source](repeating: Source(), count: RestoreTier.allCases.count)
    var steadyLocal = assumedLocal
    var steadyCold = assumedExternal

    package init() {}

    /// A restore took so long. One without a size or a duration says nothing. Answers whether what moving costs is another.
    @discardableResult
    package mutating func add(_ tier: RestoreTier, bytes: Int64, millis: Int64, zone: NameID = .none) -> Bool {
        // Beyond these limits (a petabyte, a day) a number is a mistake.
        guard bytes > 0, bytes <= 1 << 50, millis > 0, millis <= 86_400_000 else { return false }
        let source = Int(tier.rawValue)
        sources[source].all.add(bytes: bytes, microseconds: millis * 1_000)
        if !zone.isNone, sources[source].byZone[zone] != nil || sources[source].byZone.count < Self.zoneLimit {
            sources[source].byZone[zone, default: Sum()].add(bytes: bytes, microseconds: millis * 1_000)
        }
        return followRates()
    }

    private mutating func followRates() -> Bool {
        let isLocalNews = Self.follow(&steadyLocal, bytesPerSecond(.local))
        let isColdNews = Self.follow(&steadyCold, bytesPerSecond(.cold))
        return isLocalNews || isColdNews
    }

    private static func follow(_ steady: inout Int64, _ rate: Int64) -> Bool {
        guard abs(rate - steady) > steady / 8 else { return false }
        steady = rate
        return true
    }

    /// How much longer it takes to restore `bytes` from object storage than `localBytes` where they lie.
    package func movingMicroseconds(_ bytes: Int64, local localBytes: Int64) -> Int64 {
        max(0, Self.microseconds(bytes, at: steadyCold) - Self.microseconds(localBytes, at: steadyLocal))
    }

    package func bytesPerSecond(_ tier: RestoreTier, zone: NameID = .none) -> Int64 {
        let source = sources[Int(tier.rawValue)]
        if !zone.isNone, let own = source.byZone[zone], own.count >= Self.leastOfZone { return own.rate }
        guard source.all.count > 0 else { return tier == .cold ? Self.assumedExternal : Self.assumedLocal }
        return source.all.rate
    }

    /// 1.2 GB at 387 MB/s are 3.1 s.
    package func microseconds(_ tier: RestoreTier, bytes: Int64, zone: NameID = .none) -> Int64 {
        Self.microseconds(bytes, at: bytesPerSecond(tier, zone: zone))
    }

    /// How much sooner `bytes` are restored from that tier than from object storage.
    package func savedMicroseconds(_ tier: RestoreTier, bytes: Int64) -> Int64 {
        max(0, microseconds(.cold, bytes: bytes) - microseconds(tier, bytes: bytes))
    }

    private static func microseconds(_ bytes: Int64, at bytesPerSecond: Int64) -> Int64 {
        bytes <= 0 ? 0 : scaled(bytes, 1_000_000, by: bytesPerSecond)
    }

    /// a × b ÷ c, rounded down, in full width; the largest number where it is larger.
    static func scaled(_ a: Int64, _ b: Int64, by c: Int64) -> Int64 {
        let product = a.multipliedFullWidth(by: b)
        if product.high == 0, product.low <= UInt64(Int64.max) { return Int64(product.low) / c }
        guard product.high < c / 2 else { return .max }
        return c.dividingFullWidth(product).quotient
    }
}
