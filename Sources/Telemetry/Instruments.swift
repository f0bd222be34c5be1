import CoreMetrics
import Synchronization

// How is one series counted, from many threads, without a lock?
//
// Each handler holds its numbers in atomics, relaxed: a reader may see one increment before another, never half of one.
// A counter costs one atomic addition, a histogram two and a search through its bounds.

/// What can be read off a series.
enum SeriesValue: Hashable, Sendable {
    case number(Double)
    /// Counts per bucket, the last one above all bounds, and the sum of all that was recorded.
    case histogram(counts: [UInt64], sum: Double)
}

protocol Instrument: AnyObject, Sendable {
    func read() -> SeriesValue
}

/// A sum of doubles as one word: adding is a loop that ends as soon as nobody else changed it in between.
struct AtomicDouble: ~Copyable {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func store(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = original
        }
    }
}

final class CounterInstrument: CounterHandler, Instrument {
    private let count = Atomic<UInt64>(0)

    func increment(by amount: Int64) {
        // A counter only rises; what would lower it is a mistake that must not look like a restart.
        if amount > 0 { count.wrappingAdd(UInt64(amount), ordering: .relaxed) }
    }

    func reset() { count.store(0, ordering: .relaxed) }
    func read() -> SeriesValue { .number(Double(count.load(ordering: .relaxed))) }
}

final class FloatingCounterInstrument: FloatingPointCounterHandler, Instrument {
    private let sum = AtomicDouble()

    func increment(by amount: Double) { if amount > 0, amount.isFinite { sum.add(amount) } }
    func reset() { sum.store(0) }
    func read() -> SeriesValue { .number(sum.value) }
}

/// A value that goes up and down: swift-metrics' meters, and its recorders that don't aggregate.
final class GaugeInstrument: MeterHandler, RecorderHandler, Instrument {
    private let current = AtomicDouble()

    func set(_ value: Int64) { current.store(Double(value)) }
    func set(_ value: Double) { current.store(value) }
    func increment(by amount: Double) { current.add(amount) }
    func decrement(by amount: Double) { current.add(-amount) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
    func read() -> SeriesValue { .number(current.value) }
}

/// Timers, in seconds, and recorders that aggregate.
final class HistogramInstrument: TimerHandler, RecorderHandler, Instrument {
    let bounds: [Double]
    private let sum = AtomicDouble()
    private let counts: AtomicCells

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = AtomicCells(count: bounds.count + 1)
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        counts.increment(bucket(of: value))
        sum.add(value)
    }

    func read() -> SeriesValue { .histogram(counts: counts.values, sum: sum.value) }

    /// The first bucket whose bound is not below `value`.
    private func bucket(of value: Double) -> Int {
        var low = 0
        var high = bounds.count
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// A fixed row of counters.
// Unchecked: the pointer never changes, and what it points to are atomics.
private final class AtomicCells: @unchecked Sendable {
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    private let count: Int

    init(count: Int) {
        self.count = count
        cells = .allocate(capacity: count)
        for index in 0..<count { (cells + index).initialize(to: Atomic(0)) }
    }

    deinit {
        cells.deinitialize(count: count)
        cells.deallocate()
    }

    func increment(_ index: Int) { cells[index].wrappingAdd(1, ordering: .relaxed) }
    var values: [UInt64] { (0..<count).map { cells[$0].load(ordering: .relaxed) } }
}
