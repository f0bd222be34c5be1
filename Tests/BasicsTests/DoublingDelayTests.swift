import Testing

@testable import Basics

// Do delays double, stop at the longest, and begin again?

@Suite struct DoublingDelayTests {
    @Test func eachIsTwiceTheOneBefore() {
        var delay = DoublingDelay(first: .milliseconds(250), longest: .seconds(2))
        #expect(
            (0..<6).map { _ in delay.next() } == [
                .milliseconds(250), .milliseconds(500), .seconds(1), .seconds(2), .seconds(2), .seconds(2),
            ])
        delay.reset()
        #expect(delay.next() == .milliseconds(250))
    }

    @Test func aLongestThatIsNoPowerOfTwoIsKept() {
        #expect((0..<5).map { Duration.seconds(1).doubled($0, atMost: .seconds(5)) } == [1, 2, 4, 5, 5].map { .seconds($0) })
    }

    @Test(arguments: [(Duration.zero, Duration.seconds(1)), (.seconds(9), .seconds(1)), (.seconds(1), .zero)])
    func whateverIsAskedItEnds(_ first: Duration, _ longest: Duration) {
        #expect(first.doubled(.max, atMost: longest) == min(first, longest))
        #expect(first.doubled(-1, atMost: longest) == min(first, longest))
    }
}
