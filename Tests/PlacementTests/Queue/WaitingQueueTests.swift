import Basics
import Domain
import Testing

@testable import Placement

@Suite struct WaitingQueueTests {
    private func ticket(_ seq: Position, priority: Int64 = 0, tenant: UInt32 = 0) -> WaitingTicket {
        WaitingTicket(actor: Int(seq), seq: seq, requestedAt: LogTime(microseconds: seq), priority: priority, tenant: NameID(tenant))
    }

    /// Takes tickets out in turn; each then runs.
    private func order(_ queue: inout OfferedQueue, _ most: Int = .max) -> [Position] {
        var order: [Position] = []
        while order.count < most, let first = queue.first {
            queue.remove(first.seq)
            queue.addRunning(1, of: first.tenant)
            order.append(first.seq)
        }
        return order
    }

    private func expectOrder(_ queue: inout OfferedQueue, _ expected: [Position], sourceLocation: SourceLocation = #_sourceLocation) {
        let found = order(&queue)
        #expect(found == expected, sourceLocation: sourceLocation)
    }

    @Test("without quotas: higher priority first, then age, whoever the tenants are")
    func turns() {
        var queue = OfferedQueue()
        for (seq, priority, tenant) in [(1, 0, 1), (2, 5, 2), (3, 0, 1), (4, 5, 1), (5, -1, 2)] {
            queue.add(ticket(Position(seq), priority: Int64(priority), tenant: UInt32(tenant)))
        }
        #expect(queue.place(of: 4) == 2 && queue.place(of: 5) == 5 && queue.place(of: 9) == nil)
        expectOrder(&queue, [2, 4, 1, 3, 5])
    }

    @Test("with quotas a tenant gets slots by its share, and none beyond its quota; priority goes before fairness")
    func fairShare() {
        var queue = OfferedQueue()
        queue.setQuotas([NameID(1): 4, NameID(2): 2])
        for seq in 1...6 { queue.add(ticket(Position(seq), tenant: 1)) }
        for seq in 7...10 { queue.add(ticket(Position(seq), tenant: 2)) }
        queue.add(ticket(11, priority: 1, tenant: 2))
        // 11 by priority; then 1 has 0 of 4 against 1 of 2: 1, 2 (at 2 of 4 they are equal, the older first: 3), then 2 has 1 of 2 against 3 of 4.
        expectOrder(&queue, [11, 1, 2, 3, 7, 4])
        #expect(queue.count == 5, "the rest waits for its quota")
        #expect(queue.quota(of: NameID(1)) == QuotaStanding(running: 4, maxRunning: 4))
        queue.addRunning(-1, of: NameID(2))
        expectOrder(&queue, [8])
    }

    @Test("a tenant without a quota counts as if it had the largest, and may use more")
    func withoutQuota() {
        var queue = OfferedQueue()
        queue.setQuotas([NameID(1): 2])
        for seq in 1...3 { queue.add(ticket(Position(seq), tenant: 1)) }
        for seq in 4...7 { queue.add(ticket(Position(seq), tenant: 2)) }
        expectOrder(&queue, [1, 4, 2, 5, 6, 7])
        queue.setQuotas([:])
        expectOrder(&queue, [3])
    }

    @Test("a claimed ticket keeps its place but is not offered; one set aside lets others pass until it is taken up")
    func claims() {
        var queue = OfferedQueue()
        for seq in 1...4 { queue.add(ticket(Position(seq))) }
        queue.claim(1)
        queue.setAside(2, for: .node(NameID(3), until: nil))
        #expect(queue.first?.seq == 3 && queue.place(of: 3) == 3 && queue.isClaimed(1) && !queue.isClaimed(2))
        #expect(queue.oldestRequestedAt == LogTime(microseconds: 1), "it waits until the log says otherwise")
        queue.takeUpAll()
        #expect(queue.first?.seq == 2)
        queue.unclaim(1)
        #expect(queue.first?.seq == 1)
    }

    private func obstacle(_ generator: inout SplitMix64) -> TurnOrder.Obstacle {
        guard generator.chance(70) else { return .worker(Eligibility(sandboxClass: NameID(UInt32(generator.below(2))))) }
        return .node(
            NameID(UInt32(generator.below(3))), until: generator.chance(50) ? LogTime(microseconds: Int64(generator.below(100))) : nil)
    }

    /// Takes some up, and answers which.
    private func takeUp(_ queue: inout OfferedQueue, _ generator: inout SplitMix64) -> (TurnOrder.Obstacle) -> Bool {
        switch generator.below(4) {
        case 0:
            queue.takeUpAll()
            return { _ in true }
        case 1:
            queue.takeUp(on: NameID(1))
            return { if case .node(NameID(1), _) = $0 { true } else { false } }
        case 2:
            queue.takeUpDue(LogTime(microseconds: 20))
            return { if case .node(_, let until?) = $0 { until <= LogTime(microseconds: 20) } else { false } }
        default:
            queue.takeUp { $0.sandboxClass == NameID(1) }
            return { if case .worker(let eligibility) = $0 { eligibility.sandboxClass == NameID(1) } else { false } }
        }
    }

