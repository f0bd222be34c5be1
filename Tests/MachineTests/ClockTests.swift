import Foundation
import Testing

@testable import Machine

// Do the machine's clocks go the right way, and does a port that is said to be free take a listener?

@Suite struct ClockTests {
    @Test func theWallClockTellsTheDate() {
        let before = Date().timeIntervalSince1970
        let now = Double(WallClock.microseconds()) / 1e6
        let after = Date().timeIntervalSince1970
        #expect(now >= before - 0.01 && now <= after + 0.01)
    }

    @Test func theMeasuringClockNeverGoesBack() {
        var last = MeasuringClock.microseconds()
        for _ in 0..<10_000 {
            let now = MeasuringClock.microseconds()
            #expect(now >= last)
            last = now
        }
    }

    @Test func aFreePortIsFree() throws { #expect(LocalPort.isFree(try LocalPort.free())) }
}
