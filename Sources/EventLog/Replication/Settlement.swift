// Was this message stored, at the sequence it was meant for?
//
// The answer to a publish is only half of what is needed: silence may have stored it, and "wrong sequence" may mean an earlier copy of
// its own. So the message at the expected sequence is read, and compared byte for byte. Where there is none, the same bytes are
// published again with the same expectation: the stream takes one copy at most.

struct Settlement {
    enum Result: Hashable {
        case stored
        /// Another message has that sequence: this one never will.
        case overtaken
        /// Refused, and no copy can turn up.
        case refused(String)
        /// No certain answer within the time that there is. A copy may turn up.
        case unknown(String)
    }

    let settings: ReplicaSettings
    let bytes: [UInt8]
    let expecting: UInt64

    private var sequence: UInt64 { expecting + 1 }

    func settle(_ first: StreamAnswer, until deadline: Int64) -> Result {
        var answer = first
        var mayBeStored = false
        var attempt = 0
        while true {
            mayBeStored = mayBeStored || answer.mayBeStored
            switch answer {
            case .stored(let given):
                // Another number than the expectation allows comes from a stream that was made anew under this name.
                return given == sequence ? .stored : .refused("the stream stored it as \(given), where \(sequence) was expected")
            case .refused(let problem) where !mayBeStored: return .refused(problem)
            default: break
            }
            if let found = try? settings.stream.entry(at: sequence), found.sequence == sequence {
                return found.bytes == bytes ? .stored : .overtaken
            }
            guard settings.clock() < deadline else { return .unknown(Self.words(answer)) }
            attempt += 1
            settings.stream.pause(attempt)
            answer = settings.stream.publish(bytes, expecting: expecting).answer()
        }
    }

    private static func words(_ answer: StreamAnswer) -> String {
        switch answer {
        case .stored: "it was stored"
        case .wrongSequence: "the stream has gone on, and what came isn't readable yet"
        case .busy: "an earlier copy is on its way"
        case .noLeader: "the stream has no leader at the moment"
        case .refused(let problem), .notSent(let problem), .silence(let problem): problem
        }
    }
}
