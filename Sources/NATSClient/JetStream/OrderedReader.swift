import Foundation
import Machine
import NIOCore

// What is in the stream from here on, in order?
//
// Each message of the stream is given once, with rising sequences, for as long as somebody reads. What stops a consumer (its server
// was killed, its connection broke, a message was lost) leads to another consumer behind the last message given, after a pause that
// grows. What can't be mended is thrown: the stream is gone, it was made anew, or what is needed next was purged. That nothing comes may
// mean that nothing is there: `lastHeard` says when the server was last heard of.

package actor OrderedReader {
    package struct Options: Hashable, Sendable {
        /// Messages of one pull.
        package var batch = 500
        /// Bytes of one pull; it must hold the largest message.
        package var batchBytes = 16 << 20
        package var heartbeat = Duration.seconds(1)
        /// How long a pull waits for messages; at least twice the heartbeat.
        package var expires = Duration.seconds(30)
        /// Heartbeats that don't come before the consumer counts as gone.
        package var missedHeartbeats = 2.5
        /// Only messages of this subject.
        package var filter: String?
        package var firstPause = Duration.milliseconds(50)
        package var longestPause = Duration.seconds(2)

        package init() {}
    }

    private struct Consumer {
        var name: String
        var subscription: NATSSubscription
    }

    package nonisolated let stream: String
    private let js: JetStream
    private let options: Options
    private var state: PullState
    private var consumer: Consumer?
    private var created: String?
    private let isStrict: Bool
    private var pause: FullJitter
    private var isStopped = false
    private let heard = Locked<Duration?>(nil)
    private let remakes = Locked(0)

    /// - Parameter sequence: the first one that is wanted; 0 takes whatever is the first.
    package init(_ js: JetStream, stream: String, from sequence: UInt64, options: Options = Options()) {
        self.js = js
        self.stream = stream
        self.options = options
        isStrict = sequence > 0
        state = PullState(next: sequence)
        pause = FullJitter(first: options.firstPause, longest: options.longestPause, seed: .random(in: 0 ... .max))
    }

    /// When a message or a heartbeat last came, by the client's clock; nil where none ever did.
    package nonisolated var lastHeard: Duration? { heard.value }
    /// How many consumers had to be made after the first.
    package nonisolated var remade: Int { max(0, remakes.value - 1) }

    /// The next message, however long it takes. One task reads at a time.
    package func next() async throws(JetStreamError) -> StoredMessage {
        while true {
            if let message = try await next(until: nil) { return message }
        }
    }

    /// The next message; nil where none comes in time. The request that is under way at the end of the time is waited for.
    package func next(within bound: Duration) async throws(JetStreamError) -> StoredMessage? {
        try await next(until: js.client.clock.now() + bound)
    }

    private func next(until deadline: Duration?) async throws(JetStreamError) -> StoredMessage? {
        let patience = options.heartbeat * options.missedHeartbeats
        while true {
            guard let current = try await usable(until: deadline) else { return nil }
            var bound = patience
            if let deadline {
                bound = min(bound, deadline - js.client.clock.now())
                if bound <= .zero { return nil }
            }
            switch await current.subscription.mailbox.take(within: bound) {
            case .item(.message(let message)):
                heard.value = js.client.clock.now()
                if let message = try await react(to: state.received(message), of: current) { return message }
            case .item(.interrupted): try await drop("the connection was replaced")
            case .nothingInTime:
                if bound < patience { return nil }
                try await drop("no heartbeat came")
            case .ended(let error):
                let problem = JetStreamError.client(error, request: "reading \(stream)")
                guard problem.isTransient else { throw problem }
                try await drop("\(error)")
            }
        }
    }

    private func react(to step: PullState.Step, of current: Consumer) async throws(JetStreamError) -> StoredMessage? {
        if step.message != nil { pause.reset() }
        switch step.action {
        case .none: break
        case .pull: pull(current)
        case .remake(let reason): try await drop(reason)
        case .fail(let problem): throw .invalid("stream \"\(stream)\": \(problem)")
        }
        return step.message
    }

    /// Lets go of this consumer; the server removes it when nobody asks it for a while.
    private func drop(_ reason: String) async throws(JetStreamError) {
        js.client.logger.debug("NATS: another consumer is made", metadata: ["stream": "\(stream)", "reason": "\(reason)"])
        if let consumer {
            consumer.subscription.cancel()
            try? js.client.publish("$JS.API.CONSUMER.DELETE.\(stream).\(consumer.name)")
        }
        consumer = nil
        try await rest()
    }

    private func rest() async throws(JetStreamError) {
        do { try await js.client.clock.sleep(pause.next()) } catch { throw .client(.cancelled, request: "reading \(stream)") }
    }

    private func usable(until deadline: Duration?) async throws(JetStreamError) -> Consumer? {
        while true {
            if isStopped { throw .client(.closed, request: "reading \(stream)") }
            if let consumer { return consumer }
            if let deadline, js.client.clock.now() >= deadline { return nil }
            if Task.isCancelled { throw .client(.cancelled, request: "reading \(stream)") }
            do throws(JetStreamError) {
                let made = try await make()
                consumer = made
                return made
            } catch {
                guard error.isTransient else { throw error }
                js.client.logger.debug("NATS: no consumer could be made", metadata: ["stream": "\(stream)", "reason": "\(error)"])
                try await rest()
            }
        }
    }

    private struct CreateRequest: Encodable {
        struct Config: Encodable {
            var ack_policy = "none"
            var deliver_policy = "by_start_sequence"
            var opt_start_seq: UInt64
            var replay_policy = "instant"
            var max_deliver = 1
            var mem_storage = true
            var num_replicas = 1
            var inactive_threshold: Int64
            var filter_subject: String?
        }
        var stream_name: String
        var config: Config
    }

    private struct CreateAnswer: Decodable { var name: String }

    private struct PullRequest: Encodable {
        var batch: Int
        var max_bytes: Int
        var expires: Int64
        var idle_heartbeat: Int64
    }

    private func make() async throws(JetStreamError) -> Consumer {
        try JetStream.checkName(stream)
        let info = try await js.streamInfo(stream)
        if let created, created != info.created { throw .streamReplaced(stream, was: created, now: info.created) }
        created = info.created
        // The first sequence only rises, so a late answer can't be wrong about this.
        if options.filter == nil, info.state.firstSequence > state.next, isStrict || state.last > 0 {
            throw .purgedPast(stream, next: state.next, first: info.state.firstSequence)
        }
        // A new inbox for each consumer: what the one before still sends is nobody's.
        let inbox = NATSClient.freshInbox()
        let limits = NATSSubscription.Limits(messages: options.batch * 2 + 64, bytes: options.batchBytes * 2 + (1 << 20))
        let subscription: NATSSubscription
        do { subscription = try js.client.subscribe(inbox, limits: limits) } catch { throw .client(error, request: "reading \(stream)") }
        state.remade()
        let config = CreateRequest.Config(
            opt_start_seq: state.next, inactive_threshold: (options.expires + .seconds(10)).wholeNanoseconds, filter_subject: options.filter
        )
        let answer = try await js.ask(
            "CONSUMER.CREATE.\(stream)", CreateRequest(stream_name: stream, config: config), as: CreateAnswer.self, stream: stream)
        try JetStream.checkName(answer.name, what: "consumer")
        remakes.withValue { $0 += 1 }
        let made = Consumer(name: answer.name, subscription: subscription)
        pull(made)
        return made
    }

    /// Asks for the next messages. Where this can't be sent, the heartbeats that don't come say so.
    private func pull(_ consumer: Consumer) {
        let request = PullRequest(
            batch: options.batch, max_bytes: options.batchBytes, expires: options.expires.wholeNanoseconds,
            idle_heartbeat: options.heartbeat.wholeNanoseconds)
        state.pulled(options.batch)
        guard let body = try? JSONEncoder().encode(request) else { return }
        try? js.client.publish(
            "$JS.API.CONSUMER.MSG.NEXT.\(stream).\(consumer.name)", payload: Array(body), reply: consumer.subscription.subject)
    }

    /// Ends it: the consumer is deleted, and who reads gets `.closed`.
    package func stop() {
        isStopped = true
        guard let consumer else { return }
        consumer.subscription.cancel()
        try? js.client.publish("$JS.API.CONSUMER.DELETE.\(stream).\(consumer.name)")
    }
}

extension Duration {
    /// Bounded by what fits.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        if seconds >= Int64.max / 1_000_000_000 { return .max }
        return max(0, seconds) * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
