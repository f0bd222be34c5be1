import Domain
import Synchronization

// What should whoever looks at an object in the cluster be told?
//
// Kubernetes Events (core/v1), best effort: `tell` only notes, and returns at once. The same reason about the same object
// is one Event whose count rises and whose message is the latest, written at most once in `writesEvery`. What finds no room,
// and what the server doesn't take, is dropped and counted: an Event never holds anything up.

package struct ObjectNews: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable { case normal = "Normal", warning = "Warning" }

    package var kind: Kind
    /// PascalCase: `ScaledUp`.
    package var reason: String
    package var message: String

    package init(_ kind: Kind, _ reason: String, _ message: String) {
        self.kind = kind
        self.reason = reason
        self.message = message
    }
}

final class EventRecorder: Sendable {
    struct Limits: Sendable {
        /// Objects and reasons with something to write, at most.
        var pending = 1_000
        /// Series remembered, so that they are counted up; the oldest go.
        var series = 4_096
        /// After so long without another a series is over, as in client-go.
        var seriesLast = Duration.seconds(600)
        var writesEvery = Duration.seconds(10)
        var messageCharacters = 1_024
    }

    private struct Key: Hashable {
        var uid: String
        var reason: String
        var kind: ObjectNews.Kind
    }

    private struct Pending {
        var object: KubernetesObject
        var message: String
        var count: Int
        /// When it was told first.
        var dueAt: Duration
    }

    private struct Series {
        var name: String
        var count: Int
        var writtenAt: Duration
    }

    private struct State {
        var pending: [Key: Pending] = [:]
        var series: [Key: Series] = [:]
        var made = 0
    }

    private let client: KubernetesClient
    private let limits: Limits
    private let wallClock: @Sendable () -> LogTime
    /// Hears how many were dropped, and why.
    private let dropped: @Sendable (_ count: Int, _ why: String) -> Void
    private let state = Mutex(State())
    private let alarm: Alarm

    init(
        _ client: KubernetesClient, limits: Limits = Limits(), wallClock: @escaping @Sendable () -> LogTime,
        dropped: @escaping @Sendable (_ count: Int, _ why: String) -> Void
    ) {
        self.client = client
        alarm = Alarm(client.clock)
        self.limits = limits
        self.wallClock = wallClock
        self.dropped = dropped
    }

    func tell(_ news: ObjectNews, of object: KubernetesObject) {
        let key = Key(uid: object.uid, reason: news.reason, kind: news.kind)
        let message = String(news.message.prefix(limits.messageCharacters))
        let now = client.clock.now()
        let hasRoom = state.withLock { state in
            if let known = state.pending[key] {
                state.pending[key] = Pending(object: object, message: message, count: known.count + 1, dueAt: known.dueAt)
                return true
            }
            guard state.pending.count < limits.pending else { return false }
            state.pending[key] = Pending(object: object, message: message, count: 1, dueAt: now)
            return true
        }
        if hasRoom { alarm.ring() } else { dropped(1, "more than \(limits.pending) wait") }
    }

    /// Writes until its task is cancelled; what waits then is dropped.
    func run() async {
        for await _ in alarm.rings {
            while !Task.isCancelled, let (key, pending) = takeDue() { await write(pending, key) }
            if let next = state.withLock({ state in state.pending.map { due($0.key, $0.value, state) }.min() }) { alarm.ring(at: next) }
        }
        alarm.cancel()
        let left = state.withLock { state in state.pending.values.reduce(0) { $0 + $1.count } }
        if left > 0 { dropped(left, "the service stopped") }
    }

    private func takeDue() -> (Key, Pending)? {
        let now = client.clock.now()
        return state.withLock { state in
            guard let found = state.pending.first(where: { due($0.key, $0.value, state) <= now }) else { return nil }
            state.pending[found.key] = nil
            return (found.key, found.value)
        }
    }

    /// No sooner than the series may be written again.
    private func due(_ key: Key, _ pending: Pending, _ state: State) -> Duration {
        max(pending.dueAt, state.series[key].map { $0.writtenAt + limits.writesEvery } ?? pending.dueAt)
    }

    private func write(_ pending: Pending, _ key: Key) async {
        let now = client.clock.now()
        let known = state.withLock { $0.series[key] }.flatMap { now - $0.writtenAt < limits.seriesLast ? $0 : nil }
        do throws(KubernetesError) {
            if let known, try await raise(known, pending) {
                remember(Series(name: known.name, count: known.count + pending.count, writtenAt: now), key)
            } else {
                let name = try await create(pending, key)
                remember(Series(name: name, count: pending.count, writtenAt: now), key)
            }
        } catch {
            dropped(pending.count, "\(error)")
        }
    }

    /// False where the server no longer has it: it keeps Events for an hour.
    private func raise(_ series: Series, _ pending: Pending) async throws(KubernetesError) -> Bool {
        let patch: JSONValue = [
            "count": JSONValue(series.count + pending.count), "lastTimestamp": .string(wallClock().rfc3339Seconds),
            "message": .string(pending.message),
        ]
        do throws(KubernetesError) {
            _ = try await client.patch(.events, namespace: pending.object.namespace, name: series.name, patch)
        } catch {
            if error.isNotFound { return false }
            throw error
        }
        return true
    }

    private func create(_ pending: Pending, _ key: Key) async throws(KubernetesError) -> String {
        let number = state.withLock { state in
            state.made += 1
            return state.made
        }
        let now = wallClock()
        // Unlike any other of this object: by when, and the how-manieth of this run.
        let name = "\(pending.object.name.prefix(200)).\(String(now.microseconds, radix: 16)).\(number)"
        let event: JSONValue = [
            "apiVersion": "v1", "kind": "Event", "metadata": ["name": .string(name), "namespace": .string(pending.object.namespace)],
            "involvedObject": [
                "apiVersion": pending.object["apiVersion"], "kind": pending.object["kind"], "name": .string(pending.object.name),
                "namespace": .string(pending.object.namespace), "uid": .string(pending.object.uid),
                "resourceVersion": .string(pending.object.resourceVersion),
            ],
            "reason": .string(key.reason), "message": .string(pending.message), "type": .string(key.kind.rawValue),
            "count": JSONValue(pending.count),
            "firstTimestamp": .string(now.rfc3339Seconds), "lastTimestamp": .string(now.rfc3339Seconds),
            "source": ["component": "greenroom"], "reportingComponent": "greenroom", "reportingInstance": "",
        ]
        _ = try await client.create(.events, namespace: pending.object.namespace, event)
        return name
    }

    private func remember(_ series: Series, _ key: Key) {
        state.withLock { state in
            if state.series.count >= limits.series, state.series[key] == nil,
                let oldest = state.series.min(by: { $0.value.writtenAt < $1.value.writtenAt })
            {
                state.series[oldest.key] = nil
            }
            state.series[key] = series
        }
    }
}
