import Domain
import Testing

@Suite struct EventBatchTests {
    @Test("batches put together keep every event's parts, in order")
    func joined() throws {
        var all = EventBatch()
        var wanted: [[String]] = []
        for sample in SampleEvent.all {
            let one = try Read.event(sample.json, own: true)
            wanted.append(one.parts())
            all.append(one)
        }
        all.append(EventBatch())
        all.append(all)
        #expect(all.events.indices.map { all.parts($0) } == wanted + wanted)
    }

    @Test("an empty body is none")
    func emptyBody() {
        var batch = EventBatch()
        #expect(batch.isEmpty)
        batch.append(.actorIdle, source: "s", id: "1", subject: "a", body: Array("{}".utf8))
        batch.append(.actorIdle, source: "s", id: "2", subject: "a")
        #expect(batch.count == 2 && batch.events.allSatisfy { $0.body.isEmpty && $0.pool.isEmpty && $0.worker.isEmpty })
    }

    @Test("a committed batch runs from its first position to its last")
    func positions() throws {
        let commit = Commit(try Read.batch("[\(SampleEvent.json(id: "a")),\(SampleEvent.json(id: "b"))]"), firstSeq: 9)
        #expect(commit.batch.firstSeq == 9 && commit.batch.lastSeq == 10)
        #expect(commit.batch.text(commit.batch.events[1].id) == "b")
        let empty = CommittedBatch(at: .zero, events: [], bytes: [])
        #expect(empty.firstSeq == 0 && empty.lastSeq == 0)
    }
}
