import Testing

@testable import LocalWorkers

@Suite struct LocalPoolTests {
    private var limits: LocalWorkersConfiguration.Limits { .init() }

    @Test func `deaths delay the next start, twice as long each round, up to a bound`() {
        var backoff = RestartBackoff(min: .milliseconds(100), max: .seconds(30), resetAfter: .seconds(60))
        var delays: [Duration] = []
        var now = Duration.zero
        for _ in 0..<11 {
            backoff.noteDeath(round: backoff.round, lived: .zero, now: now)
            let wait = backoff.wait(at: now) ?? .zero
            delays.append(wait)
            now += wait
        }
        #expect(delays == [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000].map { .milliseconds($0) })
        #expect(backoff.wait(at: now) == nil)
    }

    @Test func `workers that were started together and die together are one failure`() {
        var backoff = RestartBackoff(min: .milliseconds(100), max: .seconds(30), resetAfter: .seconds(60))
        let round = backoff.round
        for _ in 0..<10 { backoff.noteDeath(round: round, lived: .zero, now: .zero) }
        #expect(backoff.wait(at: .zero) == .milliseconds(100))
    }

    @Test func `a worker that lived long starts the delays anew`() {
        var backoff = RestartBackoff(min: .milliseconds(100), max: .seconds(30), resetAfter: .seconds(60))
        for second in 0..<5 { backoff.noteDeath(round: backoff.round, lived: .zero, now: .seconds(second)) }
        backoff.noteDeath(round: backoff.round, lived: .seconds(60), now: .seconds(100))
        #expect(backoff.wait(at: .seconds(100)) == .milliseconds(100))
    }

    @Test func `a pool starts what it lacks, and drained workers don't count`() {
        var pool = LocalPool(limits: limits)
        pool.resize(to: 2)
        #expect(pool.plan(at: .zero) == .start(count: 2))
        pool.add("a", at: .zero)
        pool.add("b", at: .zero)
        #expect(pool.plan(at: .zero) == .nothing)
        pool.started("a")
        #expect(pool.running == 1)
        for name in ["a", "a", "unknown"] { pool.drain(name) }
        #expect(pool.plan(at: .zero) == .start(count: 1))
        pool.resize(to: 1)
        #expect(pool.plan(at: .zero) == .nothing)
    }

    @Test func `one that drains counts again when it is kept, and one that leaves never does`() {
        var pool = LocalPool(limits: limits)
        pool.resize(to: 2)
        for name in ["a", "b"] { pool.add(name, at: .zero) }
        pool.drain("a")
        pool.started("a")
        #expect(pool.kept == 1 && pool.running == 0)
        let kept = ["a", "a", "unknown"].map { pool.uncordon($0) }
        #expect(kept == [true, true, false])
        #expect(pool.kept == 2 && pool.running == 1)
        pool.drain("a")
        let left = ["a", "a", "unknown"].map { pool.leave($0) }
        #expect(left == [true, false, false])
        let back = pool.uncordon("a")
        #expect(!back && pool.kept == 1)
    }

    @Test func `an expected exit doesn't delay the next start, an unexpected one does`() {
        var pool = LocalPool(limits: limits)
        pool.resize(to: 1)
        pool.add("a", at: .zero)
        _ = pool.leave("a")
        pool.exited("a", at: .seconds(1))
        #expect(pool.plan(at: .seconds(1)) == .start(count: 1))
        pool.add("b", at: .seconds(1))
        pool.exited("b", at: .seconds(2))
        #expect(pool.plan(at: .seconds(2)) == .wait(.milliseconds(100)))
        #expect(pool.plan(at: .milliseconds(2_100)) == .start(count: 1))
    }
}

@Suite struct WorkerNamesTests {
    @Test func `names rise over all pools and tell the run`() {
        var names = WorkerNames(startSeconds: 1_700_000_000)
        let given = [names.next(in: "ns/p"), names.next(in: "other/p"), names.next(in: "ns/kagent-default")]
        #expect(Set(given).count == 3)
        #expect(given.map { String($0.split(separator: "-").last ?? "") } == ["1", "2", "3"])
        #expect(WorkerNames.isOurs(given[0], in: "ns/p"))
        #expect(WorkerNames.isOurs(given[2], in: "ns/kagent-default"))
    }

    @Test(arguments: [
        ("p-0k3xz-1", true), ("p-0k3xz-", false), ("p-0k3xz", false), ("p-0k3x-1", false), ("p-0K3XZ-1", false), ("q-0k3xz-1", false),
        ("p-0k3xz-1x", false), ("host-4711", false), ("p-a-0k3xz-1", false),
    ])
    func `other names are not ours`(name: String, isOurs: Bool) { #expect(WorkerNames.isOurs(name, in: "ns/p") == isOurs) }
}

@Suite struct LineForwardingTests {
    @Test(
        arguments: [
            (["a\nb\n"], ["a", "b"]),
            (["a", "b\r\n", "\n\nc"], ["ab", "c"]),
            (["12345678\n"], ["12345678"]),
            (["1234567890\nx\n"], ["12345678… (2 more bytes)", "x"]),
            (["12345678", "9", "0"], ["12345678… (2 more bytes)"]),
            ([], []),
        ] as [([String], [String])])
    func `lines are cut and bounded`(chunks: [String], lines: [String]) {
        var splitter = LineSplitter(limitBytes: 8)
        var found: [String] = []
        for chunk in chunks { Array(chunk.utf8).withUnsafeBytes { splitter.feed($0) { found.append($0) } } }
        splitter.finish { found.append($0) }
        #expect(found == lines)
    }

    @Test func `a flood is held back and counted`() {
        var budget = LineBudget(perSecond: 10, burst: 2, now: .zero)
        let moments: [Int] = [0, 0, 0, 0, 50, 100, 100, 300]
        #expect(moments.map { budget.pass(at: .milliseconds($0)) } == [0, 0, nil, nil, nil, 3, nil, 1])
    }
}

@Suite struct ProcessTableTests {
    @Test func `a command's name may hold anything`() throws {
        let fields = "S 7 70 71 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2"
        let status = try #require(ProcessTable.parse(stat: Array("42 (a ) (b\n) \(fields)".utf8), pid: 42))
        #expect(
            status
                == ProcessStatus(identity: ProcessIdentity(pid: 42, startTicks: 987_654), parent: 7, session: 71, state: UInt8(ascii: "S")))
        #expect(status.isAlive)
        #expect(ProcessTable.parse(stat: Array("42 (a) Z 1".utf8), pid: 42) == nil)
    }

    @Test func `a pid that was handed out again is another process`() throws {
        let mine = try #require(ProcessTable.status(of: 1)?.identity)
        #expect(ProcessTable.isAlive(mine))
        #expect(!ProcessTable.isAlive(ProcessIdentity(pid: 1, startTicks: mine.startTicks + 1)))
        #expect(!ProcessTable.signal(ProcessIdentity(pid: 1, startTicks: mine.startTicks), 0))
    }
}
