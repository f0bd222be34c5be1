import Basics
import Testing

@testable import SubstrateGateway

@Suite("Parked resumes take turns")
struct ParkedOrderTests {
    private func parked(_ count: Int, in name: String = "c") -> ParkedOrder<Int> {
        var order = ParkedOrder<Int>()
        for number in 0..<count { order.park(number, in: name, arrival: UInt64(number)) }
        return order
    }

    private func all(_ order: inout ParkedOrder<Int>) -> [Int] {
        var keys: [Int] = []
        while let key = order.next() { keys.append(key) }
        return keys
    }

    @Test("nobody is tried before there is news")
    func quiet() {
        var order = parked(3)
        #expect(all(&order) == [])
    }

    @Test("the log's order is the order, and tries double as long as none is refused")
    func window() {
        var order = parked(8)
        for key in [5, 3, 1, 7, 0, 2, 4, 6] { order.place(key) }
        #expect(all(&order) == [5])
        order.prove(5)
        #expect(all(&order) == [3, 1])
        order.prove(3)
        order.prove(1)
        #expect(all(&order) == [7, 0, 2, 4, 6])
    }

    @Test("a refusal closes the class until there is news, and the refused one keeps its place")
    func refusal() {
        var order = parked(4)
        for key in 0..<4 { order.place(key) }
        #expect(all(&order) == [0])
        order.refuse(0, in: "c")
        #expect(all(&order) == [])
        order.openAll(probing: false)
        #expect(all(&order) == [0])
    }

    @Test("news that came during a try isn't lost with its refusal")
    func newsMeanwhile() {
        var order = parked(2)
        order.place(0)
        #expect(all(&order) == [0])
        order.place(1)
        order.refuse(0, in: "c")
        #expect(all(&order) == [0])
    }

    @Test("whom the log has not placed is probed alone, after all that were")
    func probes() {
        var order = parked(3)
        order.place(2)
        order.openAll(probing: true)
        #expect(all(&order) == [2])
        order.prove(2)
        #expect(all(&order) == [0])
        order.prove(0)
        #expect(all(&order) == [])
    }

    @Test("however many classes there are, few probe at a time, and each comes in its turn")
    func manyClasses() {
        var order = ParkedOrder<Int>()
        for number in 0..<100 { order.park(number, in: "node-\(number)", arrival: UInt64(number)) }
        var probed: [Int] = []
        for _ in 0..<7 {
            order.openAll(probing: true)
            let keys = all(&order)
            #expect(keys.count <= ParkedOrder<Int>.probesMost)
            for key in keys { order.refuse(key, in: "node-\(key)") }
            probed += keys
        }
        #expect(Set(probed).count == 100)
    }

    @Test("classes don't wait for each other")
    func classes() {
        var order = parked(1, in: "a")
        order.park(9, in: "b", arrival: 9)
        order.place(0)
        order.place(9)
        #expect(Set(all(&order)) == [0, 9])
        order.refuse(0, in: "a")
        order.remove(9)
        #expect(order.classCount == 1 && order.count == 1)
    }

    @Test("random steps: each key in one place, never more unproved tries than the window", arguments: 0..<50)
    func random(_ seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        var order = ParkedOrder<Int>()
        var tried: Set<Int> = []
        var parked: Set<Int> = []
        for step in 0..<400 {
            let key = Int(random.next() % 20)
            switch random.next() % 7 {
            case 0 where !parked.contains(key):
                order.park(key, in: "c\(key % 3)", arrival: UInt64(step))
                parked.insert(key)
            case 1: if step % 5 == 0 { order.unplace(key) } else { order.place(key) }
            case 2:
                if let next = order.next() {
                    #expect(parked.contains(next) && !tried.contains(next))
                    tried.insert(next)
                }
            case 3 where tried.contains(key): order.prove(key)
            case 4 where tried.contains(key):
                order.refuse(key, in: "c\((key + step) % 3)")
                tried.remove(key)
            case 5 where parked.contains(key):
                order.remove(key)
                parked.remove(key)
                tried.remove(key)
            case 6: order.openAll(probing: true)
            default: break
            }
            #expect(order.count == parked.count)
        }
        // Whoever is left gets a turn in the end.
        for key in tried { order.remove(key) }
        parked.subtract(tried)
        for key in parked { order.place(key) }
        for _ in 0..<1_000 {
            order.openAll(probing: true)
            guard let key = order.next() else { continue }
            order.prove(key)
            order.remove(key)
            parked.remove(key)
        }
        #expect(parked.isEmpty && order.count == 0 && order.classCount == 0)
    }
}
