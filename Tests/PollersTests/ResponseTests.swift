import Testing

@testable import Pollers

/// What a poller makes of an answer: a number, or the words that its fault has.
private enum Outcome: Equatable {
    case value(Double)
    case fault(String)

    static func of(_ body: () throws -> Double) -> Outcome {
        do { return .value(try body()) } catch let fault as PollFault { return .fault(fault.description) } catch {
            return .fault("\(error)")
        }
    }

    func isLike(_ wanted: Outcome) -> Bool {
        if case .fault(let text) = self, case .fault(let words) = wanted { return text.contains(words) }
        return self == wanted
    }
}

@Suite struct PrometheusResponseTests {
    private static func data(_ type: String, _ result: String) -> String {
        #"{"status":"success","data":{"resultType":"\#(type)","result":\#(result)}}"#
    }

    @Test(
        "one number, or why there is none",
        arguments: [
            (200, data("vector", #"[{"metric":{},"value":[1.5,"42.5"]}]"#), true, "42.5"), (200, data("scalar", #"[1,"7"]"#), true, "7.0"),
            (200, data("vector", "[]"), true, "0.0"), (200, data("vector", "[]"), false, "gives nothing"),
            (200, data("vector", #"[{"metric":{},"value":[1,"NaN"]}]"#), true, "0.0"),
            (200, data("vector", #"[{"metric":{},"value":[1,"+Inf"]}]"#), false, "no number"),
            (200, data("vector", #"[{"metric":{"a":"1"},"value":[1,"1"]},{"metric":{"a":"2"},"value":[1,"2"]}]"#), true, "2 series"),
            (200, data("matrix", "[]"), true, "gives a matrix"), (200, data("string", #"[1,"x"]"#), true, "gives a string"),
            (400, #"{"status":"error","errorType":"bad_data","error":"parse error: unexpected \"}\""}"#, true, "400: parse error"),
            (503, "<html>", true, "answered 503"), (200, "", true, "answered 200"), (200, #"{"status":"success"}"#, true, "answered 200"),
        ])
    func answers(_ status: Int, _ body: String, _ ignoreNullValues: Bool, _ wanted: String) {
        let outcome = Outcome.of { try PrometheusPoller.value(status: status, body: Array(body.utf8), ignoreNullValues: ignoreNullValues) }
        #expect(outcome.isLike(Double(wanted).map { .value($0) } ?? .fault(wanted)), "\(outcome)")
    }
}

@Suite struct NATSResponseTests {
    private static func body(_ consumers: String) -> String {
        #"{"account_details":[{"name":"$G","id":"$G","stream_detail":[{"name":"s","consumer_detail":\#(consumers)}]}]}"#
    }

    @Test(
        "the consumer's pending messages, or what is not there",
        arguments: [
            (200, body(#"[{"name":"x","num_pending":1},{"name":"c","num_pending":7}]"#), "7.0"), (200, body("[]"), "no consumer c"),
            (200, body("null"), "no consumer c"),
            (200, body("[]").replacing(#""s""#, with: #""t""#), "no stream s"), (200, "{}", "no account $G"),
            (200, #"{"disabled":true}"#, "not enabled"),
            (404, "", "answered 404"), (200, "[]", "no /jsz"),
            // Delivered and not acknowledged is work too.
            (200, body(#"[{"name":"c","num_pending":0,"num_ack_pending":5}]"#), "5.0"),
            (200, body(#"[{"name":"c","num_pending":5,"num_ack_pending":3,"num_waiting":9}]"#), "8.0"),
            (
                200, body(#"[{"name":"c","num_pending":18446744073709551615,"num_ack_pending":18446744073709551615}]"#),
                "36893488147419103232"
            ),
            // In a cluster the leader alone knows; `replicas` are the servers other than the one that answers.
            (
                200,
                body(
                    #"[{"name":"c","num_pending":4,"num_ack_pending":1,"cluster":{"name":"C","leader":"n1","replicas":[{"name":"n2","current":true},{"name":"n3"}]}}]"#
                ), "5.0"
            ),
            (200, body(#"[{"name":"c","num_pending":4,"cluster":{"name":"C","leader":"n1"}}]"#), "4.0"),
            (200, body(#"[{"name":"c","num_pending":4,"cluster":{"leader":"n1","replicas":null}}]"#), "4.0"),
            (
                200, body(#"[{"name":"c","num_pending":4,"cluster":{"name":"C","leader":"n3","replicas":[{"name":"n2"},{"name":"n3"}]}}]"#),
                "the leader is n3"
            ),
            (200, body(#"[{"name":"c","num_pending":4,"cluster":{"name":"C","replicas":[{"name":"n2"},{"name":"n3"}]}}]"#), "no leader"),
            (200, body(#"[{"name":"c","num_pending":4,"cluster":{"name":"C","leader":"","replicas":[]}}]"#), "no leader"),
        ])
    func answers(_ status: Int, _ body: String, _ wanted: String) {
        expect(status, body, wanted, countsInFlight: true)
    }

    @Test func whatIsInFlightIsToldApart() throws {
        func work(_ countsInFlight: Bool) throws -> NATSPoller.Work {
            try NATSPoller.work(
                status: 200, body: Array(Self.body(#"[{"name":"c","num_pending":2,"num_ack_pending":5}]"#).utf8), account: "$G",
                stream: "s",
                consumer: "c", countsInFlight: countsInFlight)
        }
        #expect(try work(true) == NATSPoller.Work(value: 7, inFlight: 5))
        #expect(try work(false) == NATSPoller.Work(value: 2, inFlight: 0))
        func told(_ value: PollValue) -> String {
            let batch = PollObservation.batch(pool: "a/b", metric: "m", outcome: .success(value), at: 1)
            return batch.text(batch.events[0].body)
        }
        #expect(told(PollValue(value: 7, inFlight: 5)).contains(#""inFlight":5"#))
        #expect(!told(PollValue(value: 7)).contains("inFlight"))
    }

    @Test func whatIsInFlightCanBeLeftOut() {
        expect(200, Self.body(#"[{"name":"c","num_pending":2,"num_ack_pending":5}]"#), "2.0", countsInFlight: false)
    }

    private func expect(_ status: Int, _ body: String, _ wanted: String, countsInFlight: Bool) {
        let outcome = Outcome.of {
            try NATSPoller.work(
                status: status, body: Array(body.utf8), account: "$G", stream: "s", consumer: "c", countsInFlight: countsInFlight
            ).value
        }
        #expect(outcome.isLike(Double(wanted).map { .value($0) } ?? .fault(wanted)), "\(outcome)")
    }
}

@Suite struct PollPaceTests {
    @Test("the usual pace until the fallback has had its failures, then doubling up to a minute")
    func table() {
        var pace = PollPace(intervalSeconds: 15, patience: 3)
        var delays: [Duration] = []
        for _ in 0..<7 {
            delays.append(pace.delay(chance: 0.5))
            pace.note(failed: true)
        }
        #expect(delays == [15, 15, 15, 15, 30, 60, 60].map { .seconds($0) })
        pace.note(failed: false)
        #expect(pace.delay(chance: 0.5) == .seconds(15))
    }

    @Test func delaysAreSpreadByATenth() {
        let pace = PollPace(intervalSeconds: 10, patience: 1)
        #expect(pace.delay(chance: 0) == .seconds(9))
        #expect(pace.delay(chance: 0.999_999) < .seconds(11))
    }

    @Test func aLongIntervalStaysAsItIs() {
        var pace = PollPace(intervalSeconds: 600, patience: 1)
        for _ in 0..<20 { pace.note(failed: true) }
        #expect(pace.delay(chance: 0.5) == .seconds(600))
    }
}
