import SubstrateTwin
import Testing

@testable import SubstrateGateway

@Suite("What a listing shows that the log lacks")
struct FleetDifferenceTests {
    private func actor(
        _ id: String, _ status: Ateapi_Actor.Status, version: Int64 = 5, worker: String = "", node: String = "", atespace: String = "t"
    )
        -> Ateapi_Actor
    {
        .with {
            $0.actorID = id
            $0.atespace = atespace
            $0.version = version
            $0.status = status
            $0.actorTemplateNamespace = "demo"
            $0.actorTemplateName = "counter"
            if !worker.isEmpty { ($0.ateomPodNamespace, $0.ateomPodName, $0.workerPoolName) = ("demo", worker, "pool") }
            if !node.isEmpty {
                $0.latestSnapshotInfo.local.snapshotPrefix = "\(id)-1"
                $0.latestSnapshotInfo.local.nodeVmsWithLocalSnapshots = [node]
            }
        }
    }

    private func worker(_ name: String, node: String = "n") -> Ateapi_Worker {
        .with {
            ($0.workerNamespace, $0.workerPool, $0.workerPod, $0.nodeName, $0.version) = ("demo", "pool", name, node, 1)
        }
    }

    private func key(_ id: String, _ atespace: String = "t") -> ActorKey { ActorKey(atespace: atespace, id: id) }

    private func difference(
        _ actors: [Ateapi_Actor], _ workers: [Ateapi_Worker] = [], before: [Ateapi_Actor]? = nil,
        logged: [ActorKey: FleetDifference.Logged] = [:], held: Set<ActorKey> = []
    ) -> FleetDifference {
        FleetDifference(
            .init(actors: actors, workers: workers), before: before.map { .init(actors: $0, workers: workers) }, logged: logged
        ) { held.contains($0) }
    }

    /// Both looks showed the same, and the log had all of this before the second.
    private func firm(_ actor: Ateapi_Actor, logged: FleetDifference.Logged) -> [FleetDifference.Step] {
        let fleet = FleetDifference.Fleet(actors: [actor], workers: [worker("w")])
        let key = ActorKey(actor)
        return FleetDifference(fleet, before: fleet, versionsBefore: [key: logged.version], logged: [key: logged]) { _ in false }.steps
    }

    @Test("what runs and isn't known is told at once")
    func running() {
        let found = difference([actor("a", .running, worker: "w")], [worker("w")])
        #expect(found.steps == [.running(key("a"))])
        let known = difference(
            [actor("a", .running, worker: "w")], [worker("w")],
            logged: [key("a"): .init(state: "STATUS_RUNNING", worker: "demo/w", version: 5)])
        #expect(known.steps.isEmpty)
        let unknown = difference(
            [actor("a", .running, worker: "w")], [worker("w")], logged: [key("a"): .init(state: "STATUS_RUNNING", worker: nil, version: 5)])
        #expect(unknown.steps == [.settled(key("a"))])
        let crashed = difference(
            [actor("a", .running, worker: "w")], [worker("w")], logged: [key("a"): .init(state: "STATUS_CRASHED", worker: nil, version: 5)])
        // The list may be older than the worker's end.
        #expect(crashed.steps.isEmpty)
        let insisted = firm(actor("a", .running, worker: "w"), logged: .init(state: "STATUS_CRASHED", worker: nil, version: 5))
        #expect(insisted == [.settled(key("a"))])
        let elsewhere = difference(
            [actor("a", .running, version: 7, worker: "w")], [worker("w")],
            logged: [key("a"): .init(state: "STATUS_RUNNING", worker: "demo/v", version: 5)])
        #expect(elsewhere.steps == [.running(key("a"))])
    }

    @Test("an end is told with the worker that the log has; an older list says nothing")
    func ends() {
        let logged = [key("a"): FleetDifference.Logged(state: "STATUS_RUNNING", worker: "demo/w", version: 3)]
        #expect(difference([actor("a", .suspended)], logged: logged).steps == [.suspended(key("a"), worker: "demo/w")])
        #expect(difference([actor("a", .paused, node: "n")], logged: logged).steps == [.paused(key("a"), worker: "demo/w")])
        #expect(difference([actor("a", .suspended, version: 2)], logged: logged).steps.isEmpty)
        let nowhere = [key("a"): FleetDifference.Logged(state: "STATUS_RUNNING", worker: nil, version: 3)]
        #expect(difference([actor("a", .suspended)], logged: nowhere).steps == [.suspended(key("a"), worker: "demo/unknown")])
        let paused = [key("a"): FleetDifference.Logged(state: "STATUS_PAUSED", worker: nil, version: 3)]
        #expect(difference([actor("a", .suspended)], logged: paused).steps == [.suspended(key("a"), worker: "demo/unknown")])
    }

    @Test("one that ran and was paused unseen is paused in the log too, once")
    func pausedUnseen() {
        let logged = [key("a"): FleetDifference.Logged(state: "STATUS_SUSPENDED", worker: nil, version: 1)]
        #expect(difference([actor("a", .paused, node: "n")], logged: logged).steps == [.paused(key("a"), worker: "demo/unknown")])
        #expect(difference([actor("a", .paused, node: "n")]).steps == [.paused(key("a"), worker: "demo/unknown")])
        let known = [key("a"): FleetDifference.Logged(state: "STATUS_PAUSED", worker: nil, version: 5)]
        #expect(difference([actor("a", .paused, node: "n")], logged: known).steps.isEmpty)
    }

