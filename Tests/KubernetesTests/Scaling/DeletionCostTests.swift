import Kubernetes
import Testing

@testable import Kubernetes

@Suite struct DeletionCostTests {
    private func pod(_ cost: String? = nil, own: String? = nil, drain: String? = nil, isMarked: Bool = false, isRemoving: Bool = false)
        -> PodView
    {
        PodView(
            name: "w", uid: "1", resourceVersion: "7", drainingReason: drain, isRemoving: isRemoving, deletionCost: cost, ownCost: own,
            isMarked: isMarked)
    }

    @Test("busy above everything, idle below the unranked, by the worth of their snapshots")
    func ranks() throws {
        func cost(_ used: Int, _ bytes: Int64 = 0) -> Int {
            DeletionCost.wanted(pod(), used: used, snapshotBytes: bytes).flatMap { Int($0) } ?? 0
        }
        let rising = [cost(0), cost(0, 1 << 20), cost(0, 1 << 30), cost(0, 1 << 40), 0, cost(1), cost(2), cost(100)]
        #expect(rising == rising.sorted() && Set(rising).count == rising.count, "\(rising)")
        #expect(cost(0) > -1_000 && cost(0, .max) < 0 && cost(0, -1) == cost(0) && cost(.max) == cost(100))
    }

    @Test("what is as it should be isn't written; marks decide over idle pods, and never over busy ones")
    func marks() {
        #expect(DeletionCost.wanted(pod("-900"), used: 0, snapshotBytes: 0) == nil)
        #expect(DeletionCost.wanted(pod("-900", isRemoving: true), used: 1, snapshotBytes: 0) == nil)
        #expect(DeletionCost.wanted(pod("-1000", drain: "x", isMarked: true), used: 0, snapshotBytes: 0) == nil)
        #expect(DeletionCost.wanted(pod("1001", drain: "x", isMarked: true), used: 0, snapshotBytes: 0) == "-1000")
        #expect(DeletionCost.wanted(pod("-1000", drain: "x", isMarked: true), used: 1, snapshotBytes: 0) == "1001")
        #expect(DeletionCost.wanted(pod(drain: "its pod is being deleted"), used: 0, snapshotBytes: 0) == nil)
    }

    @Test("somebody else's cost is kept aside, ours isn't; the write is for this very pod")
    func patches() {
        let first = DeletionCost.patch(pod("7"), to: "1001")["metadata"]
        #expect(first["annotations"][Mark.previousDeletionCost] == "7" && first["uid"] == "1" && first["resourceVersion"] == "7")
        #expect(DeletionCost.patch(pod("1001", own: "1001"), to: "-900")["metadata"]["annotations"][Mark.previousDeletionCost].isNull)
    }
}
