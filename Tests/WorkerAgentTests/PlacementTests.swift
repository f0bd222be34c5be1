import Domain
import Testing

@testable import WorkerAgent

@Suite struct PlacementTests {
    @Test(
        arguments: [
            ("", nil),
            ("  ", nil),
            (#"{"seq":4,"type":"dev.greenroom.actor.running","subject":"a","data":{"worker":"w"}}"#, nil),
            (
                #"{"seq":4,"type":"dev.greenroom.actor.placed","subject":"a","data":{"worker":"w"}}"#,
                Placement(seq: 4, actor: "a", worker: "w")
            ),
            (
                #"{"seq":5,"type":"dev.greenroom.actor.placed","subject":"a","traceparent":"00-a-b-01","data":{"worker":"w"}}"#,
                Placement(seq: 5, actor: "a", worker: "w", traceparent: "00-a-b-01")
            ),
            (
                #"{"seq":9,"at":"2026-11-21T07:32:00.000125Z","type":"dev.greenroom.actor.placed","subject":"ä\n","data":{"worker":"w","pool":"n/p","tier":"cold","score":1.5,"restoreFrom":"s3://b/k","expectedMillis":1200,"waited":0.5}}"#,
                Placement(seq: 9, actor: "ä\n", worker: "w", pool: "n/p", tier: "cold", restoreFrom: "s3://b/k", expectedMillis: 1_200)
            ),
        ] as [(String, Placement?)])
    func `a line says which actor was placed`(line: String, expected: Placement?) throws {
        #expect(try Placement(line: Array(line.utf8)) == expected)
    }

    @Test(arguments: [
        "{", "[]", "nonsense",
        #"{"type":"dev.greenroom.actor.placed","subject":"a","data":{"worker":"w"}}"#,
        #"{"seq":1,"type":"dev.greenroom.actor.placed","data":{"worker":"w"}}"#,
        #"{"seq":1,"type":"dev.greenroom.actor.placed","subject":"a"}"#,
        #"{"seq":1,"type":"dev.greenroom.actor.placed","subject":"a","data":{}}"#,
    ])
    func `a broken line is a fault, never a placement`(line: String) {
        #expect(throws: PlacementFault.self) { try Placement(line: Array(line.utf8)) }
    }
}

@Suite struct SlotLedgerTests {
    private func placement(_ seq: Position) -> Placement { Placement(seq: seq, actor: "a\(seq)", worker: "w") }

    @Test func `a freed slot goes to the placement that waited longest`() {
        var ledger = SlotLedger(slots: 1, queueLimit: 2)
        #expect(ledger.accept(placement(1)) == .start)
        #expect(ledger.accept(placement(2)) == .queued)
        #expect(ledger.accept(placement(3)) == .queued)
        #expect(ledger.accept(placement(4)) == .refused)
        #expect(ledger.accept(placement(3)) == .repeated)
        #expect(ledger.ended(placement(1))?.seq == 2)
        #expect(ledger.held.map(\.seq) == [2, 3])
        #expect(ledger.ended(placement(2))?.seq == 3)
        #expect(ledger.ended(placement(3)) == nil)
        #expect(ledger.isIdle)
    }

    @Test func `what came before the registration is passed over`() {
        var ledger = SlotLedger(slots: 1, queueLimit: 2)
        ledger.begin(after: 10)
        #expect(ledger.accept(placement(10)) == .repeated)
        #expect(ledger.accept(placement(11)) == .start)
    }
}
