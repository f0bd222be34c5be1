import Testing

@testable import Machine

// Does a latch let everybody through once it is open, and only then?

@Suite struct LatchTests {
    @Test func allWhoWaitAreWoken() async {
        let latch = Latch()
        let waits = (0..<16).map { _ in Task { await latch.wait() } }
        #expect(!latch.isOpen)
        latch.open()
        latch.open()
        for wait in waits { await wait.value }
        await latch.wait()
        #expect(latch.isOpen)
    }

    @Test func aCancelledWaitEndsAndTheLatchStaysShut() async {
        let latch = Latch()
        let wait = Task { await latch.wait() }
        wait.cancel()
        await wait.value
        #expect(!latch.isOpen)
    }

    @Test func theFirstOfSeveralEndsTheWait() async {
        let (never, soon) = (Latch(), Latch())
        soon.open()
        await Latch.first(of: never, soon)
        #expect(!never.isOpen)
    }
}