    @Test(
        "of one version both say something else: what the log added, a crash or a request, counts until the lists insist",
        arguments: ["STATUS_CRASHED", "STATUS_RUNNING", "STATUS_IDLE", "STATUS_SUSPENDED"])
    func insisted(_ state: String) {
        let paused = actor("a", .paused, node: "n")
        let logged = FleetDifference.Logged(state: state, worker: nil, version: 5)
        #expect(difference([paused], logged: [key("a"): logged]).steps.isEmpty)
        #expect(difference([paused], before: [paused], logged: [key("a"): logged]).steps.isEmpty)
        #expect(firm(paused, logged: logged) == [.paused(key("a"), worker: "demo/unknown")])
        let suspends = state == "STATUS_RUNNING" || state == "STATUS_IDLE"
        #expect(firm(actor("a", .suspended), logged: logged) == (suspends ? [.suspended(key("a"), worker: "demo/unknown")] : []))
        // Newer in the log than in the list.
        let newer = FleetDifference.Logged(state: state, worker: nil, version: 6)
        #expect(difference([paused], before: [paused], logged: [key("a"): newer]).steps.isEmpty)
    }

    @Test("one that is stuck half way runs in the log no more; where it holds another worker, it holds it in the log too")
    func stuckHalfWay() {
        let logged = FleetDifference.Logged(state: "STATUS_RUNNING", worker: "demo/gone", version: 3)
        for status in [Ateapi_Actor.Status.resuming, .suspending, .pausing, .running] {
            #expect(difference([actor("a", status)], logged: [key("a"): logged]).steps.isEmpty, "\(status)")
            #expect(firm(actor("a", status), logged: logged) == [.crashed(key("a"))], "\(status)")
        }
        #expect(firm(actor("a", .suspending, worker: "w"), logged: logged) == [.running(key("a"))])
        #expect(firm(actor("a", .resuming, worker: "w"), logged: logged) == [.crashed(key("a"))])
        let there = FleetDifference.Logged(state: "STATUS_RUNNING", worker: "demo/w", version: 3)
        #expect(firm(actor("a", .suspending, worker: "w"), logged: there).isEmpty)
    }

    @Test("who waits in the log and has no caller is withdrawn; whom the gateway holds is left alone")
    func withdrawn() {
        let logged = [key("a"): FleetDifference.Logged(state: "STATUS_WAITING", worker: nil, version: 5)]
        #expect(difference([actor("a", .suspended)], logged: logged).steps == [.withdrawn(key("a"))])
        #expect(difference([actor("a", .suspended)], logged: logged, held: [key("a")]).steps.isEmpty)
    }

    @Test("what was listed and is no more is deleted")
    func deleted() {
        let logged = [key("a"): FleetDifference.Logged(state: "STATUS_SUSPENDED", worker: nil, version: 5)]
        #expect(difference([], before: [actor("a", .suspended)], logged: logged).steps == [.deleted(key("a"))])
        #expect(difference([], logged: logged).steps.isEmpty)
        let unlisted = FleetDifference(.init(actors: [], workers: []), before: nil, missing: [key("a")], logged: logged) { _ in false }
        #expect(unlisted.steps == [.deleted(key("a"))])
    }

    @Test("a version below what the log had before is another life of the name: the one before is deleted")
    func reborn() {
        let logged = [key("a"): FleetDifference.Logged(state: "STATUS_RUNNING", worker: "demo/w", version: 9)]
        let fleet = FleetDifference.Fleet(actors: [actor("a", .running, version: 3, worker: "v")], workers: [worker("v")])
        let found = FleetDifference(fleet, before: nil, versionsBefore: [key("a"): 9], logged: logged) { _ in false }
        #expect(found.steps == [.deleted(key("a"))])
        // A list from before the log's last event says nothing.
        #expect(FleetDifference(fleet, before: nil, versionsBefore: [key("a"): 3], logged: logged) { _ in false }.steps.isEmpty)
    }

    @Test("stuck states take two looks")
    func stuck() {
        let cases: [(Ateapi_Actor, StuckState)] = [
            (actor("a", .resuming, worker: "w"), .halfResumed), (actor("a", .suspending, worker: "w"), .halfSuspended),
            (actor("a", .pausing, worker: "w"), .halfSuspended), (actor("a", .running), .runningNowhere),
            (actor("a", .running, worker: "ghost"), .runningOnGone), (actor("a", .paused, node: "gone"), .pausedOnGone),
        ]
        for (actor, state) in cases {
            #expect(difference([actor], [worker("w")]).stuck.isEmpty)
            #expect(difference([actor], [worker("w")], before: [actor]).stuck == [key("a"): state], "\(state)")
            var moved = actor
            moved.version -= 1
            #expect(difference([actor], [worker("w")], before: [moved]).stuck.isEmpty)
        }
    }

    @Test("equal ids of two atespaces on one worker are named")
    func shared() {
        let both = [actor("a", .running, worker: "w"), actor("a", .running, worker: "w", atespace: "u")]
        #expect(difference(both, [worker("w")]).stuck == [key("a"): .sharesWorker, key("a", "u"): .sharesWorker])
    }

    @Test("whoever asks about one actor hears how it is stuck, until it isn't")
    func board() {
        let board = TroubleBoard()
        board.note(halfFailed: key("a"), worker: "demo/w", problem: "unavailable: runsc exploded")
        #expect(board.trouble(of: "t/a")?.state == "half_resumed" && board.trouble(of: "t/a")?.worker == "demo/w")
        board.replace(stuck: [(key("b"), .pausedOnGone, nil)], resuming: [key("a")])
        #expect(board.trouble(of: "t/a")?.problem == "unavailable: runsc exploded" && board.trouble(of: "t/b")?.state == "paused_on_gone")
        board.replace(stuck: [], resuming: [])
        #expect(board.trouble(of: "t/a") == nil && board.trouble(of: "t/b") == nil)
    }
}
