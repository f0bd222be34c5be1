import Domain
import Foundation
import Output

// How is the difference between a pool's policy and its shadows shown?
//
// A row for each stretch in which the counts differ, in the order in which the stretches end, and a line for each shadow.

extension DecisionDiff {
    func text(time: TimeText = TimeText()) -> String {
        let sums = shadows.map { DisplayText.printable($0.text) + "\n" }.joined()
        guard !stretches.isEmpty else { return sums }
        var table = Table(time.header, "#FOR", "POOL", "#LIVE", "#SHADOW", "NAME", "#DIFFERENCE", "REASON(LIVE)", "REASON(SHADOW)")
        for stretch in stretches {
            table.add(
                time.full(stretch.at), DurationText.precise(stretch.seconds), stretch.pool, String(stretch.live), String(stretch.shadowed),
                stretch.shadow, stretch.difference > 0 ? "+\(stretch.difference)" : String(stretch.difference), stretch.liveReason,
                stretch.shadowReason)
        }
        return table.text + (hasOlder ? "(the newest \(stretches.count); --limit shows more)\n" : "") + "\n" + sums
    }

    var json: JSONValue {
        .object([
            .init(key: "apart", value: .array(stretches.map(\.json))), .init(key: "hasOlder", value: .bool(hasOlder)),
            .init(key: "shadows", value: .array(shadows.map(\.json))),
        ])
    }

    /// To the thousandth.
    fileprivate static func number(_ value: Double) -> JSONValue { .number("\((value * 1_000).rounded() / 1_000)") }
}

extension DecisionDiff.Sum {
    /// `demo/chat, shadow calm: apart for 25.0 % of 2h: 1.50 workers fewer on average, 10,800 worker-seconds saved (120 added, 10,920 saved)`
    var text: String {
        let head = "\(pool), shadow \(shadow): apart for \(String(format: "%.1f", apartShare * 100)) % of \(DurationText.age(seconds))"
        guard more + less > 0 else { return head }
        let (added, saved) = (Self.seconds(more), Self.seconds(less))
        let mean = String(format: "%.2f", abs(meanDifference))
        let isMore = more > less
        var text = head + ": \(mean) workers \(isMore ? "more" : "fewer") on average, "
        text += "\(Self.seconds(abs(more - less))) worker-seconds \(isMore ? "added" : "saved")"
        if more > 0, less > 0 { text += " (\(added) added, \(saved) saved)" }
        return text
    }

    private static func seconds(_ microseconds: Int64) -> String { Grouped.text((microseconds + 500_000) / 1_000_000) }

    fileprivate var json: JSONValue {
        .object([
            .init(key: "pool", value: .string(pool)), .init(key: "shadow", value: .string(shadow)),
            .init(key: "since", value: .string(since.rfc3339)),
            .init(key: "seconds", value: DecisionDiff.number(seconds)),
            .init(key: "apartSeconds", value: DecisionDiff.number(Double(apartMicroseconds) / 1e6)),
            .init(key: "apartShare", value: DecisionDiff.number(apartShare)),
            .init(key: "meanDifference", value: DecisionDiff.number(meanDifference)),
            .init(key: "workerSecondsAdded", value: DecisionDiff.number(Double(more) / 1e6)),
            .init(key: "workerSecondsSaved", value: DecisionDiff.number(Double(less) / 1e6)),
        ])
    }
}

extension DecisionDiff.Stretch {
    fileprivate var json: JSONValue {
        .object([
            .init(key: "at", value: .string(at.rfc3339)), .init(key: "seconds", value: DecisionDiff.number(seconds)),
            .init(key: "pool", value: .string(pool)), .init(key: "shadow", value: .string(shadow)),
            .init(key: "liveDesired", value: .number(String(live))), .init(key: "shadowDesired", value: .number(String(shadowed))),
            .init(key: "difference", value: .number(String(difference))), .init(key: "liveReason", value: .string(liveReason)),
            .init(key: "shadowReason", value: .string(shadowReason)),
        ])
    }
}
