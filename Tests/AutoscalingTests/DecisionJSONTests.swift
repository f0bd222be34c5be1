import Domain
import Testing
@testable import Autoscaling

@Suite struct DecisionJSONTests {
    @Test("members in a fixed order; next is left out where time changes nothing")
    func bytes() {
        var decision = Decision(
            from: 3, to: 5,
            why: [
                Reason(
                    .rateLimit, "ScaleUpLimit",
                    [
                        Reason.Number("wanted", 7), Reason.Number("limit", 5), Reason.Number("kind", .text("Pods")),
                        Reason.Number("value", 2), Reason.Number("periodSeconds", 120),
                    ])
            ], nextDeadline: nil)
        let start =
            #"{"from":3,"to":5,"direction":"up","why":[{"step":"rateLimit","code":"ScaleUpLimit","numbers":{"wanted":7,"limit":5,"kind":"Pods","value":2,"periodSeconds":120},"text":"scaleUp limit 2 pods/120 s → 5"}]"#
        #expect(written(decision) == start + "}")
        decision.nextDeadline = .s(60)
        #expect(written(decision) == start + #","next":"1970-01-01T00:01:00.000000Z"}"#)
    }

    @Test("metric values are decimals")
    func decimals() {
        let decision = Decision(from: 1, to: 1, why: [Reason(.signal, "X", [Reason.Number("value", .milli(2_500))])], nextDeadline: nil)
        #expect(written(decision).contains(#""numbers":{"value":2.5}"#))
    }

    private func written(_ decision: Decision) -> String {
        var json = JSONWriter()
        decision.write(to: &json)
        return json.text
    }
}
