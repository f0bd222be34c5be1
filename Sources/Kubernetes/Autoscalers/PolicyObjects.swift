import ControlLoop
import Views
import Domain

// Are the policies in effect those of the cluster's objects, and do the objects say how their pools stand?
//
//     watch ──→ objects ──→ due ──→ bring to the loop (policy.applied, only where the policy differs) ──→ status, Events
//     LoopNews ──→ pools ────┘ ↑ at most once in `statusEvery` an object; a new spec at once
//
// Every object is brought in line with what it asks for, whatever happened before: a policy that came another way under its
// name is replaced, one that was deleted is applied again. What an object asks for goes to the log as `PUT /v1/policies` would
// send it. One that the reader refuses changes nothing: the last good policy stays, and the condition Ready says why. A
// removed object's policy is removed, also where that happened while nobody looked: the log tells which policies came from
// objects. Writes are conditional; what others wrote in between is read again. All state is the actor's; it is looked at
// again after each wait. Only the instance that leads runs this, and the client writes nothing for one that leads no more.

package actor PolicyObjects {
    package struct Limits: Sendable {
        /// Between two looks at one object's status.
        package var statusEvery = Duration.seconds(1)
        /// Until what the loop couldn't take is tried again.
        package var retryAfter = Duration.seconds(1)
        /// Times that others may come in between.
        package var conflicts = 5
        package var writesAtOnce = 8
        /// More are not looked at.
        package var objects = 10_000
        package init() {}
    }

    package typealias Reader = @Sendable (_ document: [UInt8], _ source: String) -> ReadPolicy

    private let client: KubernetesClient
    private let loop: ControlLoop
    private let news: LoopNews
    private let namespaces: [String?]
    private let read: Reader
    private let limits: Limits
    private let seed: UInt64
    private let wallClock: @Sendable () -> LogTime
    private let trouble: ListWatch.Trouble
    private let recorder: EventRecorder
    private let alarm: Alarm

    private var objects: [String: PolicyObject] = [:]

    /// - Parameters:
    ///   - namespaces: whose objects are watched; empty for all.
    ///   - dropped: hears of Events that weren't written.
    init(
        client: KubernetesClient, loop: ControlLoop, news: LoopNews, namespaces: [String], read: @escaping Reader, limits: Limits,
        seed: UInt64,
        wallClock: @escaping @Sendable () -> LogTime, trouble: @escaping ListWatch.Trouble,
        dropped: @escaping @Sendable (_ count: Int, _ why: String) -> Void
    ) {
        self.client = client
        self.loop = loop
        self.news = news
        self.namespaces = namespaces.isEmpty ? [nil] : namespaces
        self.read = read
        self.limits = limits
        self.seed = seed
        self.wallClock = wallClock
        self.trouble = trouble
        alarm = Alarm(client.clock)
        recorder = EventRecorder(client, wallClock: wallClock, dropped: dropped)
    }

    /// Runs until its task is cancelled.
    package func run() async {
        news.onNews { [alarm] in alarm.ring() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.recorder.run() }
            for (k, namespace) in namespaces.enumerated() {
                let watch = ListWatch(client, .autoscalers, namespace: namespace, seed: seed &+ UInt64(k), trouble: trouble)
                group.addTask { await watch.run { await self.take($0, in: namespace) } }
            }
            group.addTask { await self.follow() }
        }
        alarm.cancel()
    }

    private func record(_ said: ObjectNews, ofPool pool: String) {
        if let object = objects[pool]?.object { recorder.tell(said, of: object) }
    }

    // MARK: - What the watch brings

    private func take(_ delivery: WatchDelivery, in namespace: String?) async {
        switch delivery {
        case .changed(let object): see(object)
        case .deleted(let object): forget(object.key)
        case .replaced(let listed):
            let keys = Set(listed.map(\.key))
            for object in listed { see(object) }
            for (key, known) in objects where !keys.contains(key) && known.object != nil && Self.isIn(key, namespace) { forget(key) }
            await forgetDeletedUnseen(but: keys, in: namespace)
        }
        alarm.ring()
    }

    private func see(_ object: KubernetesObject) {
        guard objects[object.key] != nil || objects.count < limits.objects else {
            return trouble("more than \(limits.objects) policy objects: \(object.key) is left out")
        }
        let source = object.key
        let isNews = objects[source, default: PolicyObject()].see(object) { read($0, source) }
        if isNews { objects[source]?.dueAt = .zero }
    }

    private func forget(_ key: String) {
        objects[key]?.object = nil
        objects[key]?.isDirty = true
        objects[key]?.dueAt = .zero
    }

    /// Objects that went while nobody watched: their policies are in the log.
    private func forgetDeletedUnseen(but keys: Set<String>, in namespace: String?) async {
        for policy in await loop.policies() {
            let key = "\(policy.namespace)/\(policy.name)"
            guard !keys.contains(key), objects[key] == nil, Self.isIn(key, namespace), loop.isFromObject(policy) else { continue }
            objects[key] = PolicyObject(isFromLogAlone: true)
        }
    }

    private static func isIn(_ key: String, _ namespace: String?) -> Bool { namespace.map { key.hasPrefix("\($0)/") } ?? true }

    // MARK: - Following

    private func follow() async {
        for await _ in alarm.rings {
            hear()
            while !Task.isCancelled, case let due = due(), !due.isEmpty {
                for key in due { await bring(key) }
                await writeStatuses(due)
            }
            if let next = objects.values.filter(\.isDirty).map(\.dueAt).min() { alarm.ring(at: next) }
        }
    }

    /// What the loop did since.
    private func hear() {
        let (pools, moves) = news.take()
        let touched = Set(pools)
        if !touched.isEmpty { for (key, object) in objects where touched.contains(object.pool(key)) { objects[key]?.isDirty = true } }
        for move in moves {
            switch move {
            case .rescaled(let pool, let from, let to, let why):
                record(ObjectNews(.normal, to > from ? "ScaledUp" : "ScaledDown", "\(from) → \(to): \(why)"), ofPool: pool)
            case .failed(let pool, let error, let attempt):
                record(ObjectNews(.warning, "ScaleFailed", "attempt \(attempt): the target \(error)"), ofPool: pool)
            case .said(let pool, let said): record(said, ofPool: pool)
            }
        }
    }

    /// Those to look at now, a pool's own policy before its shadows; looked at again no sooner than `statusEvery` from now.
    private func due() -> [String] {
        let now = client.clock.now()
        let due = objects.filter { $0.value.isDirty && $0.value.dueAt <= now }.sorted { a, b in
            a.value.isShadow == b.value.isShadow ? a.key < b.key : b.value.isShadow
        }.map(\.key)
        for key in due {
            objects[key]?.isDirty = false
            objects[key]?.dueAt = now + limits.statusEvery
        }
        return due
    }

    private func again(_ key: String) {
        objects[key]?.isDirty = true
        objects[key]?.dueAt = client.clock.now() + limits.retryAfter
    }

    // MARK: - To the loop

    private func bring(_ key: String) async {
        guard let known = objects[key] else { return }
        guard let object = known.object else { return await remove(key, known) }
        if case .refused(let problems)? = known.read { return settle(key, object, .invalid(problems)) }
        let current = await loop.policyStatus(key)
        guard let wanted = known.wanted(over: current?.written) else { return }
        if current?.written == wanted {
            // Both of two policies that an earlier version let have one target are in effect.
            guard known.isSpecNew, let clash = await loop.targetClash(ofApplied: key) else { return settle(key, object, .applied) }
            settle(key, object, .refused(clash))
            return again(key)
        }
        do throws(ControlFault) {
            _ = try await loop.apply(wanted, fromObject: object.uid)
            if !known.isSpecNew {
                let other = current.map { "the policy of position \($0.seq), which came another way, was replaced by this object's" }
                recorder.tell(
                    ObjectNews(.warning, "PolicyReplaced", other ?? "the policy was deleted another way; this object's is applied again"),
                    of: object)
            }
            settle(key, object, .applied)
        } catch {
            settle(key, object, error.verdict)
            // What is in the way may go.
            if error.mayPass { again(key) }
        }
    }

    /// Keeps what came of the object, unless another spec came meanwhile.
    private func settle(_ key: String, _ object: KubernetesObject, _ verdict: SpecVerdict) {
        guard let now = objects[key]?.object, now.uid == object.uid, now["spec"] == object["spec"] else { return }
        objects[key]?.verdict = verdict
        objects[key]?.generation = object.metadata["generation"].int
        guard case .applied = verdict else { return }
        objects[key]?.isSpecNew = false
        objects[key]?.isPauseLifted = false
    }

    private func remove(_ key: String, _ known: PolicyObject) async {
        do throws(ControlFault) {
            if let policy = await loop.policy(key), !known.isFromLogAlone || loop.isFromObject(policy) { try await loop.removePolicy(key) }
        } catch {
            if case .notFound = error {
            } else {
                trouble("the policy of the deleted object \(key) can't be removed: \(error.sentence)")
                return again(key)
            }
        }
        if objects[key]?.object == nil { objects[key] = nil }
    }

    // MARK: - To the object

    private func writeStatuses(_ keys: [String]) async {
        await withTaskGroup(of: Void.self) { group in
            for (k, key) in keys.enumerated() {
                if k >= limits.writesAtOnce { await group.next() }
                group.addTask { await self.writeStatus(key) }
            }
        }
    }

    private func writeStatus(_ key: String) async {
        guard let known = objects[key], let object = known.object, let verdict = known.verdict else { return }
        let view = await loop.policyStatus(key)
        let status = AutoscalerStatus(verdict, generation: known.generation, view, reason: reason(key, view))
        do throws(KubernetesError) { try await write(status, to: object) } catch {
            guard !error.isNotFound, !Task.isCancelled else { return }
            trouble("the status of \(key) isn't written: \(error)")
            again(key)
        }
    }

    private func reason(_ key: String, _ view: PolicyStatusView?) -> String {
        guard let seq = view?.lastDecision?.seq else { return "" }
        if let known = objects[key]?.reason, known.seq == seq { return known.text }
        let text = loop.reason(ofDecisionAt: seq)
        objects[key]?.reason = (seq, text)
        return text
    }

    private func write(_ status: AutoscalerStatus, to object: KubernetesObject) async throws(KubernetesError) {
        var object = object
        for attempt in 1... {
            guard let patch = status.patch(of: object["status"], now: wallClock()) else { return }
            let change: JSONValue = ["metadata": ["resourceVersion": .string(object.resourceVersion)], "status": patch]
            do throws(KubernetesError) {
                let written = try await client.patch(
                    .autoscalers, namespace: object.namespace, name: object.name, subresource: "status", change)
                if objects[object.key]?.object?.resourceVersion == object.resourceVersion { objects[object.key]?.object = written }
                for said in status.news(since: object["status"]) { recorder.tell(said, of: written) }
                return
            } catch {
                guard error.isConflict, attempt < limits.conflicts else { throw error }
                let fresh = try await client.get(.autoscalers, namespace: object.namespace, name: object.name)
                // Another object of the name: the watch brings it.
                guard fresh.uid == object.uid else { return }
                object = fresh
            }
        }
    }
}

extension ControlFault {
    fileprivate var mayPass: Bool {
        switch self {
        case .overloaded, .unavailable, .conflict: true
        case .notFound, .invalid: false
        }
    }

    fileprivate var verdict: SpecVerdict {
        switch self {
        case .overloaded, .unavailable: .pending(sentence)
        case .notFound, .conflict, .invalid: .refused(sentence)
        }
    }
}
