import ControlLoop
import Kubernetes
import Logging
import Testing

@testable import Assembly
@testable import Machine

@Suite struct ElectionSettingsTests {
    private func settings(_ yaml: String) throws -> ElectionSettings? {
        try ServiceConfiguration(yaml: "kubernetes: {\(yaml)}\n", file: "/etc/greenroom/greenroom.yaml").kubernetes?.election
    }

    @Test func `without the section there is no election, and an empty one takes client-go's times`() throws {
        #expect(try settings("namespace: ns") == nil)
        let settings = try #require(try settings("election: {}"))
        #expect(settings.lease == "greenroom" && settings.namespace == nil)
        #expect(settings.timing == .standard && settings.marginSeconds == 5)
    }

    @Test func `what it says is taken, and no two processes have the same identity`() throws {
        let yaml =
            "election: {lease: l, namespace: n, identity: i, leaseDurationSeconds: 6, renewDeadlineSeconds: 4.5, retryPeriodSeconds: 0.5}"
        let settings = try #require(try settings(yaml))
        #expect(settings.lease == "l" && settings.namespace == "n" && settings.marginSeconds == 1.5)
        #expect(settings.processIdentity().hasPrefix("i_") && settings.processIdentity() != settings.processIdentity())
    }

    @Test(
        "times that can't be kept, and fields that nobody knows, are refused where they stand",
        arguments: [
            ("election: {leaseDurationSeconds: 10}", "election.leaseDurationSeconds"),
            ("election: {renewDeadlineSeconds: 2}", "election.leaseDurationSeconds"),
            ("election: {leases: x}", "did you mean"),
        ])
    func refused(_ yaml: String, _ part: String) {
        do {
            _ = try settings(yaml)
            Issue.record("taken")
        } catch { #expect("\(error)".contains(part), "\(error)") }
    }
}

@Suite struct LeadershipTests {
    @Test(.timeLimit(.minutes(1))) func `who stops in good order leads to the end of it, and a term is over before it is waited for`()
        async throws
    {
        let leadership = Leadership(identity: "a", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        await leadership.callbacks.started(Fence(3))
        let term = try #require(await leadership.terms.first { _ in true })
        leadership.finish()
        #expect(term.fence == Fence(3) && !term.over.isOpen)
        let ending = Task { await leadership.callbacks.stopped("the service stops") }
        await term.over.wait()
        leadership.isStill()
        term.still.open()
        await ending.value
    }

    @Test func `whoever is refused hears who leads, or what keeps this one from it`() async {
        let leadership = Leadership(identity: "a_1", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        #expect(leadership.refusal.contains("no instance leads"))
        leadership.callbacks.seen("b_2", 4)
        #expect(leadership.refusal.contains("the leader is b_2"))
        leadership.callbacks.seen("a_1", 5)
        leadership.note(obstacle: "process 7 has the log")
        #expect(leadership.refusal.contains("can't act yet: process 7 has the log"))
        leadership.note(obstacle: nil)
        #expect(leadership.refusal.contains("no instance leads"))
    }
}
