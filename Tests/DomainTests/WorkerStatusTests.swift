import Domain
import Testing

@Suite struct WorkerStatusTests {
    @Test(
        "state, used, slots → as the tools print it",
        arguments: [
            (WorkerState.ready, 0, 1, WorkerStatus.free), (.ready, 1, 1, .busy), (.ready, 0, 4, .free), (.ready, 1, 4, .partial),
            (.ready, 3, 4, .partial),
            (.ready, 4, 4, .busy), (.ready, 5, 4, .busy), (.draining, 0, 4, .draining), (.draining, 4, 4, .draining), (.gone, 0, 4, .gone),
            (.gone, 2, 4, .gone),
        ])
    func status(_ state: WorkerState, _ used: Int, _ slots: Int, _ status: WorkerStatus) {
        #expect(WorkerStatus(state: state, used: used, slots: slots) == status)
    }

    @Test("names and numbers that are written down stay as they are")
    func pinned() {
        #expect(WorkerState.allCases.map(\.rawValue) == [1, 2, 3])
        #expect(WorkerStatus.allCases.map(\.rawValue) == ["FREE", "PARTIAL", "BUSY", "DRAINING", "CLAIMED", "STARTING", "GONE"])
        #expect(RestoreTier.allCases.map(\.rawValue) == [0, 1, 2, 3])
        #expect(RestoreTier.allCases.map(\.name) == ["local", "warm", "golden", "cold"])
    }
}
