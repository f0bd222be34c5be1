import Basics
import Domain
import Testing

@Suite struct JSONNumberTests {
    private func whole<Value>(_ text: String, _ read: (UnsafeBufferPointer<UInt8>, ByteRange) -> Value) -> Value {
        // In the middle of other digits: a number ends where its range does.
        ("9" + text + "9").withBytes { read($0, ByteRange(start: 1, count: text.utf8.count)) }
    }

    @Test(
        "an integer is read exactly, or not at all",
        arguments: [
            ("0", 0), ("-0", 0), ("1", 1), ("-1", -1), ("9223372036854775807", Int64.max), ("-9223372036854775808", .min),
            ("9223372036854775808", nil),
            ("-9223372036854775809", nil), ("99999999999999999999", nil), ("1.0", nil), ("1e2", nil), ("1E2", nil), ("-", nil), ("", nil),
        ] as [(String, Int64?)])
    func integer(_ text: String, _ value: Int64?) { #expect(whole(text, JSONText.integer) == value) }

    @Test(
        "a number in thousandths is exact where it can be, else rounded up",
        arguments: [
            ("0", 0), ("1", 1_000), ("-1", -1_000), ("1.1", 1_100), ("1.2", 1_200), ("-1.1", -1_100), ("0.001", 1), ("0.0001", 1),
            ("0.0010001", 2), ("1.0001", 1_001),
            ("-0.0001", 0), ("-1.0001", -1_000), ("0.29", 290), ("0.57", 570), ("1.005", 1_005), ("8.7", 8_700), ("1e3", 1_000_000),
            ("1.5e-3", 2), ("1e-30", 0),
            // A sum of doubles: noise of the machine is not a reason to round up.
            ("0.30000000000000004", 300), ("2.9999999999999996", 3_000), ("1000000000.3000001", 1_000_000_000_300),
            ("1000000000.30001", 1_000_000_000_301),
            ("1000.0004", 1_000_001), ("123456789.0004", 123_456_789_001),
            ("9223372036854775", 9_223_372_036_854_775_000), ("9223372036854776", nil), ("9.3e15", nil), ("-9.3e15", nil), ("1e400", nil),
            ("99999999999999999999", nil),
        ] as [(String, Int64?)])
    func milli(_ text: String, _ value: Int64?) { #expect(whole(text, JSONText.milli) == value) }

    @Test(
        "a double is the nearest one, and finite",
        arguments: [
            ("0.1", 0.1), ("-0.25", -0.25), ("1e300", 1e300), ("5e-324", .leastNonzeroMagnitude), ("1e-400", 0),
            ("9007199254740993", 9_007_199_254_740_992), ("12345678901234567890", 12_345_678_901_234_567_168),
            ("1e309", nil), ("-1e309", nil),
        ] as [(String, Double?)])
    func double(_ text: String, _ value: Double?) { #expect(whole(text, JSONText.double) == value) }

    @Test("three places are never rounded away: n thousandths written out give n", arguments: 0..<10)
    func thousandths(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        for _ in 0..<500 {
            let milli = Int64(random.int(0...random.pick([999, 1_000_000, 1_000_000_000_000])))
            let fraction = String(milli % 1_000 + 1_000).dropFirst()
            #expect(whole("\(milli / 1_000).\(fraction)", JSONText.milli) == milli)
            #expect(whole((Double(milli) / 1_000).description, JSONText.milli) == milli)
        }
    }
}
