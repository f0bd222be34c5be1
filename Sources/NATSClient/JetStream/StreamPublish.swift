import Foundation

// What is published to a stream, and what came of it?

package struct StreamPublish: Hashable, Sendable {
    package var subject: String
    package var payload: [UInt8]
    package var headers: NATSHeaders
    /// Only this stream may take it.
    package var stream: String?
    /// A second message with this id isn't stored while the stream's duplicate window lasts.
    package var id: String?
    /// It is stored only as the next one after this sequence.
    package var expectedLast: UInt64?
    /// The same, of its subject alone. 0: nothing may be there.
    package var expectedLastOfSubject: UInt64?

    package init(
        subject: String, payload: [UInt8], headers: NATSHeaders = [], stream: String? = nil, id: String? = nil, expectedLast: UInt64? = nil,
        expectedLastOfSubject: UInt64? = nil
    ) {
        self.subject = subject
        self.payload = payload
        self.headers = headers
        self.stream = stream
        self.id = id
        self.expectedLast = expectedLast
        self.expectedLastOfSubject = expectedLastOfSubject
    }

    /// JetStream's names are case-sensitive: written otherwise, they are ignored.
    package enum Header {
        package static let id = "Nats-Msg-Id"
        package static let expectedLast = "Nats-Expected-Last-Sequence"
        package static let expectedLastOfSubject = "Nats-Expected-Last-Subject-Sequence"
        package static let stream = "Nats-Expected-Stream"
        package static let rollup = "Nats-Rollup"
    }

    var allHeaders: NATSHeaders {
        var all = headers
        if let id { all.append(Header.id, id) }
        if let expectedLast { all.append(Header.expectedLast, "\(expectedLast)") }
        if let expectedLastOfSubject { all.append(Header.expectedLastOfSubject, "\(expectedLastOfSubject)") }
        if let stream { all.append(Header.stream, stream) }
        return all
    }

    /// What counts against the server's `max_payload`.
    package var bytes: Int { allHeaders.encoded.count + payload.count }
}

package enum PublishOutcome: Hashable, Sendable {
    case stored(sequence: UInt64)
    /// Its id was stored before, at this sequence. The payload isn't compared.
    case duplicate(sequence: UInt64)
    /// Another sequence is the last one. It may be one's own earlier write: a server with one replica says this where three say
    /// `duplicate`. The number counts what is in flight as well.
    case wrongLastSequence(actual: UInt64?)
    /// The first copy of this id is in flight: neither stored nor refused. Wait and try the same again.
    case inProcess
    /// Nobody took it: no leader at the moment, or no such stream. This attempt stored nothing.
    case noResponders
    /// Refused for another reason. Nothing was stored.
    case refused(JetStreamProblem)
    /// It didn't leave this machine.
    case notSent(NATSError)
    /// It left, and no answer came: it may be stored now, or later, or never. Only the stream can tell.
    case silence(NATSError)

    init(_ result: Result<NATSMessage, NATSError>, subject: String) {
        switch result {
        case .failure(.noResponders): self = .noResponders
        case .failure(.denied(let problem)): self = .refused(JetStreamProblem(code: 403, errorCode: 0, text: problem))
        case .failure(let error): self = error.leftNothing ? .notSent(error) : .silence(error)
        case .success(let message): self = PublishOutcome(answer: message)
        }
    }

    private struct Wire: Decodable {
        var stream: String?
        var seq: UInt64?
        var duplicate: Bool?
        var error: JetStreamProblem.Wire?
    }

    private init(answer: NATSMessage) {
        guard let wire = try? JSONDecoder().decode(Wire.self, from: Data(answer.payload)) else {
            // Something that isn't JetStream answered, so nothing is known.
            self = .silence(
                .protocolFault(server: "the one that answers there", problem: "the answer to a publish isn't an acknowledgement"))
            return
        }
        if let problem = wire.error?.problem {
            switch problem.errorCode {
            case JetStreamProblem.wrongLastSequence, JetStreamProblem.wrongLastSequenceInBatch:
                self = .wrongLastSequence(actual: problem.text.split(separator: " ").last.flatMap { UInt64($0) })
            case JetStreamProblem.duplicateInProcess: self = .inProcess
            default: self = .refused(problem)
            }
        } else if let sequence = wire.seq, sequence > 0, wire.stream != nil {
            self = wire.duplicate == true ? .duplicate(sequence: sequence) : .stored(sequence: sequence)
        } else {
            self = .silence(.protocolFault(server: "the one that answers there", problem: "the answer to a publish has no sequence"))
        }
    }
}
