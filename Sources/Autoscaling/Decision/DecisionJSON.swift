package import Domain

// How is a decision written down?
//
// The shape of `data` in `scale.decided` and of `/v1/decisions`: members in a fixed order, so that equal decisions are
// equal bytes. Metric values are decimals, times RFC 3339. Writing only: the log's own reader reads it.
//
//     {"from":3,"to":5,"direction":"up","why":[{"step":"rateLimit","code":"ScaleUpLimit","numbers":{…},"text":"…"}],"next":"…"}

extension Decision {
    /// Writes the decision as one JSON object; `next` is left out where time alone changes nothing.
    package func write(to json: inout JSONWriter) {
        json.openObject()
        writeMembers(to: &json)
        json.closeObject()
    }

    /// The members alone, for a caller whose object has others beside them.
    package func writeMembers(to json: inout JSONWriter) {
        json.member("from", from)
        json.member("to", to)
        json.member("direction", direction.rawValue)
        json.key("why")
        json.openArray()
        for reason in why { reason.write(to: &json) }
        json.closeArray()
        if let nextDeadline { json.member("next", nextDeadline) }
    }
}

extension Reason {
    package func write(to json: inout JSONWriter) {
        json.openObject()
        json.member("step", step.rawValue)
        json.member("code", code)
        json.key("numbers")
        json.openObject()
        for number in numbers {
            json.key(number.name)
            number.value.write(to: &json)
        }
        json.closeObject()
        json.member("text", text)
        json.closeObject()
    }
}

extension Reason.Value {
    func write(to json: inout JSONWriter) {
        switch self {
        case .integer(let value): json.integer(value)
        // A decimal of at most three places, written from integers: no float decides its digits.
        case .milli(let value): json.raw(Self.decimal(value).utf8)
        case .text(let value): json.string(value)
        case .time(let value): json.time(value)
        }
    }
}
