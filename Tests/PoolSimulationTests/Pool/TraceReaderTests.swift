import Domain
import Testing
@testable import Simulation

@Suite struct TraceReaderTests {
    private func read(_ text: String) throws(TraceError) -> ArrivalTrace { try ArrivalTrace(csv: Array(text.utf8), name: "t.csv") }

    @Test("seconds, tokens, other columns, line ends and order")
    func forms() throws {
        #expect(try read("arrival_s,service_s\n1.5,2\n0.25,3\n") == .of((0.25, 3), (1.5, 2)))
        #expect(try read("arrival_s,context_tokens,generated_tokens\n0,4808,10\n").turns[0].serviceMicroseconds == 4_904_000)
        #expect(try read("\u{FEFF}x, arrival_s ,y,service_s\r\na, 1 ,t,2\r\n\r\n") == .of((1, 2)))
    }

    @Test("whose a turn is and what it restores stay with it, through sorting and splitting")
    func whose() throws {
        let trace = try read("actor,template,tenant,snapshot_bytes,arrival_s,service_s\nann,t,x,7,9,1\n bob ,t,,,3,1\nann,,,0,3,1\n")
        func told(_ trace: ArrivalTrace) -> [[String?]] {
            trace.turns.map { [trace.name($0.actor), trace.name($0.template), trace.name($0.tenant), $0.snapshotBytes.map(String.init)] }
        }
        #expect(told(trace) == [["bob", "t", nil, nil], ["ann", nil, nil, "0"], ["ann", "t", "x", "7"]])
        #expect(told(trace.split(after: 0.5).after) == [["ann", "t", "x", "7"]])
        #expect(trace.name(.none) == nil && trace.name(NameID(99)) == nil)
    }

    @Test(
        "the first mistake, with its line",
        arguments: [
            ("", "t.csv", "is empty"), ("arrival_s,service_s\n", "t.csv", "no rows"), ("a,b\n1,2\n", "t.csv:1", "lacks the columns"),
            ("service_s,context_tokens\n1,2\n", "t.csv:1", "lacks the columns"),
            ("arrival_s,service_s\n1,2\n3\n", "t.csv:3", "1 cells"), ("arrival_s,service_s\n\n1,x\n", "t.csv:3", "\"x\""),
            ("arrival_s,service_s\n-1,2\n", "t.csv:2", "\"-1\""), ("arrival_s,service_s\n1,nan\n", "t.csv:2", "\"nan\""),
            ("arrival_s,service_s,snapshot_bytes\n1,2,1.5\n", "t.csv:2", "\"1.5\""),
            ("arrival_s,service_s,snapshot_bytes\n1,2,-1\n", "t.csv:2", "whole bytes"),
            ("arrival_s,service_s\n1e300,2\n", "t.csv:2", "\"1e300\""),
            ("arrival_s,service_s\n" + String(repeating: "9", count: 5_000), "t.csv:2", "longer than"),
        ])
    func mistakes(_ text: String, _ place: String, _ problem: String) {
        let error = #expect(throws: TraceError.self) { try read(text) }
        #expect(error?.place == place)
        #expect(error?.problem.contains(problem) == true)
    }

    @Test("a trace is split by its time, and the rest begins at zero")
    func split() {
        let parts = ArrivalTrace.of((0, 1), (5, 1), (8, 1), (10, 1)).split(after: 0.75)
        #expect(parts.before == .of((0, 1), (5, 1)))
        #expect(parts.after == .of((0.5, 1), (2.5, 1)))
    }
}
