import Views
import Domain
import Foundation
import Testing

@testable import Commands
@testable import Inspection
@testable import Output

@Suite struct ActorExplanationTests {
    private let now = LogTime(rfc3339: "2026-11-21T08:10:00Z")!

    private func actor(_ status: String) throws -> ActorView {
        let json =
            #"{"namespace":"demo","pool":"chat","template":"t","id":"counter-1","status":"\#(status)","version":0,"seq":7,"ageSeconds":9}"#
        return try JSONDecoder().decode(ActorView.self, from: Data(json.utf8))
    }

    private func placement(_ outcome: String) throws -> PlacementView {
        let json = """
            {"actor":"counter-1","namespace":"demo","pool":"chat","seq":6,"at":"2026-11-21T08:09:00Z","position":3,"waitedSeconds":4.2,\(outcome),"tiers":[
            {"tier":"local","nodes":1,"eligible":4,"available":0,"bytes":0,"why":"all busy"},
            {"tier":"cold","nodes":0,"eligible":16,"available":12,"bytes":1200000000,"restoreSeconds":3.1,"worker":"w-9","node":"node-b","why":"chosen"}]}
            """
        return try JSONDecoder().decode(PlacementView.self, from: Data(json.utf8))
    }

    @Test func ofAWaitingActorItTellsThePlaceInTheQueueTheReasonAndTheTiers() throws {
        let view = try placement(#""reason":"node_locality","detail":"paused on node-a: 4 eligible workers there, all busy""#)
        let text = ActorExplanation(actor: try actor("STATUS_WAITING"), placement: view, now: now).text(palette: Palette(isOn: false))
        for part in [
            "counter-1 of demo/chat: waits, place 3 in the queue", "node_locality: paused on node-a: 4 eligible workers", "TIER",
            "local        1", "w-9",
        ] {
            #expect(text.contains(part), "\(part) in\n\(text)")
        }
    }

    @Test func itTellsWhenTheActorWakesAndWhatIsWrongWithItsSchedule() throws {
        var suspended = try actor("STATUS_SUSPENDED")
        let problem = "timezone Mars/Base is not known; no wake is predicted"
        suspended.wake = try JSONDecoder().decode(
            WakeView.self, from: Data(#"{"schedule":"0 9 * * *","timezone":"Mars/Base","problem":"\#(problem)"}"#.utf8))
        let unreadable = ActorExplanation(actor: suspended, now: now)
        #expect(
            unreadable.text(palette: Palette(isOn: false)).contains("When it wakes\n  schedule \"0 9 * * *\" in Mars/Base\n  \(problem)\n"))
        #expect(try unreadable.json["wake"]["problem"].string == problem)
        suspended.wake = try JSONDecoder().decode(WakeView.self, from: Data(#"{"everySeconds":605,"at":"2026-11-21T08:30:15Z"}"#.utf8))
        let text = ActorExplanation(actor: suspended, now: now).text(palette: Palette(isOn: false), time: TimeText(zone: .gmt))
        #expect(text.contains("When it wakes\n  about every 10m: next at 2026-11-21 08:30:15.000\n"))
    }

    @Test func ofAPlacedActorItTellsWhatWasLostAndWhatTheTiersHadThen() throws {
        let line =
            #"{"specversion":"1.0","seq":7,"at":"2026-11-21T08:09:00Z","type":"dev.greenroom.actor.placed","source":"/greenroom","id":"p","subject":"counter-1","data":{"worker":"w-9","tier":"cold","score":3.1,"waited":4.2,"moved":"node_gone","pausedOn":"node-a","overtook":2,"asOf":6}}"#
        let view = try placement(#""worker":"w-9","tier":"cold","detail":"""#)
        let explanation = ActorExplanation(
            actor: try actor("STATUS_RUNNING"), placed: try EventRecord(line: Array(line.utf8)), placement: view, now: now)
        let text = explanation.text(palette: Palette(isOn: false))
        for part in [
            "STATUS_RUNNING, last placed on w-9", "placed at seq 7", "paused on node-a and moved (node_gone)",
            "it went before 2 who asked earlier", "What each tier had, at seq 6", "chosen",
        ] {
            #expect(text.contains(part), "\(part) in\n\(text)")
        }
        #expect(try explanation.json["placed"]["seq"].integer == 7)
    }
}
