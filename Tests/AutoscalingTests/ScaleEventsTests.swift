import Domain
import Testing
@testable import Autoscaling

@Suite struct ScaleEventsTests {
    private let behavior = Behavior(scaleUp: .pods(4, per: 10), scaleDown: .pods(1, per: 60))

    @Test("an event counts until it is exactly as old as the period")
    func countsWithinThePeriod() {
        var events = ScaleEvents()
        events.record(from: 2, to: 5, at: .s(100), behavior: behavior)
        events.record(from: 5, to: 4, at: .s(105), behavior: behavior)
        #expect(events.countAtStart(ofSeconds: 10, current: 4, at: .s(109)) == 2)
        #expect(events.countAtStart(ofSeconds: 10, current: 4, at: .s(110)) == 5)
        #expect(events.nextExpiry(periodSeconds: 10, at: .s(109)) == .s(110))
        #expect(events.nextExpiry(periodSeconds: 10, at: .s(115)) == nil)
    }

    @Test("a new event takes the place of the last one outdated in its own direction")
    func replacesTheLastOutdated() {
        var events = ScaleEvents()
        for second in [0, 5, 30] { events.record(from: 0, to: 1 + second, at: .s(second), behavior: behavior) }
        // At 30 the events of 0 and 5 are older than 10 s: the later one of them gave way.
        #expect(events.added == [ScaleEvent(change: 1, at: .s(0)), ScaleEvent(change: 31, at: .s(30))])
        // The scale-down rule's 60 s still see the other.
        #expect(events.countAtStart(ofSeconds: 60, current: 32, at: .s(30)) == 0)
    }

    @Test("is bounded, and frees later rather than earlier where it joins")
    func isBounded() {
        var events = ScaleEvents()
        let slow = Behavior(scaleUp: .pods(1, per: 1_800), scaleDown: .pods(1, per: 1_800))
        for second in 0..<1_000 {
            events.record(from: second, to: second + 1, at: .s(second), behavior: slow)
            #expect(events.added.count <= ScaleEvents.mostEvents)
        }
        #expect(events.countAtStart(ofSeconds: 1_800, current: 1_000, at: .s(1_000)) == 0)
    }
}
