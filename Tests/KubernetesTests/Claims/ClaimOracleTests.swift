import Basics
import Testing

@testable import Kubernetes

// Invariant: once the twin and its watches are quiet, what the log says is what the twin says, whatever happened: claims by the hundred,
// deleted, expired, rejected and made again; sandboxes and pods killed; watches late and cut; the controller stopped; this book started
// anew on what the log had. And a book that is fed the same says nothing new.

@Suite struct ClaimOracleTests {
    final class Bench {
        let twin: ClaimsTwin
        var book = ClaimBook(run: "r1")
        var log = MiniLog()
        var tellings: [ClaimTelling] = []
        private var runs = 1
        private var isBlind: Bool

        init(seed: UInt64, lateness: Int = 720, isBlind: Bool = false) {
            twin = ClaimsTwin(seed: seed)
            twin.lateness = lateness
            self.isBlind = isBlind
            twin.deliver = { [unowned self] delivery, at in take(delivery, at) }
            follow(ClaimStanding())
        }

        private func follow(_ known: ClaimStanding) {
            book.follow("ns/pool", target: "pool", known: known, at: .milliseconds(twin.now))
            book.see(twin.replicas["pool"], target: "pool", at: .milliseconds(twin.now))
            for stream in ClaimsTwin.Stream.allCases { twin.relist(stream, in: 0) }
        }

        private func take(_ delivery: ClaimsTwin.Delivery, _ at: Int) {
            let now = Duration.milliseconds(at)
            book.wake(at: now)
            switch delivery {
            case .claims(let listed): book.take(claims: listed, at: now)
            case .sandboxes(let listed): book.take(sandboxes: listed, at: now)
            case .claim(let view): book.take(view, at: now)
            case .claimGone(let view): if !isBlind { book.takeGone(claim: view.uid, at: now) }
            case .sandbox(let view): book.take(view, at: now)
            case .sandboxGone(let view): book.takeGone(sandbox: view.uid, at: now)
            }
            keep()
        }

        func keep() {
            for telling in book.takeTellings() {
                tellings.append(telling)
                log.append(telling)
            }
        }

        /// Another process goes on with what the log has.
        func restart() {
            runs += 1
            book = ClaimBook(run: "r\(runs)")
            follow(standing)
        }

        var standing: ClaimStanding {
            // The last that was said of a name has its claim's uid.
            var uids: [String: String] = [:]
            for telling in tellings where !telling.uid.isEmpty && !telling.kind.isAboutWorker { uids[telling.name] = telling.uid }
            return ClaimStanding(
                actors: log.actors.sorted { $0.key < $1.key }.compactMap { name, actor in
                    let state: ClaimStanding.Actor.State? =
                        switch actor.state {
                        case .waiting: .waiting
                        case .running, .placed, .idle: .running(on: actor.worker ?? "")
                        case .suspended, .paused: .resting
                        case .crashed: .crashed
                        default: nil
                        }
                    return state.map { .init(name: name, uid: uids[name], state: $0) }
                },
                workers: log.workers.sorted { $0.key < $1.key }.map {
                    .init(name: $0.key, uid: $0.value.uid, isDraining: $0.value.isDraining)
                })
        }

        func run(_ milliseconds: Int) { twin.run(to: twin.now + milliseconds) }

        /// Until all of it has come and is let go.
        func settle() {
            for _ in 0..<80 where !twin.isQuiet { run(1_000) }
            run(3_000)
            book.wake(at: .milliseconds(twin.now + 10_000))
            keep()
        }

        /// What the log says, but for members that aren't ready, which it has as draining.
        var said: [String] {
            let members = Set(
                twin.sandboxes.values.compactMap { sandbox -> String? in
                    if case .pool = sandbox.view.owner { sandbox.view.name } else { nil }
                })
            return log.summary.filter { line in !(line.hasSuffix(" taken") && members.contains(String(line.dropFirst(8).dropLast(6)))) }
        }
    }

