import Foundation

// How is a length of time said?
//
// `age` as kubectl says it (two units while they matter), `short` where tenths of a second count, `precise` where
// milliseconds do. All take seconds.

package enum DurationText {
    /// `5s`, `119s`, `2m10s`, `13m`, `3h`, `4h20m`, `3d4h`, `120d`, `2y40d`: the rules of Kubernetes' HumanDuration.
    package static func age(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds > -2 else { return "<invalid>" }
        let total = Int(min(max(seconds, 0), 1e15))
        if total < 120 { return "\(total)s" }
        let (minutes, hours, days) = (total / 60, total / 3_600, total / 86_400)
        switch true {
        case minutes < 10: return pair(minutes, "m", total % 60, "s")
        case minutes < 180: return "\(minutes)m"
        case hours < 8: return pair(hours, "h", minutes % 60, "m")
        case hours < 48: return "\(hours)h"
        case hours < 192: return pair(days, "d", hours % 24, "h")
        case days < 730: return "\(days)d"
        case days < 2_920: return pair(days / 365, "y", days % 365, "d")
        default: return "\(days / 365)y"
        }
    }

    /// Tenths below ten seconds, as waits deserve; then as `age`.
    package static func short(_ seconds: Double) -> String {
        guard seconds.isFinite, (0..<10).contains(seconds) else { return age(seconds) }
        let tenths = Int((seconds * 10).rounded())
        return tenths == 100 ? age(10) : "\(tenths / 10).\(tenths % 10)s"
    }

    /// `350µs`, `12ms`, `1.203s`, `2m10.5s`.
    package static func precise(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "<invalid>" }
        guard seconds >= 0 else { return "-" + precise(-seconds) }
        // Rounded first: what rounds up to the next unit is written in that.
        guard seconds < 3_600 else { return age(seconds) }
        let micros = Int((seconds * 1e6).rounded())
        if micros < 1_000 { return "\(micros)µs" }
        let millis = Int((seconds * 1e3).rounded())
        if millis < 1_000 { return "\(millis)ms" }
        if millis < 60_000 { return String(format: "%d.%03ds", millis / 1_000, millis % 1_000) }
        let tenths = Int((seconds * 10).rounded())
        if tenths == 36_000 { return age(3_600) }
        return "\(tenths / 600)m\(tenths % 600 / 10).\(tenths % 10)s"
    }

    private static func pair(_ big: Int, _ bigUnit: String, _ small: Int, _ smallUnit: String) -> String {
        small == 0 ? "\(big)\(bigUnit)" : "\(big)\(bigUnit)\(small)\(smallUnit)"
    }
}
