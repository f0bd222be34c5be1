import Basics
import Domain
import Testing

@testable import State

// Which claims are predicted, and when is a period believed?

@Suite struct RecurringClaimsTests {
    private static let start = LogTime(rfc3339: "2026-11-21T08:00:00Z") ?? .zero
    private static func at(_ seconds: Double) -> LogTime { start.adding(microseconds: Int64((seconds * 1e6).rounded())) }
    private static let refill: Int64 = 10_000_000

    struct Traffic: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// Seconds between bursts, the second at which each begins, and how many claims it has.
        var every = 60.0
        var begins = 30.0
        var burst = 0
        /// Claims a second beside them, drawn from a seed.
        var rate = 0.0
        var minutes: Int
        /// What is predicted 5 s before the burst that would come next.
        var predicted: ClosedRange<Int>
        var everySeconds: Int64?
    }

    static let traffic = [
        Traffic(testDescription: "a burst each minute, after three rounds", burst: 20, minutes: 4, predicted: 18...20, everySeconds: 60),
        Traffic(testDescription: "two rounds may be chance", burst: 20, minutes: 2, predicted: 0...0),
        Traffic(testDescription: "among others", burst: 40, rate: 1.5, minutes: 10, predicted: 32...40, everySeconds: 60),
        Traffic(
            testDescription: "every five minutes", every: 300, begins: 150, burst: 30, rate: 0.5, minutes: 25, predicted: 26...32,
            everySeconds: 300),
        Traffic(testDescription: "claims that come evenly predict nothing", rate: 3, minutes: 60, predicted: 0...0),
        Traffic(testDescription: "nor bursts of no period", every: 47.3, burst: 15, rate: 0.5, minutes: 60, predicted: 0...0),
        Traffic(testDescription: "nothing", minutes: 10, predicted: 0...0),
    ]

    private static func arrivals(_ traffic: Traffic, seed: UInt64) -> [Double] {
        var random = SplitMix64(seed: seed)
        let end = Double(traffic.minutes) * 60
        var found: [Double] = []
        if traffic.burst > 0 {
            for begin in stride(from: traffic.begins, to: end, by: traffic.every) {
                for _ in 0..<traffic.burst { found.append(begin + Double(random.next() % 1_000) / 1_000) }
            }
        }
        for second in 0..<Int(end) {
            for _ in 0..<4 where Double(random.next() % 10_000) < traffic.rate * 2_500 {
                found.append(Double(second) + Double(random.next() % 1_000) / 1_000)
            }
        }
        return found.sorted()
    }

    @Test("traffic", arguments: traffic, [1, 2, 3] as [UInt64])
    func learns(_ row: Traffic, seed: UInt64) {
        var claims = RecurringClaims()
        for arrival in Self.arrivals(row, seed: seed) { _ = claims.arrived(at: Self.at(arrival)) }
        let end = Double(row.minutes) * 60
        let next = row.begins + ((end - row.begins) / row.every).rounded(.up) * row.every
        claims.pass(to: Self.at(next - 5))
        let forecast = claims.ahead(Self.refill, at: Self.at(next - 5))
        #expect(row.predicted.contains(forecast?.claims ?? 0), "\(forecast?.claims ?? 0)")
        if let every = row.everySeconds { #expect(forecast?.everySeconds == every) }
    }

    private static func minutely(_ minutes: Int) -> RecurringClaims {
        var claims = RecurringClaims()
        for minute in 0..<minutes {
            for number in 0..<20 { _ = claims.arrived(at: at(Double(minute) * 60 + 30 + Double(number) / 40)) }
        }
        return claims
    }

    @Test("room is asked for a refill before the burst, and for what is left of it while it comes")
    func course() throws {
        var claims = Self.minutely(6)
        claims.pass(to: Self.at(361))
        #expect(claims.ahead(Self.refill, at: Self.at(361))?.claims == 0)
        let first = try #require(claims.ahead(Self.refill, at: Self.at(361))?.nextChange)
        // A part is 0.234 s: its beginning, a refill before.
        #expect((379.7...380).contains(first.seconds(since: Self.start)), "\(first.seconds(since: Self.start))")
        claims.pass(to: first)
        let whole = try #require(claims.ahead(Self.refill, at: first)?.claims)
        #expect((18...20).contains(whole))
        var predicted = 0
        for number in 0..<10 where claims.arrived(at: Self.at(390 + Double(number) / 40)) { predicted += 1 }
        #expect(predicted >= 8)
        let left = try #require(claims.ahead(Self.refill, at: Self.at(390.24))?.claims)
        #expect((8...12).contains(left), "\(left)")
        claims.pass(to: Self.at(392))
        #expect(claims.ahead(Self.refill, at: Self.at(392))?.claims == 0)
        let isPredicted = claims.arrived(at: Self.at(400))
        #expect(!isPredicted, "one at another time isn't predicted")
    }

    @Test("a period without claims is forgotten after eight rounds")
    func forgets() {
        var claims = Self.minutely(6)
        claims.pass(to: Self.at(385))
        #expect(claims.ahead(Self.refill, at: Self.at(385))?.claims ?? 0 > 0)
        claims.pass(to: Self.at(360 + 8 * 60 + 25))
        #expect(claims.ahead(Self.refill, at: Self.at(360 + 8 * 60 + 25))?.claims ?? 0 == 0)
    }

    @Test("a period whose bursts stop coming isn't believed any more, within four rounds")
    func stops() {
        var claims = Self.minutely(8)
        for second in stride(from: 480.0, to: 780, by: 2) { _ = claims.arrived(at: Self.at(second)) }
        claims.pass(to: Self.at(805))
        #expect(claims.ahead(Self.refill, at: Self.at(805))?.claims ?? 0 <= 1)
    }

    @Test("the ends of time, and many claims at one moment, trap nowhere")
    func extremes() {
        var claims = RecurringClaims()
        for time in [LogTime(microseconds: .min), .zero, LogTime(microseconds: .max - 1), LogTime(microseconds: .max)] {
            for _ in 0..<100 { _ = claims.arrived(at: time) }
            _ = claims.ahead(.max, at: time)
            _ = claims.ahead(0, at: LogTime(microseconds: .max))
        }
        var many = RecurringClaims()
        for minute in 0..<5 {
            for _ in 0..<20_000 { _ = many.arrived(at: Self.at(Double(minute) * 60)) }
        }
        many.pass(to: Self.at(295))
        #expect(many.ahead(Self.refill, at: Self.at(295))?.claims ?? 0 > 19_000)
    }

    @Test("it survives as bytes, and learns on alike; damaged bytes are refused or read, never more")
    func bytes() throws {
        var claims = Self.minutely(5)
        var writer = ByteWriter()
        claims.encode(into: &writer)
        var again = try writer.bytes.withUnsafeBytes { raw -> Result<RecurringClaims, ByteFault> in
            var reader = ByteReader(raw)
            do throws(ByteFault) { return .success(try RecurringClaims(from: &reader)) } catch { return .failure(error) }
        }.get()
        #expect(again == claims)
        for second in stride(from: 300.0, to: 420, by: 0.7) {
            let (one, other) = (claims.arrived(at: Self.at(second)), again.arrived(at: Self.at(second)))
            #expect(one == other)
        }
        #expect(again == claims)
        var random = SplitMix64(seed: 5)
        for _ in 0..<2_000 {
            var bytes = writer.bytes
            bytes[Int(random.next() % UInt64(bytes.count))] ^= UInt8(truncatingIfNeeded: random.next() | 1)
            bytes.withUnsafeBytes { raw in
                var reader = ByteReader(raw)
                guard var damaged = try? RecurringClaims(from: &reader) else { return }
                damaged.pass(to: Self.at(330))
                _ = damaged.arrived(at: Self.at(330))
                _ = damaged.ahead(Self.refill, at: Self.at(330))
            }
        }
    }
}