    @Test("random tickets, claims and tenants: the first and every position are what sorting says", arguments: 1...6)
    func oracle(seed: Int) {
        var generator = SplitMix64(seed: UInt64(seed))
        var queue = OfferedQueue()
        var waiting: [Position: (ticket: WaitingTicket, standing: Int)] = [:]
        var obstacles: [Position: TurnOrder.Obstacle] = [:]
        var quotas: [NameID: Int] = [:]
        var running: [NameID: Int] = [:]
        for seq in 1...Position(1_000) {
            switch generator.below(10) {
            case 0..<4:
                let new = ticket(seq, priority: Int64(generator.below(3)), tenant: UInt32(generator.below(4)))
                queue.add(new)
                waiting[seq] = (new, 0)
            case 4..<7:
                guard let some = waiting.keys.sorted().dropFirst(generator.below(max(1, waiting.count))).first else { continue }
                switch (generator.below(3), waiting[some]!.standing) {
                case (0, _):
                    let gone = queue.remove(some)
                    #expect(gone == waiting[some]!.ticket)
                    waiting[some] = nil
                case (1, 1): queue.unclaim(some); waiting[some]!.standing = 0
                case (1, _): queue.claim(some); waiting[some]!.standing = 1
                case (_, 0):
                    let obstacle = obstacle(&generator)
                    queue.setAside(some, for: obstacle)
                    obstacles[some] = obstacle
                    waiting[some]!.standing = 2
                default: break
                }
            case 7:
                let isUp = takeUp(&queue, &generator)
                for seq in waiting.keys where waiting[seq]!.standing == 2 && isUp(obstacles[seq]!) { waiting[seq]!.standing = 0 }
            case 8:
                let (tenant, step) = (NameID(UInt32(generator.below(4))), generator.chance(55) ? 1 : -1)
                queue.addRunning(step, of: tenant)
                if !tenant.isNone { running[tenant] = max(0, (running[tenant] ?? 0) + step) }
            default:
                guard generator.chance(10) else { continue }
                quotas = generator.chance(30) ? [:] : [NameID(1): generator.below(5), NameID(2): 1 + generator.below(9)]
                queue.setQuotas(quotas)
            }
            let largest = max(1, quotas.values.max() ?? 1)
            func share(_ ticket: WaitingTicket) -> (Int, Int) {
                quotas.isEmpty ? (0, 1) : (running[ticket.tenant] ?? 0, quotas[ticket.tenant] ?? largest)
            }
            let offered = waiting.values.filter { $0.standing == 0 }.map(\.ticket).filter { ticket in
                quotas[ticket.tenant].map { (running[ticket.tenant] ?? 0) < $0 } ?? true
            }
            // Within a tenant turns are by priority and age, and the tenant stands by its first.
            let first = offered.min { a, b in
                if a.priority != b.priority { return a.priority > b.priority }
                let (x, y) = (share(a), share(b))
                return x.0 * y.1 != y.0 * x.1 ? x.0 * y.1 < y.0 * x.1 : a.seq < b.seq
            }
            #expect(queue.first == first)
            #expect(queue.inTurnCount == waiting.values.count { $0.standing == 0 })
            let inTurn = waiting.values.filter { $0.standing == 0 }.map(\.ticket).sorted()
            let alike = quotas.isEmpty ? inTurn.prefix { $0.priority == inTurn.first?.priority }.prefix(4) : [first].compactMap { $0 }[...]
            #expect(queue.firstInTurn(4) == Array(alike))
            #expect(queue.count == waiting.count)
            let all = waiting.values.map(\.ticket).sorted()
            if let some = all.dropFirst(generator.below(max(1, all.count))).first {
                #expect(queue.place(of: some.seq) == all.firstIndex(of: some)! + 1)
            }
            let aside = waiting.filter { $0.value.standing == 2 }.keys.map { obstacles[$0]! }
            #expect(queue.asideCount(on: NameID(1)) == aside.count { if case .node(NameID(1), _) = $0 { true } else { false } })
            #expect(queue.hasUnmetConditions == aside.contains { if case .worker = $0 { true } else { false } })
            #expect(queue.earliestUntil == aside.compactMap { if case .node(_, let until) = $0 { until } else { nil } }.min())
            #expect(queue.oldestRequestedAt == waiting.values.map(\.ticket.requestedAt).min())
        }
    }

    @Test("what is written and read again gives the same turns")
    func roundTrip() throws {
        var generator = SplitMix64(seed: 9)
        var queue = OfferedQueue()
        queue.setQuotas([NameID(1): 9, NameID(2): 3])
        for seq in 1...60 { queue.add(ticket(Position(seq), priority: Int64(generator.below(3)), tenant: UInt32(generator.below(4)))) }
        for _ in 0..<4 { queue.addRunning(1, of: NameID(UInt32(generator.below(4)))) }
        var writer = ByteWriter()
        queue.queue.encode(into: &writer)
        let read = try writer.bytes.withUnsafeBytes { raw in
            var reader = ByteReader(raw)
            return try WaitingQueue(from: &reader)
        }
        var copy = OfferedQueue(queue: read, turns: TurnOrder(read))
        var again = ByteWriter()
        copy.queue.encode(into: &again)
        #expect(again.bytes == writer.bytes)
        let expected = order(&queue)
        expectOrder(&copy, expected)
    }
}
