import Domain
import Foundation
import Synchronization
import Testing

@testable import ServiceClient

@Suite("Small parts of the client")
struct SmallPartsTests {
    @Test func trustedCertificatesAreReadFromRegularFilesAlone() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-trust-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        mkfifo(folder.appendingPathComponent("pipe").path, 0o600)
        for (file, problem) in [("pipe", "is a named pipe"), ("", "is a directory"), ("none", "be opened")] {
            var configuration = ClientConfiguration(url: try BaseURL("https://127.0.0.1:1"))
            configuration.trustFile = folder.appendingPathComponent(file).path
            #expect { try TLSTrust.context(configuration) } throws: { "\($0)".contains(problem) }
        }
    }

    @Test func pausesDoubleAreRandomByHalfAndListenToTheServer() {
        var backoff = RetryBackoff(ClientLimits())
        #expect([0.1, 0.2, 0.4].map { expected in abs(backoff.nextSeconds(random: 1) - expected) < 1e-9 } == [true, true, true])
        #expect(abs(backoff.nextSeconds(random: 0) - 0.4) < 1e-9)
        for _ in 0..<100 { _ = backoff.nextSeconds() }
        #expect(backoff.nextSeconds(random: 1) == 5)
        #expect(backoff.nextSeconds(atLeast: 9, random: 1) == 9)
        #expect(backoff.nextSeconds(atLeast: 9_999, random: 1) == 60)
    }

    @Test(arguments: [
        (
            #"{"type":"https://greenroom.dev/problems/invalid-event","detail":"no","index":3,"field":"id"}"#,
            ServerProblem(kind: "invalid-event", detail: "no", index: 3, field: "id")
        ),
        ("plain words", ServerProblem(kind: "", detail: "plain words")),
        ("", ServerProblem(kind: "", detail: "status 400 without a reason")),
        ("[1]", ServerProblem(kind: "", detail: "[1]")), ("{\"detail\":", ServerProblem(kind: "", detail: "{\"detail\":")),
    ])
    func aRefusalIsReadWhateverItIs(_ body: String, _ problem: ServerProblem) {
        #expect(ServerProblem(status: 400, body: Array(body.utf8), retryAfter: nil) == problem)
    }

    @Test(arguments: [(#"{"seq":41,"at":""}"#, 41), (#"{"at":""}"#, nil), (#"{"seq":"#, nil), ("", nil)])
    func aLineNamesItsPosition(_ line: String, _ position: Position?) {
        #expect(EventLine.position(Array(line.utf8)) == position)
    }

    @Test func theLineIsServedInOrderAndHasAnEnd() async throws {
        let limit = InFlightLimit(limit: 1, waiting: 2)
        try await limit.enter()
        let order = Order()
        var tasks: [Task<Void, any Error>] = []
        for number in 1...2 {
            tasks.append(
                Task {
                    try await limit.enter()
                    order.add(number)
                    limit.leave()
                })
            while limit.lineLength < number { await Task.yield() }
        }
        await #expect(throws: ClientError.busy(limit: 3)) { try await limit.enter() }
        limit.leave()
        for task in tasks { try await task.value }
        #expect(order.numbers == [1, 2])
    }

    private final class Order: Sendable {
        private let state = Mutex<[Int]>([])
        func add(_ number: Int) { state.withLock { $0.append(number) } }
        var numbers: [Int] { state.withLock { $0 } }
    }

    @Test func whoIsCancelledLeavesTheLine() async throws {
        let limit = InFlightLimit(limit: 1, waiting: 2)
        try await limit.enter()
        let task = Task { try await limit.enter() }
        while limit.lineLength < 1 { await Task.yield() }
        task.cancel()
        await #expect(throws: ClientError.cancelled) { try await task.value }
        #expect(limit.lineLength == 0)
    }
}
