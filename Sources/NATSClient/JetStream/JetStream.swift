import Foundation

// How are streams made, asked and written?
//
// Requests of the API go to whoever leads; each has a deadline. An answer is read as what it says, never as what was hoped for: a
// configuration is compared with what was asked, an error wins over everything else in the answer.

package struct JetStream: Sendable {
    package let client: NATSClient
    package let timeout: Duration

    package init(_ client: NATSClient, timeout: Duration = .seconds(5)) {
        self.client = client
        self.timeout = timeout
    }

    // MARK: Requests

    private struct Failure: Decodable { var error: JetStreamProblem.Wire? }

    func ask<Answer: Decodable>(
        _ verb: String, _ body: (any Encodable & Sendable)? = nil, as type: Answer.Type, stream: String? = nil
    ) async throws(JetStreamError) -> Answer {
        var payload: [UInt8] = []
        if let body {
            do { payload = Array(try JSONEncoder().encode(body)) } catch { throw .invalid("\(verb): the request could not be written") }
        }
        let message: NATSMessage
        do { message = try await client.request("$JS.API.\(verb)", payload: payload, timeout: timeout) } catch {
            if case .noResponders = error { throw .unavailable(request: verb) }
            throw .client(error, request: verb)
        }
        let data = Data(message.payload)
        if let problem = (try? JSONDecoder().decode(Failure.self, from: data))?.error {
            let problem = problem.problem
            if problem.errorCode == JetStreamProblem.streamNotFound, let stream { throw .noStream(stream) }
            throw .refused(problem, request: verb)
        }
        do { return try JSONDecoder().decode(Answer.self, from: data) } catch {
            throw .unreadable(request: verb, problem: Self.words(error))
        }
    }

    private static func words(_ error: any Error) -> String {
        switch error as? DecodingError {
        case .keyNotFound(let key, _): "there is no field \"\(key.stringValue)\""
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\(context.codingPath.map(\.stringValue).joined(separator: ".")) has another type"
        default: "it is no JSON of the expected form"
        }
    }

    static func checkName(_ name: String, what: String = "stream") throws(JetStreamError) {
        if let fault = NATSSubject.tokenFault(name, what: what) { throw .invalid(fault) }
    }

    struct Done: Decodable {
        var success: Bool
        var purged: UInt64?
    }

    // MARK: Account and streams

    package func account() async throws(JetStreamError) -> JetStreamAccount { try await ask("INFO", as: JetStreamAccount.self) }

    /// Makes the stream, or finds it as it should be. Throws `.differs` where the server didn't take all of it, `.refused` with
    /// `streamNameInUse` where there is another one of this name.
    package func createStream(_ configuration: StreamConfiguration) async throws(JetStreamError) -> StreamInfo {
        try Self.checkName(configuration.name)
        return try Self.compared(
            configuration,
            try await ask("STREAM.CREATE.\(configuration.name)", configuration, as: StreamInfo.self, stream: configuration.name))
    }

    package func updateStream(_ configuration: StreamConfiguration) async throws(JetStreamError) -> StreamInfo {
        try Self.checkName(configuration.name)
        return try Self.compared(
            configuration,
            try await ask("STREAM.UPDATE.\(configuration.name)", configuration, as: StreamInfo.self, stream: configuration.name))
    }

    private static func compared(_ wanted: StreamConfiguration, _ info: StreamInfo) throws(JetStreamError) -> StreamInfo {
        let differences = wanted.differences(from: info.configuration)
        guard differences.isEmpty else { throw .differs(wanted.name, differences: differences) }
        return info
    }

    private struct InfoRequest: Encodable {
        var subjects_filter: String
        var offset: Int
    }

    /// - Parameter subjects: also counts the messages of each subject that this filter fits; the server gives at most 100,000.
    package func streamInfo(_ name: String, subjects: String? = nil) async throws(JetStreamError) -> StreamInfo {
        try Self.checkName(name)
        return try await ask(
            "STREAM.INFO.\(name)", subjects.map { InfoRequest(subjects_filter: $0, offset: 0) }, as: StreamInfo.self, stream: name)
    }

    package func deleteStream(_ name: String) async throws(JetStreamError) {
        try Self.checkName(name)
        _ = try await ask("STREAM.DELETE.\(name)", as: Done.self, stream: name)
    }

    private struct PurgeRequest: Encodable {
        var seq: UInt64?
        var filter: String?
    }

    /// Removes every message below the sequence, which stays. The number of those removed.
    package func purge(_ name: String, below sequence: UInt64) async throws(JetStreamError) -> UInt64 {
        try Self.checkName(name)
        // 0 would mean "all of it", and below 1 there is nothing.
        if sequence <= 1 { return 0 }
        return try await ask("STREAM.PURGE.\(name)", PurgeRequest(seq: sequence), as: Done.self, stream: name).purged ?? 0
    }

    package func purge(_ name: String, subject: String) async throws(JetStreamError) -> UInt64 {
        try Self.checkName(name)
        if let fault = NATSSubject.fault(subject, allowsWildcards: true) { throw .invalid(fault) }
        return try await ask("STREAM.PURGE.\(name)", PurgeRequest(filter: subject), as: Done.self, stream: name).purged ?? 0
    }

    /// Asks the leader to hand over.
    package func stepDown(_ name: String) async throws(JetStreamError) {
        try Self.checkName(name)
        _ = try await ask("STREAM.LEADER.STEPDOWN.\(name)", as: Done.self, stream: name)
    }

    // MARK: Messages

    private struct GetRequest: Encodable {
        var seq: UInt64?
        var last_by_subj: String?
    }

    private struct GetAnswer: Decodable { var message: StoredMessage.Wire }

    /// The message at this sequence, asked of the leader; nil where there is none.
    package func message(_ stream: String, at sequence: UInt64) async throws(JetStreamError) -> StoredMessage? {
        // 0 isn't a sequence, and the server would take it for "not said".
        sequence == 0 ? nil : try await get(stream, GetRequest(seq: sequence))
    }

    /// The last message of this subject, asked of the leader; nil where there is none.
    package func lastMessage(_ stream: String, subject: String) async throws(JetStreamError) -> StoredMessage? {
        try await get(stream, GetRequest(last_by_subj: subject))
    }

    private func get(_ stream: String, _ request: GetRequest) async throws(JetStreamError) -> StoredMessage? {
        try Self.checkName(stream)
        let verb = "STREAM.MSG.GET.\(stream)"
        do throws(JetStreamError) {
            let wire = try await ask(verb, request, as: GetAnswer.self, stream: stream).message
            guard let message = StoredMessage(wire) else { throw .unreadable(request: verb, problem: "its Base64 is broken") }
            return message
        } catch {
            if case .refused(let problem, _) = error, problem.errorCode == JetStreamProblem.noMessage { return nil }
            throw error
        }
    }

    // MARK: Publishing

    /// Publishes; it is on its way, in the order of the calls, when this returns: so expectations N, N + 1, N + 2 may be sent at once.
    /// `done` is called exactly once, on the client's event loop or before this returns, and must be short.
    package func publish(_ message: StreamPublish, timeout: Duration, done: @escaping @Sendable (PublishOutcome) -> Void) {
        let subject = message.subject
        client.request(subject, headers: message.allHeaders, payload: message.payload, timeout: timeout) {
            done(PublishOutcome($0, subject: subject))
        }
    }

    package func publish(_ message: StreamPublish, timeout: Duration? = nil) async -> PublishOutcome {
        await withCheckedContinuation { continuation in
            publish(message, timeout: timeout ?? self.timeout) { continuation.resume(returning: $0) }
        }
    }
}
