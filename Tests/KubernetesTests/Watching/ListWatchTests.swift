import Kubernetes
import KubernetesTwin
import Synchronization
import TestSupport
import Testing

@testable import Kubernetes

// Does a watch's copy stay true, whatever happens to its connection?

@Suite struct ListWatchTests {
    /// A watch of leases on a twin, with what it delivered.
    private final class Bench: Sendable {
        let twin: KubernetesTwin
        let client: KubernetesClient
        let seen = Recorder<String>()
        let troubles = Recorder<String>()
        let failures = Mutex(0)
        private let task = Mutex<Task<Void, Never>?>(nil)

        init(limits: KubernetesClientLimits = .quick) async throws {
            twin = try await KubernetesTwin.start()
            client = try twin.client(limits: limits)
            lease("a", "1")
        }

        func lease(_ name: String, _ holder: String) {
            twin.seed(.leases, ["metadata": ["name": .string(name), "namespace": "default"], "spec": ["holderIdentity": .string(holder)]])
        }

        func run() {
            let watch = ListWatch(client, .leases, namespace: "default", seed: 7) { [troubles] in troubles.add($0) }
            task.withLock {
                $0 = Task {
                    await watch.run { delivery in
                        let mustFail = self.failures.withLock { count in
                            defer { count = max(0, count - 1) }
                            return count > 0
                        }
                        if mustFail { throw NeverHappened(what: "the log is full") }
                        self.seen.add(delivery.summary)
                    }
                }
            }
        }

        func saw(_ expected: [String]) async throws {
            try await eventually("\(expected); saw \(seen.values), \(troubles.values)") { seen.values == expected }
        }
        var watching: Bool { twin.watchers == 1 }
        var lists: Int { twin.requests.count { !$0.isWatch } }

        func close() async {
            let task = task.withLock { $0 }
            task?.cancel()
            await task?.value
            await client.close()
            await twin.stop()
        }
    }

    private func withBench(limits: KubernetesClientLimits = .quick, _ body: (Bench) async throws -> Void) async throws {
        let bench = try await Bench(limits: limits)
        do { try await body(bench) } catch {
            await bench.close()
            throw error
        }
        await bench.close()
    }

    @Test("an ended and a cut watch go on where they were, without a list", arguments: [false, true])
    func resumes(cut: Bool) async throws {
        try await withBench { bench in
            bench.run()
            try await bench.saw(["all 1"])
            try await eventually("it watches") { bench.watching }
            bench.lease("a", "2")
            try await bench.saw(["all 1", "changed 2"])
            bench.twin.endWatches(cut: cut)
            bench.lease("a", "3")
            bench.lease("a", "4")
            try await bench.saw(["all 1", "changed 2", "changed 3", "changed 4"])
            #expect(bench.lists == 1)
        }
    }

    @Test("a watch's own time runs out: it is asked for again, and nothing is missed")
    func timeout() async throws {
        var limits = KubernetesClientLimits.quick
        limits.watchTimeout = .seconds(1)
        try await withBench(limits: limits) { bench in
            bench.run()
            try await eventually("a second watch") { bench.twin.requests.count { $0.isWatch } >= 2 }
            bench.lease("a", "2")
            try await bench.saw(["all 1", "changed 2"])
            #expect(bench.lists == 1)
        }
    }

    @Test("a bookmark moves the position: after compaction the watch goes on without a list")
    func bookmarks() async throws {
        try await withBench { bench in
            bench.run()
            try await eventually("it watches") { bench.watching }
            bench.twin.skipVersions(50)
            bench.twin.sendBookmarks()
            bench.twin.compact()
            // The bookmark is on its way before the end is.
            bench.twin.endWatches(cut: false)
            try await eventually("it watches again") { bench.watching && bench.twin.requests.count { $0.isWatch } >= 2 }
            bench.lease("a", "2")
            try await bench.saw(["all 1", "changed 2"])
            #expect(bench.lists == 1)
        }
    }

    @Test("a position that is gone leads to a new list: said by an event, and by the answer's status", arguments: [false, true])
    func expired(asStatus: Bool) async throws {
        try await withBench { bench in
            bench.run()
            try await eventually("it watches") { bench.watching }
            if asStatus {
                bench.twin.inject(
                    TwinFault(.respond(status: 410, body: #"{"kind":"Status","code":410,"reason":"Expired"}"#)) { $0.isWatch })
            }
            bench.twin.inject(TwinFault(.delay(milliseconds: 30)) { $0.isWatch })
            bench.twin.endWatches(cut: false)
            bench.lease("b", "5")
            if !asStatus { bench.twin.compact() }
            try await eventually("listed again: \(bench.seen.values)") { bench.lists == 2 }
            try await eventually("both are there: \(bench.seen.values)") { bench.seen.values.last == "all 1,5" }
        }
    }

    @Test("a list that fails is tried again, and every failure is told", arguments: [500, 403, 429])
    func listFails(status: Int) async throws {
        try await withBench { bench in
            bench.twin.inject(TwinFault(.respond(status: status), times: 2))
            bench.run()
            try await bench.saw(["all 1"])
            #expect(bench.troubles.values.count == 2)
            #expect(bench.troubles.values.allSatisfy { $0.contains("\(status)") })
        }
    }

    @Test("a handler that fails gets all of it again")
    func handlerFails() async throws {
        try await withBench { bench in
            bench.run()
            try await eventually("it watches") { bench.watching }
            bench.failures.withLock { $0 = 1 }
            bench.lease("a", "2")
            try await bench.saw(["all 1", "all 2"])
        }
    }

    @Test("a line longer than the limit is refused, and the list brings what it would have said")
    func longLine() async throws {
        var limits = KubernetesClientLimits.quick
        limits.watchLineBytes = 2_000
        try await withBench(limits: limits) { bench in
            bench.run()
            try await eventually("it watches") { bench.watching }
            bench.lease("a", String(repeating: "x", count: 3_000))
            try await eventually("listed again") { bench.lists >= 2 }
            #expect(bench.troubles.values.contains { $0.contains("more than 2000 bytes") })
        }
    }
}

@Suite struct LineSplitterTests {
    @Test("lines are the same however the bytes are cut")
    func cuts() throws {
        let text = Array("{\"a\":1}\n\n{\"b\":2}\nrest\n".utf8)
        for size in 1...text.count {
            var splitter = LineSplitter(limitBytes: 100)
            var lines: [String] = []
            for start in stride(from: 0, to: text.count, by: size) {
                lines += try splitter.take(text[start..<min(start + size, text.count)]).map { String(decoding: $0, as: UTF8.self) }
            }
            #expect(lines == ["{\"a\":1}", "{\"b\":2}", "rest"])
        }
    }

    @Test("a line may be as long as the limit and no longer, whole or in parts")
    func limit() throws {
        var splitter = LineSplitter(limitBytes: 4)
        #expect(try splitter.take(Array("abcd\n".utf8)).count == 1)
        #expect(throws: LineSplitter.TooLong.self) { try splitter.take(Array("abcde\n".utf8)) }
        var parts = LineSplitter(limitBytes: 4)
        _ = try parts.take(Array("abc".utf8))
        #expect(throws: LineSplitter.TooLong.self) { try parts.take(Array("de".utf8)) }
    }
}
