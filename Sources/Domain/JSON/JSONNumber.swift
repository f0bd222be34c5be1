// What does a JSON number mean?
//
// Integers are read exactly; a fraction becomes milli-units or a double. What doesn't fit is nil, never a trap.

extension JSONText {
    /// A number written without fraction or exponent that fits 64 bits; nil otherwise.
    package static func integer(_ bytes: UnsafeBufferPointer<UInt8>, _ range: ByteRange) -> Int64? {
        var i = range.lower
        let negative = i < range.upper && bytes[i] == UInt8(ascii: "-")
        if negative { i += 1 }
        guard i < range.upper else { return nil }
        var value: Int64 = 0
        while i < range.upper {
            let digit = bytes[i] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (scaled, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, more) = negative ? scaled.subtractingReportingOverflow(Int64(digit)) : scaled.addingReportingOverflow(Int64(digit))
            guard !over, !more else { return nil }
            value = sum
            i += 1
        }
        return value
    }

    /// Any JSON number, as the nearest double; nil where it isn't finite.
    package static func double(_ bytes: UnsafeBufferPointer<UInt8>, _ range: ByteRange) -> Double? {
        if let whole = integer(bytes, range) { return Double(whole) }
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[range.lower..<range.upper]), as: UTF8.self)
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }

    /// A number in thousandths, rounded up as Kubernetes rounds quantities; nil beyond ±9.2e15.
    package static func milli(_ bytes: UnsafeBufferPointer<UInt8>, _ range: ByteRange) -> Int64? {
        if let whole = integer(bytes, range) {
            let (scaled, over) = whole.multipliedReportingOverflow(by: 1_000)
            return over ? nil : scaled
        }
        guard let value = double(bytes, range) else { return nil }
        // 1.1 × 1000 is 1100.0000000000002: what lies within a millionth of a whole number, or within a double's own error
        // where that is larger, is that number.
        let scaled = value * 1_000
        let nearest = scaled.rounded()
        let rounded = abs(scaled - nearest) <= max(1e-6, 1e-15 * abs(scaled)) ? nearest : scaled.rounded(.up)
        return abs(rounded) < 9.2e18 ? Int64(rounded) : nil
    }
}
