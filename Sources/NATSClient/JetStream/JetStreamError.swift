// Why did JetStream not do it?

/// What the server answered: an error of its API or of a publish.
package struct JetStreamProblem: Hashable, Sendable, CustomStringConvertible {
    package var code: Int
    /// The one that tells errors apart: `code` is the same for many.
    package var errorCode: Int
    package var text: String

    package init(code: Int, errorCode: Int, text: String) {
        self.code = code
        self.errorCode = errorCode
        self.text = text
    }

    package static let noSuitablePeers = 10_005
    package static let systemUnavailable = 10_008
    package static let consumerNotFound = 10_014
    package static let noMessage = 10_037
    package static let notEnabledForAccount = 10_039
    package static let streamNameInUse = 10_058
    package static let streamNotFound = 10_059
    package static let wrongLastSequence = 10_071
    package static let insufficientReplicas = 10_074
    package static let duplicateInProcess = 10_158
    package static let wrongLastSequenceInBatch = 10_164

    package var description: String { "\(text) (\(code)/\(errorCode))" }
}

extension JetStreamProblem {
    /// As an answer has it.
    struct Wire: Decodable {
        var code: Int?
        var err_code: Int?
        var description: String?

        var problem: JetStreamProblem {
            JetStreamProblem(code: code ?? 0, errorCode: err_code ?? 0, text: String((description ?? "").prefix(300)))
        }
    }
}

package enum JetStreamError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The server's answer is an error.
    case refused(JetStreamProblem, request: String)
    /// Nobody answers for JetStream: it is off on this server, or there is no leader at the moment.
    case unavailable(request: String)
    case client(NATSError, request: String)
    case noStream(String)
    /// The stream was deleted and made again since it was first seen.
    case streamReplaced(String, was: String, now: String)
    /// What should be read next isn't in the stream any more.
    case purgedPast(String, next: UInt64, first: UInt64)
    /// The server doesn't have the configuration that was asked for.
    case differs(String, differences: [String])
    case unreadable(request: String, problem: String)
    case invalid(String)
    /// An object's content isn't what its digest or its size says.
    case corrupt(object: String, problem: String)

    /// Whether the same request may do better later.
    package var isTransient: Bool {
        switch self {
        case .refused(let problem, _):
            // Servers that were just started haven't seen each other yet.
            problem.code == 503 && problem.errorCode != JetStreamProblem.notEnabledForAccount
                || problem.errorCode == JetStreamProblem.noSuitablePeers
        case .unavailable: true
        case .client(let error, _):
            switch error {
            case .invalid, .payloadTooLarge, .closed, .cancelled, .denied: false
            default: true
            }
        case .noStream, .streamReplaced, .purgedPast, .differs, .unreadable, .invalid, .corrupt: false
        }
    }

    package var description: String {
        switch self {
        case .refused(let problem, let request): "JetStream refused \(request): \(problem)"
        case .unavailable(let request):
            "JetStream doesn't answer \(request): it has no leader at the moment, or it is turned off on the server (jetstream: enabled)"
        case .client(let error, let request): "\(request): \(error)"
        case .noStream(let name): "there is no stream \"\(name)\""
        case .streamReplaced(let name, let was, let now):
            "stream \"\(name)\" was deleted and made again: the one read so far is of \(was), this one of \(now)"
        case .purgedPast(let name, let next, let first):
            "stream \"\(name)\" begins at \(first), and \(next) is needed next: the messages in between were purged"
        case .differs(let name, let differences): "stream \"\(name)\" isn't configured as asked: \(differences.joined(separator: "; "))"
        case .unreadable(let request, let problem): "JetStream's answer to \(request) can't be read: \(problem)"
        case .invalid(let problem): problem
        case .corrupt(let object, let problem): "object \"\(object)\" is damaged: \(problem)"
        }
    }
}
