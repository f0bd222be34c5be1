// What is x to the power of y, the same bits on every machine?
//
// The C library's `pow` differs in its last bits from one library to the next, and a decision replayed elsewhere must not.
// Here are only additions, multiplications, divisions and roots, which IEEE 754 fixes: whole powers by squaring, others as
// 2^(y·log₂ x) with both functions as series. Good to about 1 part in 10¹³, where metrics have milli-units.

enum Power {
    /// NaN where the power of a negative base isn't whole.
    static func raise(_ base: Double, to exponent: Double) -> Double {
        if base.isNaN || exponent.isNaN { return exponent == 0 ? 1 : .nan }
        if exponent == exponent.rounded(), abs(exponent) <= 1_024 { return wholePower(base, Int(exponent)) }
        if exponent == 0.5 { return base.squareRoot() }
        guard base > 0 else { return ofNotPositive(base, exponent) }
        if base == 1 { return 1 }
        if base.isInfinite || exponent.isInfinite { return (base > 1) == (exponent > 0) ? .infinity : 0 }
        return exp2(exponent * log2(base))
    }

    private static func wholePower(_ base: Double, _ exponent: Int) -> Double {
        var result = 1.0
        var square = base
        var left = exponent.magnitude
        while left > 0 {
            if left & 1 == 1 { result *= square }
            square *= square
            left >>= 1
        }
        return exponent < 0 ? 1 / result : result
    }

    /// A base of zero, or a negative one, with a power that is not a small whole number.
    private static func ofNotPositive(_ base: Double, _ exponent: Double) -> Double {
        if base == 0 { return exponent > 0 ? 0 : .infinity }
        guard exponent == exponent.rounded(), exponent.isFinite else { return .nan }
        let magnitude = raise(-base, to: exponent)
        return exponent.truncatingRemainder(dividingBy: 2) == 0 ? magnitude : -magnitude
    }

    /// x = 2^e · m with m in [√½, √2); ln m = 2·(s + s³/3 + s⁵/5 + …) with s = (m − 1)/(m + 1), |s| ≤ 0.172.
    private static func log2(_ x: Double) -> Double {
        var whole = Double(x.exponent)
        var m = x.significand
        if m > 1.4142135623730951 { m /= 2; whole += 1 }
        let s = (m - 1) / (m + 1)
        var power = s
        var sum = 0.0
        for k in stride(from: 1.0, through: 23.0, by: 2.0) {
            sum += power / k
            power *= s * s
        }
        return whole + 2 * sum / 0.6931471805599453
    }

    /// 2^x = 2^whole · e^(rest · ln 2), the latter by its series; |rest| ≤ ½.
    private static func exp2(_ x: Double) -> Double {
        if x > 1_025 { return .infinity }
        if x < -1_080 { return 0 }
        let whole = x.rounded()
        let rest = (x - whole) * 0.6931471805599453
        var term = 1.0
        var sum = 1.0
        for k in stride(from: 1.0, through: 18.0, by: 1.0) {
            term *= rest / k
            sum += term
        }
        return Double(sign: .plus, exponent: Int(whole), significand: sum)
    }
}
