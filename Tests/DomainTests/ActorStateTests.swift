import Basics
import Domain
import Testing

@Suite struct ActorStateTests {
    /// One event: where it takes an actor from each state, in the order of `columns`. `–` is superseded, `r` where it rested.
    private struct Row: Sendable, CustomTestStringConvertible {
        var kind: EventKind
        /// Does the event name the worker that the actor holds?
        var sameWorker: Bool
        var cells: String

        var testDescription: String { "\(kind.name)\(sameWorker ? "" : " of another worker")" }
    }

    private static let columns: [ActorState] = [.unknown, .suspended, .waiting, .placed, .running, .idle, .paused, .crashed, .deleted]

    /// s suspended, w waiting, P placed, R running, i idle, p paused, c crashed, d deleted.
    private static let letters: [Character: ActorState] = [
        "s": .suspended, "w": .waiting, "P": .placed, "R": .running, "i": .idle, "p": .paused, "c": .crashed, "d": .deleted,
    ]

    private static let table: [Row] = [
        //                                     unknown suspended waiting placed running idle paused crashed deleted
        Row(kind: .actorCreated, sameWorker: true, cells: "s – – – – – – – s"),
        Row(kind: .actorRequested, sameWorker: true, cells: "w w – – – – w w –"),
        Row(kind: .actorWithdrawn, sameWorker: true, cells: "– – r r – – – – –"),
        Row(kind: .actorPlaced, sameWorker: true, cells: "– – P – – – – – –"),
        Row(kind: .actorRunning, sameWorker: true, cells: "R R R R – R R R –"),
        Row(kind: .actorIdle, sameWorker: true, cells: "– – – – i – – – –"),
        Row(kind: .actorPaused, sameWorker: true, cells: "– – – p p p – – –"),
        Row(kind: .actorSuspended, sameWorker: true, cells: "– – – s s s s – –"),
        Row(kind: .actorCrashed, sameWorker: true, cells: "– – – c c c – – –"),
        Row(kind: .actorDeleted, sameWorker: true, cells: "– d d d d d d d –"),
        Row(kind: .actorCreated, sameWorker: false, cells: "s – – – – – – – s"),
        Row(kind: .actorRequested, sameWorker: false, cells: "w w – – – – w w –"),
        Row(kind: .actorWithdrawn, sameWorker: false, cells: "– – r r – – – – –"),
        Row(kind: .actorPlaced, sameWorker: false, cells: "– – P – – – – – –"),
        // Another worker took it over: that one has it now.
        Row(kind: .actorRunning, sameWorker: false, cells: "R R R R R R R R –"),
        Row(kind: .actorIdle, sameWorker: false, cells: "– – – – i – – – –"),
        // What a worker says of an actor that it no longer has comes too late.
        Row(kind: .actorPaused, sameWorker: false, cells: "– – – – – – – – –"),
        Row(kind: .actorSuspended, sameWorker: false, cells: "– – – – – – s – –"),
        Row(kind: .actorCrashed, sameWorker: false, cells: "– – – – – – – – –"),
        Row(kind: .actorDeleted, sameWorker: false, cells: "– d d d d d d d –"),
    ]

    @Test("each event takes an actor where the table says, or changes nothing", arguments: table)
    private func takes(_ row: Row) throws {
        let cells = row.cells.split(separator: " ").compactMap(\.first)
        try #require(cells.count == Self.columns.count)
        for (state, cell) in zip(Self.columns, cells) {
            for resting in [ActorState.suspended, .paused, .crashed] {
                let wanted: ActorTransition =
                    cell == "–" ? .superseded : .moves(to: cell == "r" ? resting : try #require(Self.letters[cell]))
                #expect(state.after(row.kind, resting: resting, sameWorker: row.sameWorker) == wanted, "from \(state), rested \(resting)")
            }
        }
    }

    @Test("the table covers every state and every event about an actor")
    func complete() {
        #expect(Set(Self.columns) == Set(ActorState.allCases))
        for sameWorker in [true, false] {
            #expect(
                Set(Self.table.filter { $0.sameWorker == sameWorker }.map(\.kind))
                    == Set(EventKind.allCases.filter { $0.subject == .actor }))
        }
    }

    @Test("an actor that never rested is suspended when it withdraws", arguments: [ActorState.unknown, .waiting, .running, .deleted])
    func withdrawalWithoutRest(_ resting: ActorState) {
        #expect(ActorState.waiting.after(.actorWithdrawn, resting: resting, sameWorker: true) == .moves(to: .suspended))
    }

    @Test("whatever comes in whatever order, the states keep their rules", arguments: 0..<20)
    func anyOrder(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let kinds = EventKind.allCases.filter { $0.subject == .actor }
        for _ in 0..<50 {
            var state = ActorState.unknown
            var resting = ActorState.suspended
            for _ in 0..<100 {
                let kind = random.pick(kinds)
                guard case .moves(let next) = state.after(kind, resting: resting, sameWorker: random.chance(70)) else { continue }
                #expect(next != .unknown, "nobody becomes unknown again")
                if state == .deleted { #expect(kind == .actorCreated && next == .suspended, "only creation leads out of deleted") }
                if next == .deleted { #expect(kind == .actorDeleted) }
                if next == .waiting { #expect(kind == .actorRequested && (state.isResting || state == .unknown)) }
                if next == .placed { #expect(kind == .actorPlaced && state == .waiting, "only who waits is placed") }
                if next.isResident, !state.isResident {
                    #expect(kind == .actorPlaced || kind == .actorRunning, "a slot is taken by a placement or a start")
                }
                if next == .paused || next == .crashed, !state.isResident {
                    #expect(kind == .actorWithdrawn, "only who holds a slot loses one")
                }
                if next == .waiting { resting = state.isResting ? state : .suspended }
                state = next
            }
        }
    }

    @Test(
        "after a crash of everything an actor can always be brought back to serving",
        arguments: ActorState.allCases.filter { $0 != .deleted })
    func canAlwaysRun(_ state: ActorState) {
        #expect(state == .running || state.after(.actorRunning, resting: .suspended, sameWorker: true) == .moves(to: .running))
    }

    @Test("numbers and names that are written down stay as they are")
    func pinned() {
        #expect(ActorState.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5, 6, 7, 8])
        #expect(
            ActorState.allCases.map(\.statusName) == [
                "STATUS_UNSPECIFIED", "STATUS_SUSPENDED", "STATUS_WAITING", "STATUS_RESUMING", "STATUS_RUNNING", "STATUS_IDLE",
                "STATUS_PAUSED",
                "STATUS_CRASHED", "STATUS_DELETED",
            ])
        #expect(ActorState.allCases.filter(\.isResident) == [.placed, .running, .idle])
        #expect(ActorState.allCases.filter(\.isResting) == [.suspended, .paused, .crashed])
    }
}
