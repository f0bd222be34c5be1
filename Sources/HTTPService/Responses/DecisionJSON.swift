import Autoscaling
import Domain
import Views

// How does a decision look in an answer?
//
// As structure: each step with its numbers, its words of today, and the line of the policy that it goes by; what limits the count and what
// would change it. `reason` and `json` are the older members: the words as they were logged, and the decision as text.

enum DecisionJSON {
    /// One of the log.
    static func write(pool: String, seq: Position, at: LogTime, body: [UInt8], to json: inout JSONWriter) {
        json.openObject()
        json.member("pool", pool)
        json.member("seq", seq)
        json.member("at", at)
        body.withUnsafeBufferPointer { buffer in
            let data = EventBody(buffer, ByteRange(start: 0, count: buffer.count))
            for name in ["shadow", "from", "to", "direction"] as [StaticString] {
                guard let value = data[name] else { continue }
                json.key(name.description)
                json.raw(data.raw(value))
            }
            json.member("reason", DecisionReason.text(data))
        }
        writeSteps(body, to: &json)
        json.closeObject()
    }

    /// One that a policy led to, or would lead to.
    static func write(_ view: DecisionView, to json: inout JSONWriter) {
        json.openObject()
        json.member("pool", view.pool)
        if let seq = view.seq { json.member("seq", seq) }
        json.member("at", view.at)
        if let shadow = view.shadow { json.member("shadow", shadow) }
        json.member("from", view.from)
        json.member("to", view.to)
        json.member("direction", view.direction)
        json.member("reason", view.reason)
        writeSteps(Array(view.json.utf8), to: &json)
        json.closeObject()
    }

    private static func writeSteps(_ body: [UInt8], to json: inout JSONWriter) {
        // What lies in a log that was tampered with may be anything.
        if let value = try? JSONValue(parsing: body), let decision = Decision(json: value) { writeSteps(decision, value, to: &json) }
        json.member("json", String(decoding: body, as: UTF8.self))
    }

    private static func writeSteps(_ decision: Decision, _ value: JSONValue, to json: inout JSONWriter) {
        json.member("text", decision.text)
        // An operator's word stands over the policy's pause.
        let order = value["inputs"]["pause"].integer
        json.key("why")
        json.openArray()
        for (reason, logged) in zip(decision.why, value["why"].array.filter { Reason(json: $0) != nil }) {
            json.openObject()
            json.member("step", reason.step.rawValue)
            json.member("code", reason.code)
            json.key("numbers")
            json.raw((logged["numbers"].isObject ? logged["numbers"].compact : "{}").utf8)
            json.member("text", reason.text)
            json.key("policy")
            if reason.step == .pause, let order {
                json.null()
                json.member("orderSeq", order)
            } else if let line = reason.policyLine {
                json.openObject()
                json.member("path", line.path)
                json.member("text", line.text)
                json.closeObject()
            } else {
                json.null()
            }
            json.closeObject()
        }
        json.closeArray()
        json.key("limits")
        if let text = decision.limitText { json.string(text) } else { json.null() }
        json.key("limitingCode")
        if let reason = decision.limitingReason { json.string(reason.code) } else { json.null() }
        json.member("changedBy", decision.changeText)
        json.key("next")
        if let next = decision.nextDeadline { json.time(next) } else { json.null() }
        json.key("inputs")
        json.raw((value["inputs"].isObject ? value["inputs"].compact : "{}").utf8)
        json.member("digest", value["digest"].string ?? "")
    }
}
