import Domain
import Testing

@testable import Commands
@testable import Inspection
@testable import Output

@Suite struct EventsCommandTests {
    private func printed(_ format: EventsCommand.Format, _ query: EventQuery = EventQuery(), _ fill: (inout Timeline) -> Void) async throws
        -> String
    {
        var log = Timeline()
        fill(&log)
        var out = ""
        try await EventsCommand.print(TwinEvents(events: log.events), query, format) { out += $0 }
        return out
    }

    @Test func jsonIsTheLogsOwnBytes() async throws {
        var log = Timeline()
        let event = log.add("worker.gone", "w1", #"{"reason":"drained"}"#)
        #expect(try await printed(.json) { $0 = log } == String(decoding: event.line, as: UTF8.self) + "\n")
    }

    @Test func aLineSaysWhatHappened() async throws {
        let text = try await printed(.line) {
            $0.add("worker.gone", "w1", #"{"reason":"drained"}"#)
            $0.add(
                "queue.observed", "demo/chat", #"{"pool":"demo/chat","metric":"pending","value":null,"error":"timeout"}"#, superseded: true)
            $0.decide("demo/chat", from: 0, to: 1)
        }
        let lines = text.split(separator: "\n")
        #expect(lines[0].hasSuffix("worker.gone       w1  drained"))
        #expect(lines[1].hasSuffix("demo/chat  pending = unknown, error=timeout  (superseded: changed nothing)"))
        #expect(lines[2].hasSuffix("demo/chat  0 → 1: demand 2 = 1 running + 1 waiting (1 pool_exhausted) → 2 ÷ 2 = 1"))
    }

    @Test func escapesInDataAreDefused() async throws {
        let text = try await printed(.line) { $0.add("worker.gone", "w\\u001b[2J", #"{"reason":"\u001b]0;x\u0007"}"#) }
        #expect(!text.contains("\u{1B}"))
    }

    @Test func kindsAreNamedWithOrWithoutTheirPrefix() throws {
        #expect(try EventsCommand.parse(["--kind", "actor.placed"]).query().kind == .actorPlaced)
        #expect(try EventsCommand.parse(["--kind", "dev.greenroom.actor.placed"]).query().kind == .actorPlaced)
    }

    @Test func everyKindHasALine() throws {
        var log = Timeline()
        for kind in EventKind.allCases {
            let event = log.add(kind.name, "s", #"{"pool":"a/b","from":1,"to":2,"why":[],"inputs":{}}"#)
            #expect(EventLine(palette: Palette(isOn: false)).text(event).contains(kind.name))
        }
    }
}
