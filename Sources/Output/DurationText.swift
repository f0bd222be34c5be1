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
        guard seconds.isFinite, seconds >= 0, seconds < 9.95 else { return age(seconds) }
        return String(format: "%.1fs", seconds)
    }

    /// `350µs`, `12ms`, `1.203s`, `2m10.5s`.
    package static func precise(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "<invalid>" }
        guard seconds >= 0 else { return "-" + precise(-seconds) }
        if seconds < 0.001 { return "\(Int((seconds * 1e6).rounded()))µs" }
        if seconds < 0.9995 { return "\(Int((seconds * 1e3).rounded()))ms" }
        if seconds < 60 { return String(format: "%.3fs", seconds) }
        guard seconds < 3_600 else { return age(seconds) }
        return "\(Int(seconds) / 60)m" + String(format: "%.1fs", seconds.truncatingRemainder(dividingBy: 60))
    }

    private static func pair(_ big: Int, _ bigUnit: String, _ small: Int, _ smallUnit: String) -> String {
        small == 0 ? "\(big)\(bigUnit)" : "\(big)\(bigUnit)\(small)\(smallUnit)"
    }
}
