import Domain
import EventLog
import Testing

@testable import EventLog

@Suite("Looking up bodies")
struct BodyLookupTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func said(_ log: EventLog, at position: Position) throws -> String? {
        try log.bodies.read(at: position) { body, at in
            "\(body["n"].flatMap { body.integer($0) } ?? -1) at \(at.microseconds - noon.microseconds)"
        }
    }

    private func append(_ n: Int, to log: EventLog) throws {
        var batch = EventBatch()
        batch.append(.actorIdle, source: "/a", id: "\(n)", subject: "x", body: Array(#"{"n":\#(n)}"#.utf8))
        try log.appendNow(batch)
    }

    @Test("what an event said and when, for one after the other; nothing where there is none")
    func reads() throws {
        let clock = ManualClock(noon)
        let log = try EventLog.open(.test(directory.file("log.db"), clock: clock.read))
        for n in 1...3 {
            clock.advance(microseconds: 5)
            try append(n, to: log)
        }
        #expect(try (1...3).map { try said(log, at: $0) } == ["1 at 5", "2 at 10", "3 at 15"])
        #expect(try said(log, at: 4) == nil && said(log, at: 0) == nil)
    }

    @Test("what came after the state of the file was taken is found all the same, and appending never waits for a lookup")
    func later() throws {
        let log = try EventLog.open(.test(directory.file("log.db"), clock: { noon }))
        try append(1, to: log)
        #expect(try said(log, at: 1) == "1 at 0")
        try append(2, to: log)
        #expect(try said(log, at: 2) == "2 at 0", "without a rest in between")
        log.bodies.rest()
        log.bodies.rest()
        try append(3, to: log)
        #expect(try said(log, at: 3) == "3 at 0")
    }

    @Test("a log that is open for reading answers too, and one that is closed lets go of the file")
    func readOnly() throws {
        let path = directory.file("log.db")
        let log = try EventLog.open(.test(path))
        try append(7, to: log)
        let reading = try EventLog.openReadOnly(path: path)
        #expect(try said(reading, at: 1)?.hasPrefix("7 at") == true)
        reading.close()
        #expect(try said(log, at: 1)?.hasPrefix("7 at") == true)
        log.close()
        #expect(try EventLog.open(.test(path)).head.seq == 1)
    }
}