    private func step(_ bench: Bench, _ lots: inout SplitMix64) {
        let twin = bench.twin
        func lot(_ count: Int) -> Int { Int.random(in: 0..<max(1, count), using: &lots) }
        let claims = twin.claims.keys.sorted()
        let sandboxes = twin.sandboxes.keys.sorted()
        switch lot(20) {
        case 0...6:
            for _ in 0...lot(5) {
                let expires: (in: Int, isRetained: Bool)? = lot(5) == 0 ? (500 + lot(6_000), lot(2) == 0) : nil
                twin.createClaim("c\(lot(40))", forcedBy: lot(8) == 0 ? "env" : nil, expires: expires)
            }
        case 7...9: if !claims.isEmpty { twin.deleteClaim(claims[lot(claims.count)]) }
        case 10: twin.setReplicas(lot(8))
        case 11: if !sandboxes.isEmpty { twin.deleteSandbox(sandboxes[lot(sandboxes.count)]) }
        case 12: if !sandboxes.isEmpty { twin.killPod(sandboxes[lot(sandboxes.count)]) }
        case 13: if !sandboxes.isEmpty { twin.endPod(sandboxes[lot(sandboxes.count)], hasFailed: lot(2) == 0) }
        case 14: if !sandboxes.isEmpty { twin.suspend(sandboxes[lot(sandboxes.count)]) }
        case 15: if !sandboxes.isEmpty { twin.resume(sandboxes[lot(sandboxes.count)]) }
        case 16: twin.cut(lot(2) == 0 ? .claims : .sandboxes)
        case 17: twin.stopController(for: lot(4_000))
        case 18: twin.rejectsEnv.toggle()
        default: bench.restart()
        }
        bench.run(lot(700))
    }

    private func run(_ seed: UInt64, steps: Int = 120, isBlind: Bool = false) -> Bench {
        let bench = Bench(seed: seed, isBlind: isBlind)
        var lots = SplitMix64(seed: seed &* 31 &+ 7)
        bench.twin.setReplicas(4)
        for _ in 1...steps { step(bench, &lots) }
        for sandbox in bench.twin.sandboxes.keys.sorted() where bench.twin.sandboxes[sandbox]?.isSuspended == true && seed % 2 == 0 {
            bench.twin.resume(sandbox)
        }
        bench.settle()
        return bench
    }

    @Test("what the log says is what the twin says: seeds", arguments: 1...60)
    func seeds(_ seed: UInt64) {
        let bench = run(seed)
        let (said, truth) = (Set(bench.said), Set(bench.twin.summary))
        #expect(said.subtracting(truth).subtracting(bench.twin.alsoTrue).sorted() == [], "seed \(seed): the log says what isn't so")
        #expect(truth.subtracting(said).subtracting(bench.twin.optional).sorted() == [], "seed \(seed): the log doesn't say what is so")
    }

    @Test("the canary: a book that misses what goes is found out")
    func canary() {
        #expect(
            (1...5).contains { seed in Set(run(UInt64(seed), isBlind: true).said) != Set(run(UInt64(seed), isBlind: true).twin.summary) })
    }

    @Test("a second watcher and a restart change nothing", arguments: 1...20)
    func again(_ seed: UInt64) {
        let bench = run(seed, steps: 60)
        let before = bench.log.summary
        bench.restart()
        bench.settle()
        #expect(bench.log.summary == before, "seed \(seed)")
        let count = bench.log.count
        bench.restart()
        bench.settle()
        #expect(bench.log.count == count, "seed \(seed): a quiet restart is no news")
    }

    @Test("300 claims at once on 50 sandboxes: each has one, none two, and the pool is full again")
    func burst() {
        let bench = Bench(seed: 5)
        bench.twin.setReplicas(50)
        bench.settle()
        #expect(bench.book.stock?["ns/pool"]?.ready == 50)
        for number in 1...300 { bench.twin.createClaim("b\(number)") }
        bench.settle()
        let running = bench.log.actors.values.filter { $0.state == .running }
        #expect(running.count == 300)
        #expect(Set(running.compactMap(\.worker)).count == 300)
        let launches = bench.tellings.compactMap { telling in
            if case .running(_, let launch, _, _) = telling.what { launch } else { nil }
        }
        #expect(launches.count { $0 == .warm } >= 50)
        #expect(launches.count { $0 == .warm } + launches.count { $0 == .cold } == 300)
        #expect(bench.book.stock?["ns/pool"]?.ready == 50)
        #expect(Set(bench.said) == Set(bench.twin.summary))
    }

    @Test("what a refill takes is measured from when a member was missing")
    func refill() {
        let bench = Bench(seed: 9, lateness: 0)
        bench.book.see(3, target: "pool", at: .zero)
        bench.twin.setReplicas(3)
        bench.settle()
        bench.twin.stopController(for: 0)
        bench.twin.createClaim("a")
        bench.run(300)
        // As with a delay of the controller's: nothing is refilled for three seconds.
        bench.settle()
        let millis = bench.tellings.compactMap { telling -> Int64? in
            if case .ready(_, _, let millis) = telling.what { millis } else { nil }
        }
        #expect(millis.count == 4)
        #expect(millis.allSatisfy { (2_050...2_300).contains($0) }, "\(millis)")
    }
}
