import Domain

// How are numbers, times and foreign text written on the page?

enum Figure {
    /// With a fixed number of decimals, `1.50`; what is no number is a dash.
    static func decimal(_ value: Double, places: Int = 2) -> String {
        guard value.isFinite else { return "–" }
        var scale: Int64 = 1
        for _ in 0..<places { scale *= 10 }
        let scaled = (value.magnitude * Double(scale)).rounded()
        guard scaled < 9e18 else { return "∞" }
        let whole = Int64(scaled)
        let sign = value < 0 && whole > 0 ? "−" : ""
        guard places > 0 else { return sign + grouped(whole) }
        return "\(sign)\(grouped(whole / scale)).\(String(whole % scale + scale).dropFirst())"
    }

    /// Without zeros at the end: `1.5`, `12`.
    static func short(_ value: Double, places: Int = 2) -> String {
        var text = decimal(value, places: places)
        guard text.contains(".") else { return text }
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text
    }

    /// Thousands apart, by a thin space: `8 819`.
    static func grouped(_ value: Int64) -> String {
        let digits = Array(String(value.magnitude))
        guard digits.count > 4 else { return String(value) }
        var text = value < 0 ? "−" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "\u{202F}" }
            text.append(digit)
        }
        return text
    }

    static func count(_ value: Int) -> String { grouped(Int64(value)) }

    /// Plain, for attributes that style sheets and scripts read: at most three decimals.
    static func plain(_ value: Double) -> String {
        guard value.isFinite else { return "0" }
        let milli = Int64((value * 1_000).rounded())
        let (whole, rest) = milli.magnitude.quotientAndRemainder(dividingBy: 1_000)
        let sign = milli < 0 ? "-" : ""
        guard rest > 0 else { return "\(sign)\(whole)" }
        var digits = String(rest + 1_000).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return "\(sign)\(whole).\(digits)"
    }
}

enum ElapsedTime {
    /// `0:42`, `12:05`, `1:02:05`; with a tenth where it says more than the seconds do.
    static func text(seconds: Double) -> String {
        let tenths = Int64((max(seconds, 0).isFinite ? max(seconds, 0) : 0) * 10 + 0.5)
        let (whole, rest) = tenths.quotientAndRemainder(dividingBy: 10)
        let clock = whole < 3_600 ? "\(whole / 60):\(two(whole % 60))" : "\(whole / 3_600):\(two(whole / 60 % 60)):\(two(whole % 60))"
        return rest == 0 ? clock : "\(clock).\(rest)"
    }

    static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : String(value) }
}

extension String {
    /// As text of a page or a quoted attribute. Names and notes come from users; control characters have no place in a document.
    var escapedForHTML: String {
        var text = ""
        text.reserveCapacity(utf8.count)
        for scalar in unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            case "\n", "\t": text.unicodeScalars.append(scalar)
            default: text.unicodeScalars.append(scalar.isUnfit ? "\u{FFFD}" : scalar)
            }
        }
        return text
    }
}

extension Unicode.Scalar {
    /// Control characters, and those that turn the direction of the text around them.
    fileprivate var isUnfit: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x202A...0x202E, 0x2066...0x2069, 0xFFFE, 0xFFFF: true
        default: false
        }
    }
}
