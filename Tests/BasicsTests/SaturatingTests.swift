import Basics
import Testing

// Arithmetic that stops at the ends of its range.

@Suite struct SaturatingTests {
    private static let numbers: [Int64] = [.min, .min + 1, -(1 << 53), -(1 << 31), -2, -1, 0, 1, 2, 1 << 31, 1 << 53, .max - 1, .max]

    @Test("a result that fits is the plain operator's; one that doesn't is the nearer end")
    func clamps() {
        func nearest(_ exact: Int128) -> Int64 { Int64(min(max(exact, Int128(Int64.min)), Int128(Int64.max))) }
        for a in Self.numbers {
            for b in Self.numbers {
                #expect(a.addingClamped(b) == nearest(Int128(a) + Int128(b)), "\(a) + \(b)")
                #expect(a.subtractingClamped(b) == nearest(Int128(a) - Int128(b)), "\(a) - \(b)")
                #expect(a.multipliedClamped(by: b) == nearest(Int128(a) * Int128(b)), "\(a) * \(b)")
            }
        }
    }

    @Test(
        "a double is cut off, and stops at the ends",
        arguments: [
            (1.9, 1), (-1.9, -1), (0.0, 0), (1e308, Int.max), (-1e308, .min), (.infinity, .max), (-.infinity, .min), (.nan, 0),
            (9.3e18, .max), (-9.3e18, .min), (9e18, 9_000_000_000_000_000_000),
        ] as [(Double, Int)])
    func doubles(_ value: Double, _ whole: Int) { #expect(Int(clamping: value) == whole) }
}
