import Testing

@testable import NATSClient

// What a publish's answer means: all answers that were recorded, and what isn't one.

@Suite struct OutcomeTests {
    private func outcomes(_ recording: Recording) throws -> [PublishOutcome] {
        try messages(recording.fromServer).map {
            PublishOutcome($0.saysNoResponders ? .failure(.noResponders(subject: "s")) : .success($0), subject: "s")
        }
    }

    @Test func recordedExpectations() throws {
        // Both versions: the first answers are the same.
        for version in ["2.9.10", "2.14.0"] {
            let found = try outcomes(try Recording.named("js: expectations", version))
            #expect(
                Array(found.prefix(8)) == [
                    .wrongLastSequence(actual: 10), .stored(sequence: 11), .wrongLastSequence(actual: 11), .wrongLastSequence(actual: 11),
                    .wrongLastSequence(actual: 11), .stored(sequence: 12), .stored(sequence: 13), .wrongLastSequence(actual: 13),
                ])
            #expect(found.contains { if case .refused(let problem) = $0 { problem.errorCode == 10_060 } else { false } })
            #expect(found.contains { if case .refused(let problem) = $0 { problem.errorCode == 10_070 } else { false } })
        }
    }

    @Test func recordedDuplicates() throws {
        for version in ["2.9.10", "2.14.0"] {
            let found = try outcomes(try Recording.named("js: PubAck", version))
            #expect(found.prefix(3) == [.stored(sequence: 4), .duplicate(sequence: 4), .stored(sequence: 5)])
        }
        let replicated = try outcomes(try Recording.named("R3: duplicate id"))
        #expect(replicated.prefix(2) == [.stored(sequence: 1), .duplicate(sequence: 1)])
        #expect(replicated.contains(.inProcess))
        // The number counts what is in flight: 6 was said while 5 was the last.
        #expect(replicated.contains(.wrongLastSequence(actual: 6)))
    }

    @Test func recordedRefusals() throws {
        let found = try outcomes(try Recording.named("js: publish errors"))
        #expect(found.contains(.noResponders))
        let codes = found.compactMap { if case .refused(let problem) = $0 { problem.errorCode } else { nil } }
        #expect(codes.contains(10_054) && codes.contains(10_077))
    }

    private static let answers: [(String, PublishOutcome?)] = [
        (#"{"stream":"A", "seq":4}"#, .stored(sequence: 4)), (#"{"stream":"A","seq":4,"duplicate": true}"#, .duplicate(sequence: 4)),
        // An error wins, whatever the sequence says.
        (
            #"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 10"},"stream":"A","seq":7}"#,
            .wrongLastSequence(actual: 10)
        ),
        (#"{"error":{"code":400,"err_code":10164,"description":"wrong last sequence"},"stream":"A"}"#, .wrongLastSequence(actual: nil)),
        (#"{"error":{}}"#, .refused(JetStreamProblem(code: 0, errorCode: 0, text: ""))),
        // What isn't an acknowledgement proves nothing.
        ("", nil), ("{}", nil), ("+OK", nil), (#"{"stream":"A"}"#, nil), (#"{"stream":"A","seq":0}"#, nil),
        (#"{"stream":"A","seq":-1}"#, nil),
        (#"{"stream":"A","seq":1e99}"#, nil), (#"{"seq":4}"#, nil),
    ]

    @Test(arguments: answers) func answer(_ text: String, _ expected: PublishOutcome?) {
        let outcome = PublishOutcome(.success(NATSMessage(subject: "s", payload: Array(text.utf8))), subject: "s")
        if let expected {
            #expect(outcome == expected)
        } else if case .silence = outcome {
        } else {
            Issue.record("\(text) was taken for \(outcome)")
        }
    }

    private static let failures: [(NATSError, Bool)] = [
        (.notConnected(reason: ""), true), (.busy(what: "requests", limit: 1), true), (.payloadTooLarge(bytes: 2, most: 1), true),
        (.invalid(""), true), (.closed, true), (.connectionLost(reason: ""), false), (.timeout(.seconds(1)), false), (.cancelled, false),
    ]

    @Test("what may have been sent is never said to be not sent", arguments: failures)
    func failure(_ error: NATSError, _ leftNothing: Bool) {
        #expect(PublishOutcome(.failure(error), subject: "s") == (leftNothing ? .notSent(error) : .silence(error)))
    }

    @Test func headersOfAPublish() {
        let message = StreamPublish(
            subject: "a", payload: [1, 2], headers: [.init("X", "y")], stream: "S", id: "i", expectedLast: 0, expectedLastOfSubject: 7)
        #expect(
            message.allHeaders.fields == [
                .init("X", "y"), .init("Nats-Msg-Id", "i"), .init("Nats-Expected-Last-Sequence", "0"),
                .init("Nats-Expected-Last-Subject-Sequence", "7"), .init("Nats-Expected-Stream", "S"),
            ])
        #expect(message.bytes == message.allHeaders.encoded.count + 2)
    }
}
