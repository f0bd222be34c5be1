import NIOCore

// How do messages, requests and subscriptions go over the connection?

extension NATSClient {
    // MARK: Out

    /// Sends a message, if there is a connection. Nobody says whether it arrived.
    package func publish(_ subject: String, headers: NATSHeaders = [], payload: [UInt8] = [], reply: String? = nil) throws(NATSError) {
        let head = try checked(subject, headers, reply: reply)
        try core.withLock { core throws(NATSError) in
            let link = try usable(core)
            try Self.check(head.count + payload.count, link)
            try link.enqueue(bytes: NATSWriter.bytes(subject, reply: reply, head: head, payload: payload)) { out in
                NATSWriter.publish(subject, reply: reply, head: head, payload: payload, into: &out)
            }
        }
    }

    /// Sends a request; it is on its way, in the order of the calls, when this returns. `done` is called exactly once, on the event
    /// loop or before this returns, and must be short.
    package func request(
        _ subject: String, headers: NATSHeaders = [], payload: [UInt8] = [], timeout: Duration,
        done: @escaping @Sendable (Result<NATSMessage, NATSError>) -> Void
    ) {
        _ = begin(subject, headers, payload, timeout, token: nil, done)
    }

    /// Sends a request and waits for its answer.
    package func request(
        _ subject: String, headers: NATSHeaders = [], payload: [UInt8] = [], timeout: Duration
    ) async throws(NATSError) -> NATSMessage {
        let token = core.withLock { core in
            core.nextToken += 1
            return core.nextToken
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<NATSMessage, NATSError>, Never>) in
                if begin(subject, headers, payload, timeout, token: token, { continuation.resume(returning: $0) }), Task.isCancelled {
                    give(up: token)
                }
            }
        } onCancel: {
            give(up: token)
        }
        return try result.get()
    }

    private func give(up token: UInt64) {
        core.withLock { $0.pending.removeValue(forKey: token) }?.done(.failure(.cancelled))
    }

    /// Whether it is under way; else it is done already.
    private func begin(
        _ subject: String, _ headers: NATSHeaders, _ payload: [UInt8], _ timeout: Duration, token: UInt64?,
        _ done: @escaping @Sendable (Result<NATSMessage, NATSError>) -> Void
    ) -> Bool {
        do throws(NATSError) {
            let head = try checked(subject, headers, reply: nil)
            try core.withLock { core throws(NATSError) in
                let link = try usable(core)
                try Self.check(head.count + payload.count, link)
                guard core.pending.count < configuration.limits.requests else {
                    throw .busy(what: "requests", limit: configuration.limits.requests)
                }
                core.nextToken += 1
                let token = token ?? core.nextToken
                let reply = "\(inbox).\(token)"
                try link.enqueue(bytes: NATSWriter.bytes(subject, reply: reply, head: head, payload: payload)) { out in
                    NATSWriter.publish(subject, reply: reply, head: head, payload: payload, into: &out)
                }
                core.pending[token] = Pending(
                    subject: subject, link: link.number, deadline: .now() + TimeAmount(min(timeout, Self.longestTimeout)), timeout: timeout,
                    done: done)
                scheduleSweep(&core)
            }
            return true
        } catch {
            done(.failure(error))
            return false
        }
    }

    private func usable(_ core: Core) throws(NATSError) -> NATSLink {
        if core.isClosed { throw .closed }
        guard let link = core.link else {
            if case .notConnected = core.problem, let problem = core.problem { throw problem }
            throw .notConnected(reason: core.problem.map { "\($0)" } ?? "no server has greeted yet")
        }
        return link
    }

    private static func check(_ bytes: Int, _ link: NATSLink) throws(NATSError) {
        // A server that doesn't say it takes a mebibyte, which is its default.
        let most = link.info.maxPayload ?? 1 << 20
        if bytes > most { throw .payloadTooLarge(bytes: bytes, most: most) }
    }

    private func checked(_ subject: String, _ headers: NATSHeaders, reply: String?) throws(NATSError) -> [UInt8] {
        if let fault = NATSSubject.fault(subject, allowsWildcards: false) { throw .invalid(fault) }
        if let reply, let fault = NATSSubject.fault(reply, allowsWildcards: false) { throw .invalid(fault) }
        if let fault = headers.fault { throw .invalid(fault) }
        return headers.encoded
    }

    // MARK: Deadlines

    private static let longestTimeout = Duration.seconds(86_400)
    /// How late a deadline may be noticed.
    private static let sweepInterval = TimeAmount.milliseconds(20)

    private func scheduleSweep(_ core: inout Core) {
        if core.isSweepScheduled { return }
        core.isSweepScheduled = true
        loop.scheduleTask(in: Self.sweepInterval) { self.sweep() }
    }

    private func sweep() {
        let now = NIODeadline.now()
        let expired = core.withLock { core in
            let expired = core.pending.filter { $0.value.deadline <= now }
            for token in expired.keys { core.pending[token] = nil }
            core.isSweepScheduled = false
            if !core.pending.isEmpty { scheduleSweep(&core) }
            return expired.values.map { $0 }
        }
        for pending in expired { pending.done(.failure(.timeout(pending.timeout))) }
    }

    // MARK: In

    func received(_ message: NATSMessage, over link: NATSLink) {
        if message.subscription == Self.inboxSid { return answered(message) }
        let mailbox = core.withLock { core in
            // After a change of connections the former one may still deliver: its messages come over the new one as well.
            core.link === link ? core.registrations[message.subscription]?.mailbox : nil
        }
        guard let mailbox, !mailbox.put(.message(message)) else { return }
        unsubscribe(message.subscription)
    }

    private func answered(_ message: NATSMessage) {
        guard let dot = message.subject.utf8.lastIndex(of: UInt8(ascii: ".")) else { return }
        let digits = message.subject.utf8[message.subject.utf8.index(after: dot)...]
        guard let token = UInt64(Substring(digits)), let pending = core.withLock({ $0.pending.removeValue(forKey: token) }) else { return }
        pending.done(message.saysNoResponders ? .failure(.noResponders(subject: pending.subject)) : .success(message))
    }

    // MARK: Subscriptions

    /// Subscribes now and on every later connection.
    package func subscribe(
        _ subject: String, queue: String? = nil, limits: NATSSubscription.Limits = NATSSubscription.Limits()
    ) throws(NATSError) -> NATSSubscription {
        if let fault = NATSSubject.fault(subject, allowsWildcards: true) { throw .invalid(fault) }
        if let queue, let fault = NATSSubject.tokenFault(queue, what: "queue") { throw .invalid(fault) }
        let mailbox = Mailbox(messagesMost: limits.messages, bytesMost: limits.bytes, on: loop)
        let sid = try core.withLock { core throws(NATSError) -> UInt64 in
            if core.isClosed { throw .closed }
            guard core.registrations.count < configuration.limits.subscriptions else {
                throw .busy(what: "subscriptions", limit: configuration.limits.subscriptions)
            }
            while core.registrations[core.nextSid] != nil { core.nextSid = (core.nextSid + 1) % Self.inboxSid }
            let sid = core.nextSid
            core.nextSid = (core.nextSid + 1) % Self.inboxSid
            core.registrations[sid] = Registration(subject: subject, queue: queue, mailbox: mailbox)
            // Without a connection it is made with the next one.
            try? core.link?.enqueue(bytes: 0, isControl: true) { NATSWriter.subscribe(subject, queue: queue, sid: sid, into: &$0) }
            return sid
        }
        return NATSSubscription(subject, sid: sid, mailbox: mailbox, client: self)
    }

    func unsubscribe(_ sid: UInt64) {
        core.withLock { core in
            guard core.registrations.removeValue(forKey: sid) != nil else { return }
            try? core.link?.enqueue(bytes: 0, isControl: true) { NATSWriter.unsubscribe(sid, into: &$0) }
        }
    }
}
