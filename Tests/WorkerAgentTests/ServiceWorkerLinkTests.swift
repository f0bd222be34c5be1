import Domain
import ServiceClient
import Testing

@testable import WorkerAgent

@Suite struct ServiceWorkerLinkTests {
    @Test func `what is sent is what a reader of events reads`() throws {
        var events = WorkerEvents(worker: "w\"1", startedAt: LogTime(microseconds: 1_700_000_000_000_000))
        let configuration = WorkerConfiguration(
            name: "w\"1", pool: "ns/p", node: "n\\1", slots: 2, zone: "z", sandboxClass: "gvisor", ip: "10.0.0.1",
            labels: [("a", "b"), ("c", "d\n")])
        let placement = Placement(seq: 5, actor: "ä", worker: "w\"1", restoreFrom: "s3://b/k")
        let time = LogTime(microseconds: 1_700_000_001_000_000)
        var batch = events.ready(configuration, at: time)
        batch.append(events.running(placement, restoreMillis: 12, at: time))
        batch.append(events.suspended(placement, TurnSnapshot(uri: "s3://b/k2", bytes: 9), at: time))
        batch.append(events.crashed(placement, reason: "it \"broke\"", at: time))
        batch.append(events.draining(reason: "r", at: time))
        batch.append(events.gone(reason: "drained", at: time))

        var reader = CloudEventReader()
        try BatchJSON.encode(batch).withUnsafeBufferPointer { try reader.readBatch($0) }
        let read = reader.takeBatch()
        #expect(summary(read) == summary(batch))
        #expect(read.events.map(\.time) == batch.events.map(\.time))
    }

    private func summary(_ batch: EventBatch) -> [[String]] {
        batch.events.map { [$0.kind.name] + [$0.source, $0.id, $0.subject, $0.pool, $0.worker, $0.body].map(batch.text) }
    }

    @Test(
        arguments: [
            (#"{"accepted":1,"duplicates":0,"firstSeq":41,"lastSeq":42}"#, Acknowledgement(firstSeq: 41, lastSeq: 42)),
            (#"{"accepted":1}"#, nil), ("", nil), ("[]", nil), ("<html>", nil),
        ] as [(String, Acknowledgement?)])
    func `an acknowledgement tells positions, or is none`(text: String, expected: Acknowledgement?) {
        #expect(Acknowledgement(json: Array(text.utf8)) == expected)
    }

    /// As a real service answered a batch of which one event was another than before under its id.
    @Test(
        arguments: [
            (#"{"accepted":1,"duplicates":1,"firstSeq":2,"lastSeq":4,"positions":[2,4],"conflicts":[{"index":0,"seq":2}]}"#, true),
            (#"{"accepted":1,"duplicates":1,"firstSeq":2,"lastSeq":4,"positions":[2,4]}"#, false),
            (#"{"accepted":1,"duplicates":0,"firstSeq":2,"lastSeq":2,"conflicts":[]}"#, false), ("", false), ("[]", false),
        ])
    func `an acknowledgement tells whether some events were others under their ids`(text: String, expected: Bool) {
        #expect(Acknowledgement.hasConflicts(json: Array(text.utf8)) == expected)
    }

    @Test(
        arguments: [
            (401, .denied("d")), (403, .denied("d")), (429, .unavailable("d", retryAfterSeconds: 7)),
            (503, .unavailable("d", retryAfterSeconds: 7)),
            (500, .unavailable("d", retryAfterSeconds: 7)), (400, .refused("the server refused (400): d")),
            (413, .refused("the server refused (413): d")),
        ] as [(Int, WorkerLinkFault)])
    func `a status tells whether another try helps`(status: Int, fault: WorkerLinkFault) {
        #expect(
            WorkerLinkFault(ClientError.refused(status: status, problem: ServerProblem(kind: "k", detail: "d", retryAfterSeconds: 7)))
                == fault)
    }

    @Test func `an address that is none says so`() {
        #expect(throws: ServiceWorkerLink.SetupFault.self) { try ServiceWorkerLink(server: "localhost:8080", logger: .init(label: "test")) }
    }
}
