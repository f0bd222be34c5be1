import Dispatch
import Domain
import EventLog
import Synchronization
import Testing

@testable import EventLog

@Suite("Group commit")
struct GroupCommitTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("log.db") }

    init() throws { directory = try TemporaryDirectory() }

    @Test("many callers share commits; each has its own answer")
    func shares() async throws {
        let log = try EventLog.open(.test(path, writer: .thread, limits: EventLog.Limits()))
        try await withThrowingTaskGroup(of: AppendReceipt.self) { group in
            for k in 0..<2_000 { group.addTask { try await log.append(.one("id-\(k)", subject: "actor-\(k)")) } }
            var positions: Set<Position> = []
            for try await receipt in group {
                #expect(receipt.accepted == 1)
                positions.insert(receipt.positions[0])
            }
            #expect(positions == Set(1...2_000))
        }
        #expect(try log.stats().commits < 2_000)
        #expect(try log.verify().isSound)
    }

    @Test("what waits is bounded: the next caller is told to come again, and the waiting ones are not harmed")
    func overloaded() throws {
        var limits = EventLog.Limits.tiny
        limits.pendingEvents = 100
        var configuration = EventLog.Configuration.test(path, writer: .thread, limits: limits)
        // The writer stands still after its first commit until it is let go.
        let gate = SharedLimit()
        configuration.hooks.afterCommit = { head in if head.seq == 1 { gate.pass() } }
        let log = try EventLog.open(configuration)
        let answers = Collector<Result<AppendReceipt, AppendError>>()
        log.append(.one("first")) { answers.add($0) }
        gate.waitUntilReached()
        var refused: AppendError?
        var offered = 0
        while refused == nil, offered < 1_000 {
            let refusals = Collector<AppendError>()
            log.append(.one("id-\(offered)")) { result in
                if case .failure(let error) = result { refusals.add(error) } else { answers.add(result) }
            }
            refused = refusals.all.first
            offered += 1
        }
        #expect(refused == .overloaded(retryAfterSeconds: 1))
        #expect(offered == 100)
        gate.open()
        log.close()
        #expect(answers.all.count == 100)
        #expect(try EventLog.verify(path: path).events == 100)
    }

    @Test("closing commits what waits")
    func closing() throws {
        let log = try EventLog.open(.test(path, writer: .thread))
        let answers = Collector<Bool>()
        for k in 0..<500 { log.append(.one("id-\(k)")) { result in answers.add((try? result.get()) != nil) } }
        log.close()
        #expect(answers.all == [Bool](repeating: true, count: 500))
        #expect(try EventLog.verify(path: path).events == 500)
    }

    @Test("the last reference may be let go on the writer's own thread")
    func letGoOnWriterThread() async throws {
        let answered = DispatchSemaphore(value: 0)
        var log: EventLog? = try EventLog.open(.test(path, writer: .thread))
        let held = Mutex<EventLog?>(log)
        log?.append(.one("1")) { _ in
            answered.wait()
            held.withLock { $0 = nil }
        }
        log = nil
        answered.signal()
        // It closes beside that thread, and then another may open it.
        var reopened: EventLog?
        while reopened == nil {
            reopened = try? EventLog.open(.test(path))
            await Task.yield()
        }
        #expect(reopened?.head.seq == 1)
    }
}

/// Holds one thread up until it is opened.
final class SharedLimit: Sendable {
    private let reached = DispatchSemaphore(value: 0)
    private let opened = DispatchSemaphore(value: 0)
    func pass() { reached.signal(); opened.wait() }
    func waitUntilReached() { reached.wait() }
    func open() { opened.signal() }
}
