// How much is "500m", "2k" or "1.5"?
//
// Kubernetes' quantities (apimachinery, `resource.Quantity`): a decimal number and a suffix, decimal (n u m k M G T P E),
// binary (Ki Mi Gi Ti Pi Ei) or an exponent (e3). Read exactly, in integers, to a stated number of decimals; what is finer is
// rounded away from zero, as Kubernetes does. So "0.3" is 300 milli-units, never 299 or 301.

package enum Quantity {
    /// Metric values and thresholds.
    package static let milliDecimals = 3
    /// Tolerances, in parts per million.
    package static let microDecimals = 6
    /// Digits and suffix; more means nothing to 64 bits.
    package static let textLimitBytes = 40

    package enum Fault: Error, Hashable, Sendable {
        case malformed
        /// Doesn't fit 64 bits in these units.
        case tooLarge
    }

    /// The quantity in units of 10^−decimals: `parse("1.5", decimals: 3)` is 1,500.
    package static func parse(_ text: String, decimals: Int) throws(Fault) -> Int64 { try read(text, decimals: decimals).value }

    /// The same, and whether it was finer than that and is rounded.
    package static func read(_ text: String, decimals: Int) throws(Fault) -> (value: Int64, isRounded: Bool) {
        guard text.utf8.count <= textLimitBytes else { throw .malformed }
        var rest = text.utf8[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        let (digits, fraction) = try number(&rest)
        let (exponent, binaryPower) = try suffix(String(decoding: rest, as: UTF8.self))
        let (magnitude, isRounded) = try scale(digits, tens: exponent - fraction + decimals, twos: binaryPower)
        return (isNegative ? -magnitude : magnitude, isRounded)
    }

    /// The finest step that so many decimals have: 0.001.
    package static func step(decimals: Int) -> String { text(1, decimals: decimals) }

    /// The shortest decimal that reads back the same: `text(1_500, decimals: 3)` is "1.5".
    package static func text(_ value: Int64, decimals: Int) -> String {
        var digits = Array(String(value.magnitude).utf8)
        while digits.count <= decimals { digits.insert(UInt8(ascii: "0"), at: 0) }
        var fraction = digits[(digits.count - decimals)...]
        while fraction.last == UInt8(ascii: "0") { fraction.removeLast() }
        let whole = String(decoding: digits[..<(digits.count - decimals)], as: UTF8.self)
        let sign = value < 0 ? "-" : ""
        return fraction.isEmpty ? sign + whole : "\(sign)\(whole).\(String(decoding: fraction, as: UTF8.self))"
    }

    /// The digits without their point, and how many stood behind it. Zeros at the end of a fraction say nothing.
    private static func number(_ rest: inout Substring.UTF8View) throws(Fault) -> (digits: UInt64, fraction: Int) {
        var all: [UInt8] = []
        var fraction: Int?
        while let byte = rest.first {
            if byte == UInt8(ascii: "."), fraction == nil {
                fraction = 0
            } else {
                guard byte &- UInt8(ascii: "0") <= 9 else { break }
                all.append(byte)
                fraction = fraction.map { $0 + 1 }
            }
            rest.removeFirst()
        }
        guard !all.isEmpty else { throw .malformed }
        var behind = fraction ?? 0
        while behind > 0, all.last == UInt8(ascii: "0") { all.removeLast(); behind -= 1 }
        guard let digits = UInt64(all.isEmpty ? "0" : String(decoding: all, as: UTF8.self)) else { throw .tooLarge }
        return (digits, behind)
    }

    private static func suffix(_ text: String) throws(Fault) -> (exponent: Int, binaryPower: Int) {
        switch text {
        case "n": return (-9, 0)
        case "u": return (-6, 0)
        case "m": return (-3, 0)
        case "": return (0, 0)
        case "k": return (3, 0)
        case "M": return (6, 0)
        case "G": return (9, 0)
        case "T": return (12, 0)
        case "P": return (15, 0)
        case "E": return (18, 0)
        case "Ki": return (0, 10)
        case "Mi": return (0, 20)
        case "Gi": return (0, 30)
        case "Ti": return (0, 40)
        case "Pi": return (0, 50)
        case "Ei": return (0, 60)
        default: break
        }
        let exponent = text.dropFirst()
        guard text.hasPrefix("e") || text.hasPrefix("E"), exponent.utf8.count <= 4, let power = Int(exponent) else { throw .malformed }
        return (power, 0)
    }

    /// digits · 10^tens · 2^twos, rounded up.
    private static func scale(_ digits: UInt64, tens: Int, twos: Int) throws(Fault) -> (Int64, isRounded: Bool) {
        guard digits > 0 else { return (0, false) }
        var value = UInt128(digits) << UInt128(twos)
        for _ in 0..<max(tens, 0) {
            guard value < UInt128(UInt64.max) else { throw .tooLarge }
            value *= 10
        }
        var hasRest = false
        for _ in 0..<max(-tens, 0) where value > 0 {
            hasRest = hasRest || value % 10 != 0
            value /= 10
        }
        guard let magnitude = Int64(exactly: value + (hasRest ? 1 : 0)) else { throw .tooLarge }
        return (magnitude, hasRest)
    }
}
