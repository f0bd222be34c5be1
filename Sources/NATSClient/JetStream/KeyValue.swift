// Which value has this key now?
//
// A bucket is a stream that keeps the last messages of each key. A revision is a stream sequence, so one counter runs over the whole
// bucket. Reads ask the leader. A write says what came of it, as every publish does.

package struct KeyValue: Sendable {
    package struct Entry: Hashable, Sendable {
        package var value: [UInt8]
        package var revision: UInt64
        package var nanoseconds: Int64
    }

    package let bucket: String
    private let js: JetStream

    package init(_ js: JetStream, bucket: String) throws(JetStreamError) {
        if let fault = NATSSubject.tokenFault(bucket, what: "bucket") { throw .invalid(fault) }
        self.js = js
        self.bucket = bucket
    }

    package var stream: String { "KV_\(bucket)" }
    private func subject(_ key: String) -> String { "$KV.\(bucket).\(key)" }

    /// Makes the bucket, or finds it.
    /// - Parameter maxAge: nanoseconds after which a value is forgotten.
    package func create(replicas: Int, history: Int64 = 1, maxAge: Int64? = nil) async throws(JetStreamError) {
        var configuration = StreamConfiguration(name: stream, subjects: ["$KV.\(bucket).>"])
        configuration.replicas = replicas
        configuration.storage = .file
        configuration.maxMessagesPerSubject = history
        configuration.maxAge = maxAge
        configuration.discard = .new
        configuration.allowsRollup = true
        configuration.deniesDelete = true
        _ = try await js.createStream(configuration)
    }

    /// nil where the key isn't there, or was deleted.
    package func get(_ key: String) async throws(JetStreamError) -> Entry? {
        guard let message = try await last(key), !Self.isMarker(message) else { return nil }
        return Entry(value: message.payload, revision: message.sequence, nanoseconds: message.nanoseconds)
    }

    private func last(_ key: String) async throws(JetStreamError) -> StoredMessage? {
        if let fault = NATSSubject.fault(subject(key), allowsWildcards: false) { throw .invalid(fault) }
        return try await js.lastMessage(stream, subject: subject(key))
    }

    /// What stands for a key that is gone.
    private static func isMarker(_ message: StoredMessage) -> Bool {
        ["DEL", "PURGE"].contains(message.headers["KV-Operation"]) || message.headers["Nats-Marker-Reason"] != nil
    }

    package func put(_ key: String, _ value: [UInt8]) async -> PublishOutcome {
        await js.publish(StreamPublish(subject: subject(key), payload: value, stream: stream))
    }

    /// Only where the key isn't there. A key that was deleted isn't there, though the server counts what marks it.
    package func create(_ key: String, _ value: [UInt8]) async -> PublishOutcome {
        let outcome = await update(key, value, revision: 0)
        guard case .wrongLastSequence = outcome, let message = try? await last(key), Self.isMarker(message) else { return outcome }
        return await update(key, value, revision: message.sequence)
    }

    /// Only where this is the key's revision.
    package func update(_ key: String, _ value: [UInt8], revision: UInt64) async -> PublishOutcome {
        await js.publish(StreamPublish(subject: subject(key), payload: value, stream: stream, expectedLastOfSubject: revision))
    }

    package func delete(_ key: String) async -> PublishOutcome {
        await js.publish(StreamPublish(subject: subject(key), payload: [], headers: [.init("KV-Operation", "DEL")], stream: stream))
    }

    /// The keys that are there, in order. The server names at most 100,000.
    package func keys() async throws(JetStreamError) -> [String] {
        let prefix = subject("")
        let subjects = try await js.streamInfo(stream, subjects: "\(prefix)>").state.subjects ?? [:]
        var found: [String] = []
        for key in subjects.keys.sorted().map({ String($0.dropFirst(prefix.count)) }) {
            if try await get(key) != nil { found.append(key) }
        }
        return found
    }
}
