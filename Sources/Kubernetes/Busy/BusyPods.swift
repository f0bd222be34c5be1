import Autoscaling
import Domain
import Machine

// Which pods are at work, by their own word?
//
// Each worker's pod of a policy with `workers.busy` is asked, at the policy's pace, and once a second while it drains. What it answers
// goes to the log as `worker.observed`, where it is another than the last answer. A pod that doesn't answer is `unknown` and counts as busy
// until `unknownSeconds` after its last answer; from then on as the policy says. `lastWord` asks it right before it is removed.
//
// Always: a pod is asked by one at a time, and what was said is known to be said only once it is in the log. Requests under way are
// bounded, and those to pods that drain go first. A restart knows of nothing: each pod's first answer is logged again, and one that doesn't
// answer has its time anew.
//
// The actor guards what is known of each worker.

package actor BusyPods {
    static let source = "/greenroom/kubernetes/busy"
    /// Between two looks at who is due.
    static let looksEvery = Duration.milliseconds(250)
    /// Requests under way, at most, but for those of removals: a removal asks few.
    static let atOnce = 64
    /// Pods that are no known workers, and for how long they haven't answered; beyond it all of that is forgotten.
    static let strangersLimit = 10_000

    struct Worker: Sendable {
        /// `NAMESPACE/POD`.
        var name: String
        var view: PodView
        var check: BusyCheck
        var slots: Int
        var isDraining: Bool
        /// Another for each time that the log was told that it is ready: what was said before may be forgotten there.
        var life: Int
    }

    /// What the log was told.
    struct Said: Hashable, Sendable {
        var state: String
        var tasks: Int

        var isBusy: Bool { tasks > 0 }
    }

    private struct Entry {
        var worker: Worker
        var firstAt: Duration
        var answeredAt: Duration?
        var nextAt: Duration
        var said: Said?
        var isAsking = false
        /// It is no worker any more, and goes once nobody asks it.
        var isGone = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let query: ProbeBusy
    private let clock: MonotonicClock
    private var append: ClusterWatches.Append?
    private var run = ""
    private var trouble: ListWatch.Trouble = { _ in }
    private var entries: [String: Entry] = [:]
    private var underWay = 0
    private var number = 0
    /// By uid: since when a pod that is no known worker hasn't answered.
    private var strangers: [String: Duration] = [:]

    init(clock: MonotonicClock, query: @escaping ProbeBusy) {
        self.query = query
        self.clock = clock
    }

    /// From here on what is learnt goes to the log.
    func begin(run: String, append: @escaping ClusterWatches.Append, trouble: @escaping ListWatch.Trouble) {
        self.run = run
        self.append = append
        self.trouble = trouble
    }

    // MARK: - Who is asked

    /// All workers that are to be asked.
    func note(_ workers: [Worker]) {
        let now = clock.now()
        let wanted = Set(workers.map(\.name))
        for (name, entry) in entries where !wanted.contains(name) && !entry.isGone {
            if entry.isAsking { entries[name]?.isGone = true } else { entries[name] = nil }
        }
        for worker in workers { note(worker, at: now) }
    }

    private func note(_ worker: Worker, at now: Duration) {
        guard let known = entries[worker.name], known.worker.view.uid == worker.view.uid, !known.isGone else {
            // One of its name is still being asked: it is noted with the next look.
            if entries[worker.name]?.isAsking == true { return }
            entries[worker.name] = Entry(worker: worker, firstAt: now, nextAt: now)
            return
        }
        let before = known.worker
        entries[worker.name]?.worker = worker
        if before.life != worker.life || before.check != worker.check || before.slots != worker.slots {
            entries[worker.name]?.said = nil
            entries[worker.name]?.nextAt = now
        }
        let isNews = (worker.isDraining && !before.isDraining) || before.view.numbers != worker.view.numbers
        if isNews { entries[worker.name]?.nextAt = now }
    }

    /// Those whose turn it is, each to be asked once now. Who drains comes first, then who has waited longest.
    func due() -> [String] {
        let now = clock.now()
        let due = entries.filter { !$0.value.isAsking && $0.value.nextAt <= now }.sorted { a, b in
            if a.value.worker.isDraining != b.value.worker.isDraining { return a.value.worker.isDraining }
            return (a.value.nextAt, a.key) < (b.value.nextAt, b.key)
        }.prefix(max(0, Self.atOnce - underWay)).map(\.key)
        for name in due { entries[name]?.isAsking = true }
        underWay += due.count
        return due
    }

    /// Asks one that was due.
    func probeDue(_ name: String) async {
        defer { underWay -= 1 }
        guard let worker = entries[name]?.worker else { return }
        let response = await response(worker.view, worker.check)
        do {
            if !Task.isCancelled { _ = try await conclude(name, worker, response) }
        } catch {
            trouble("what pod \(name) says isn't logged: \(error)")
        }
        finish(name)
    }

    /// Whether the pod is at work, asked at this moment. Throws where the log can't be told.
    ///
    /// - Parameters:
    ///   - name: `NAMESPACE/POD`.
    ///   - view: the pod as it was read just now.
    func lastWord(_ name: String, _ view: PodView, _ check: BusyCheck) async throws -> Bool {
        while entries[name]?.isAsking == true { await withCheckedContinuation { entries[name]?.waiters.append($0) } }
        guard let worker = entries[name]?.worker, worker.view.uid == view.uid, worker.check == check else {
            return await strangersWord(view, check)
        }
        entries[name]?.isAsking = true
        defer { finish(name) }
        return try await conclude(name, worker, await response(view, check)).isBusy
    }

    /// Whether the log was told what the worker's pod said last.
    func isLogged(_ name: String) -> Bool { append != nil && entries[name]?.said != nil }

    private func finish(_ name: String) {
        let waiters = entries[name]?.waiters ?? []
        entries[name]?.waiters = []
        entries[name]?.isAsking = false
        if entries[name]?.isGone == true { entries[name] = nil }
        for waiter in waiters { waiter.resume() }
    }

    // MARK: - What follows

    private func response(_ view: PodView, _ check: BusyCheck) async -> BusyResponse {
        switch BusyResponse.step(for: view, check) {
        case .known(let response): return response
        case .query(let probe): return await query(probe)
        }
    }

    private func conclude(_ name: String, _ worker: Worker, _ response: BusyResponse) async throws -> Said {
        guard let entry = entries[name], entry.worker.view.uid == worker.view.uid else { return Said(state: "unknown", tasks: 1) }
        let now = clock.now()
        let check = worker.check
        let said: Said
        var problem: String?
        var pause = Duration.seconds(
            worker.isDraining ? min(BusyCheck.drainingIntervalSeconds, check.intervalSeconds) : check.intervalSeconds)
        switch response {
        case .tasks(let tasks):
            entries[name]?.answeredAt = now
            // More than its slots is as good as all of them.
            said = tasks > 0 ? Said(state: "busy", tasks: min(tasks, max(1, worker.slots))) : Said(state: "idle", tasks: 0)
        case .failed(let why):
            let end = (entry.answeredAt ?? entry.firstAt) + .seconds(check.unknownSeconds)
            said = Said(state: "unknown", tasks: now < end || check.unknown == .busy ? 1 : 0)
            problem = why
            if now < end, check.unknown == .free { pause = min(pause, end - now) }
        }
        entries[name]?.nextAt = now + pause
        guard said != entry.said || entry.worker.life != worker.life else { return said }
        try await tell(name, worker, said, problem, check)
        if entries[name]?.worker.life == worker.life, entries[name]?.worker.check == check {
            entries[name]?.said = said
        } else {
            // It is another life, or another question, since it was asked.
            entries[name]?.nextAt = now
        }
        return said
    }

    private func tell(_ name: String, _ worker: Worker, _ said: Said, _ problem: String?, _ check: BusyCheck) async throws {
        guard let append else { return }
        var body = JSONWriter()
        body.openObject()
        body.member("state", said.state)
        body.member("busy", said.tasks)
        body.member("from", check.source.text)
        if let problem { body.member("error", problem) }
        if !worker.view.uid.isEmpty { body.member("uid", worker.view.uid) }
        body.closeObject()
        number += 1
        var batch = EventBatch()
        batch.append(.workerObserved, source: Self.source, id: "\(worker.view.uid)-\(run)-\(number)", subject: name, body: body.bytes)
        try await append(batch)
    }

    /// A pod that never was a worker has no line in the log, and the same time to answer.
    private func strangersWord(_ view: PodView, _ check: BusyCheck) async -> Bool {
        switch await response(view, check) {
        case .tasks(let tasks):
            strangers[view.uid] = nil
            return tasks > 0
        case .failed:
            let now = clock.now()
            if strangers.count >= Self.strangersLimit, strangers[view.uid] == nil { strangers = [:] }
            let since = strangers[view.uid] ?? now
            strangers[view.uid] = since
            return now < since + .seconds(check.unknownSeconds) || check.unknown == .busy
        }
    }
}
