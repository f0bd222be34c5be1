package import ControlLoop
package import Domain
import Views

// What do workers do that no target watches, and that say themselves that they are there?
//
// Each says `worker.ready` with `ttlSeconds`, and then gives a sign of life three times in that time, or keeps a stream of its placements
// open. It may fall silent for a while. One that hears that it is unknown says again that it is ready, every second one as another
// one of its name. One that is told to go does so once it is empty. After the last fault all of them fall silent for ever: then the log
// must lose them.

package final class LeasedWorkers: @unchecked Sendable {
    // Used on the simulation's own thread alone.
    package struct Worker {
        package var pool: String
        package var ttlSeconds: Int
        package var uid: String
        var keepsStream: Bool
        var silentUntil: Int64 = .min
        /// The run of the service in which its stream is open, and since when.
        package fileprivate(set) var stream: (term: Int, since: LogTime)?
        /// The last sign that the service took: by log time, and measured.
        package fileprivate(set) var heard: (at: LogTime, measured: Int64)?
        var isRefused = false
    }

    private let time: TimeTwin
    private let senders: Senders
    private let loop: () -> (loop: DrivenLoop, term: Int)?
    private let ledger: () -> Ledger
    package private(set) var workers: [String: Worker] = [:]
    /// Actors that truly run, by worker.
    private var truth: [String: Set<String>] = [:]
    private var made = 0
    private var isOver = false
    /// A canary: the service hears of those that are silent, too.
    package var isVouchedFor = false
    private static let most = 6

    package init(
        time: TimeTwin, senders: Senders, loop: @escaping () -> (loop: DrivenLoop, term: Int)?, ledger: @escaping () -> Ledger
    ) {
        self.time = time
        self.senders = senders
        self.loop = loop
        self.ledger = ledger
    }

    package func isThere(_ worker: String) -> Bool { workers[worker] != nil }
    package func enter(_ actor: String, _ worker: String) { truth[worker, default: []].insert(actor) }
    package func leave(_ actor: String, _ worker: String) { truth[worker]?.remove(actor) }

    // MARK: - What happens to them

    package func begin(pool: String, ttlSeconds: Int, keepsStream: Bool) {
        guard workers.count < Self.most else { return }
        made += 1
        let name = "leased-\(made)"
        workers[name] = Worker(pool: pool, ttlSeconds: max(1, ttlSeconds), uid: "l\(made)", keepsStream: keepsStream)
        sayReady(name)
        beat(name)
    }

    /// It says nothing for so long; its connections are cut.
    package func silence(_ number: Int, seconds: Int64) {
        guard let name = choose(number) else { return }
        workers[name]?.silentUntil = time.passed + seconds * 1_000_000
        closeStream(name)
    }

    /// It opens a stream, or closes the one it has and goes on without.
    package func turnStream(_ number: Int) {
        guard let name = choose(number), let worker = workers[name] else { return }
        workers[name]?.keepsStream = !worker.keepsStream
        if worker.keepsStream { closeStream(name) }
    }

    /// All of them fall silent for ever.
    package func end() {
        isOver = true
        for name in workers.keys.sorted() { closeStream(name) }
    }

    private func choose(_ number: Int) -> String? {
        let names = workers.keys.sorted()
        return names.isEmpty ? nil : names[number % names.count]
    }

    // MARK: - What they do

    private func beat(_ name: String) {
        guard let worker = workers[name], !isOver else { return }
        if time.passed >= worker.silentUntil {
            speak(name, worker)
        } else if isVouchedFor, let service = loop() {
            _ = service.loop.hear(name, uid: worker.uid)
        }
        time.after(microseconds: Int64(worker.ttlSeconds) * 1_000_000 / 3) { [weak self] in self?.beat(name) }
    }

    private func speak(_ name: String, _ worker: Worker) {
        guard let service = loop() else { return }
        if let known = ledger().workers[name], known.isDraining, known.residents.isEmpty, truth[name]?.isEmpty ?? true {
            closeStream(name)
            workers[name] = nil
            return senders.send(.workerGone, name, from: source(name), #"{"reason":"drained","uid":"\#(worker.uid)"}"#)
        }
        if worker.isRefused { sayReady(name) }
        guard worker.keepsStream else { return hear(name, service) }
        guard worker.stream?.term != service.term else { return }
        let term = service.term
        workers[name]?.stream = (term, .distantFuture)
        inService(term) { twin, loop in
            loop.countStream(of: name, by: 1)
            if twin.workers[name]?.stream?.term == term { twin.workers[name]?.stream = (term, twin.time.now) }
        }
    }

    private func hear(_ name: String, _ service: (loop: DrivenLoop, term: Int)) {
        guard let uid = workers[name]?.uid else { return }
        inService(service.term) { twin, loop in
            let answer = loop.hear(name, uid: uid)
            guard twin.workers[name]?.uid == uid else { return }
            switch answer {
            case .success: twin.workers[name]?.heard = (twin.time.now, twin.time.passed)
            // Its `worker.ready` may still be on its way: once more is no harm.
            case .failure: twin.workers[name]?.isRefused = true
            }
        }
    }

    /// Where the service's own work is done, if it is still the same process.
    private func inService(_ term: Int, _ work: @escaping @Sendable (LeasedWorkers, DrivenLoop) -> Void) {
        time.perform { [weak self] in
            guard let self, let service = loop(), service.term == term else { return }
            work(self, service.loop)
        }
    }

    private func sayReady(_ name: String) {
        guard var worker = workers[name] else { return }
        if worker.isRefused, senders.isQuiet(source(name)) {
            made += 1
            if made % 2 == 0 { worker.uid = "l\(made)" }
        }
        worker.isRefused = false
        workers[name] = worker
        guard senders.isQuiet(source(name)) else { return }
        let number = Int(worker.uid.dropFirst()) ?? 0
        senders.send(
            .workerReady, name, from: source(name),
            #"{"pool":"\#(worker.pool)","node":"n\#(number % 3)","slots":\#(1 + number % 2),"labels":{"kind":"k"},"uid":"\#(worker.uid)","ttlSeconds":\#(worker.ttlSeconds)}"#
        )
    }

    private func closeStream(_ name: String) {
        guard let stream = workers[name]?.stream else { return }
        workers[name]?.stream = nil
        inService(stream.term) { twin, loop in
            loop.countStream(of: name, by: -1)
            twin.workers[name]?.heard = (twin.time.now, twin.time.passed)
        }
    }

    private func source(_ worker: String) -> String { "/workers/\(worker)" }
}
