import Output
package import Domain

// What did placing cost, at each size?

package struct PlaceFigures: Sendable {
    package var workers: Int
    package var busy: Int
    /// Of each decision, by the clock on the wall.
    var nanoseconds: [Int64] = []
    /// Of all decisions, by the processor's: what others on the machine do doesn't count.
    var processorNanoseconds: Int64 = 0
    /// The picker that goes through all workers, of each decision.
    package var linearNanoseconds: [Int64] = []
    /// Placed, by tier.
    package var tiers = [Int](repeating: 0, count: RestoreTier.allCases.count)
    package var waiting = 0

    package init(workers: Int, busy: Int) {
        self.workers = workers
        self.busy = busy
    }

    var meanMicroseconds: Double { nanoseconds.isEmpty ? 0 : Double(processorNanoseconds) / Double(nanoseconds.count) / 1_000 }
    var linearMeanMicroseconds: Double { Self.mean(linearNanoseconds) }

    package func quantileMicroseconds(_ quantile: Double) -> Double {
        guard !nanoseconds.isEmpty else { return 0 }
        return Double(nanoseconds.sorted()[min(nanoseconds.count - 1, Int(Double(nanoseconds.count) * quantile))]) / 1_000
    }

    private static func mean(_ values: [Int64]) -> Double {
        values.isEmpty ? 0 : Double(values.reduce(0, +)) / Double(values.count) / 1_000
    }
}

package struct PlaceReport: Sendable {
    /// The most a decision may take on average, at every size.
    package static let goalMicroseconds = 3.0

    package var sizes: [PlaceFigures] = []
    package var machine = MachineFacts()

    package init() {}

    package var isGood: Bool { sizes.allSatisfy { $0.meanMicroseconds <= Self.goalMicroseconds } }

    /// One line of figures for each size.
    package var text: String { sizes.map { Self.line($0) }.joined(separator: "\n") + "\n| \(machine.text)" }

    private static func line(_ size: PlaceFigures) -> String {
        let tiers = RestoreTier.allCases.map { "\($0.name) \(Grouped.text(size.tiers[Int($0.rawValue)]))" }.joined(separator: ", ")
        return
            "place, \(Grouped.text(size.workers)) workers, \(Grouped.text(size.busy)) busy: \(rounded(size.meanMicroseconds)) µs of processor a decision "
            + "(wall p50 \(rounded(size.quantileMicroseconds(0.5))), p99 \(rounded(size.quantileMicroseconds(0.99)))), with all updates; "
            + "going through all workers \(rounded(size.linearMeanMicroseconds)) µs; "
            + "\(Grouped.text(size.nanoseconds.count)) decisions: \(tiers), waiting \(Grouped.text(size.waiting))"
    }

    package var json: JSONValue {
        func number(_ value: Double) -> JSONValue { .number(String((value * 1_000).rounded() / 1_000)) }
        func whole(_ value: some BinaryInteger) -> JSONValue { .number(String(value)) }
        let rows = sizes.map { size in
            JSONValue.object([
                .init(key: "workers", value: whole(size.workers)), .init(key: "busy", value: whole(size.busy)),
                .init(key: "decisions", value: whole(size.nanoseconds.count)),
                .init(
                    key: "microseconds",
                    value: .object([
                        .init(key: "mean", value: number(size.meanMicroseconds)),
                        .init(key: "p50", value: number(size.quantileMicroseconds(0.5))),
                        .init(key: "p99", value: number(size.quantileMicroseconds(0.99))),
                    ])),
                .init(key: "linearMicroseconds", value: number(size.linearMeanMicroseconds)),
                .init(
                    key: "tiers",
                    value: .object(RestoreTier.allCases.map { .init(key: $0.name, value: whole(size.tiers[Int($0.rawValue)])) })),
                .init(key: "waiting", value: whole(size.waiting)),
            ])
        }
        return .object([
            .init(key: "bench", value: .string("place")), .init(key: "goalMicroseconds", value: number(Self.goalMicroseconds)),
            .init(key: "sizes", value: .array(rows)),
            .init(
                key: "machine",
                value: .object([
                    .init(key: "processor", value: .string(machine.processor)), .init(key: "cores", value: whole(machine.cores)),
                    .init(key: "memoryBytes", value: whole(machine.memoryBytes)), .init(key: "system", value: .string(machine.system)),
                ])),
        ])
    }

    private static func rounded(_ value: Double) -> String {
        value >= 100 ? String(Int(value.rounded())) : String((value * 100).rounded() / 100)
    }
}
