import Domain
import Testing
@testable import Autoscaling

@Suite struct SignalTests {
    private func timed(_ sample: ObservedSample?, at second: Int, stale: Int? = 60, threshold: Int? = nil) -> TimedSignal {
        Autoscaler.timedSignal(sample, unseenSince: .s(0), at: .s(second), staleAfterSeconds: stale, failureThreshold: threshold)
    }

    @Test("a fresh value, until it goes stale")
    func fresh() {
        let sample = ObservedSample(valueMilli: 5_000, at: .s(100))
        #expect(timed(sample, at: 159) == TimedSignal(signal: .value(milli: 5_000), nextChange: .s(160)))
        #expect(timed(sample, at: 160) == TimedSignal(signal: .failed(failures: 1), nextChange: nil))
        #expect(timed(sample, at: 99_999, stale: nil) == TimedSignal(signal: .value(milli: 5_000), nextChange: nil))
    }

    @Test("silence counts on towards the fallback, and no further")
    func silenceCounts() {
        let sample = ObservedSample(valueMilli: 5_000, at: .s(100), consecutiveFailures: 1)
        #expect(timed(sample, at: 130, threshold: 3) == TimedSignal(signal: .failed(failures: 1), nextChange: .s(160)))
        #expect(timed(sample, at: 230, threshold: 3) == TimedSignal(signal: .failed(failures: 3), nextChange: nil))
    }

    @Test("never seen: it counts from the policy on, where anything says when")
    func neverSeen() {
        #expect(timed(nil, at: 59, threshold: 2) == TimedSignal(signal: .failed(failures: 0), nextChange: .s(60)))
        #expect(timed(nil, at: 125, threshold: 2) == TimedSignal(signal: .failed(failures: 2), nextChange: nil))
        #expect(timed(nil, at: 125, stale: nil, threshold: 2) == TimedSignal(signal: .failed(failures: 0), nextChange: nil))
    }

    @Test("negative is zero")
    func negative() {
        #expect(timed(ObservedSample(valueMilli: -7, at: .s(0)), at: 1).signal == .value(milli: 0))
    }
}
