// What does the transport refuse by itself?
//
// What is no HTTP, too large, too slow, or one too many. The sentence says what was wrong and what to do; how it looks on the wire
// is the responder's business.

package struct Refusal: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case malformed, notImplemented, timeout, tooLarge, headerTooLarge, expectation, overloaded, unavailable
    }

    package var kind: Kind
    package var detail: String
    /// The header field at fault.
    package var field: String?
    package var retryAfterSeconds: Int?

    package init(_ kind: Kind, _ detail: String, field: String? = nil, retryAfterSeconds: Int? = nil) {
        self.kind = kind
        self.detail = detail
        self.field = field
        self.retryAfterSeconds = retryAfterSeconds
    }
}

extension Refusal {
    // MARK: - The head

    static func headerTooLarge(_ limits: TransportLimits) -> Refusal {
        Refusal(.headerTooLarge, "at most \(limits.headerCount) header fields of \(limits.headerBytes) bytes together are taken")
    }

    static func headerStalled(_ limits: TransportLimits) -> Refusal {
        Refusal(.timeout, "the header did not end within \(limits.stallSeconds) s")
    }

    static func notHTTP(_ error: any Error) -> Refusal { Refusal(.malformed, "this is not HTTP/1.1: \(error)") }

    static func violation(_ violation: RequestRules.Violation) -> Refusal {
        Refusal(violation.isNotImplemented ? .notImplemented : .malformed, violation.problem, field: violation.field)
    }

    static var unmetExpectation: Refusal { Refusal(.expectation, "only 100-continue can be expected", field: "expect") }

    // MARK: - The body

    static func bodyTooLarge(_ limits: TransportLimits) -> Refusal { Refusal(.tooLarge, "a body has at most \(limits.bodyBytes) bytes") }

    static func bodyMalformed(_ error: any Error) -> Refusal { Refusal(.malformed, "the body is not what its header says: \(error)") }

    static func bodyStalled(_ limits: TransportLimits) -> Refusal {
        Refusal(.timeout, "the body stopped half way: nothing came for \(limits.stallSeconds) s")
    }

    static func streamStalled(_ limits: TransportLimits) -> Refusal {
        Refusal(.timeout, "the stream stopped: nothing came for \(limits.idleSeconds) s")
    }

    static func requestTooSlow(_ limits: TransportLimits) -> Refusal {
        Refusal(.timeout, "the request did not end within \(limits.requestSeconds) s")
    }

    static func bodiesFull(_ limits: TransportLimits) -> Refusal {
        Refusal(.overloaded, "the server holds too many bodies at the moment", retryAfterSeconds: limits.retryAfterSeconds)
    }

    // MARK: - The answer

    static func answersFull(_ limits: TransportLimits) -> Refusal {
        Refusal(
            .unavailable, "answers that clients haven't taken fill the memory there is for them",
            retryAfterSeconds: limits.retryAfterSeconds)
    }

    static func unanswered(_ limits: TransportLimits, seconds: Double) -> Refusal {
        Refusal(.unavailable, "no answer was found within \(seconds) s: try again", retryAfterSeconds: limits.retryAfterSeconds)
    }

    static func stopping(_ limits: TransportLimits) -> Refusal {
        Refusal(.unavailable, "the server is stopping: send the rest again", retryAfterSeconds: limits.retryAfterSeconds)
    }

    static var cancelled: Refusal {
        Refusal(
            .unavailable, "the request ended before it was answered: its client stopped sending, or the server is stopping",
            retryAfterSeconds: 1)
    }
}
