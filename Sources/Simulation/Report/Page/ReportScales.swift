import Domain
import Foundation

// Which scales do the runs share?
//
// Small multiples compare only on common scales: one time axis, one axis of workers, one of waits. Ticks are round numbers.

struct ReportScales {
    let time: TimeAxis
    let count: CountAxis
    let wait: WaitAxis
    /// Columns a series is thinned to.
    let columns: Int
    /// Columns that share one decision marker.
    let markers: Int

    /// Of all runs together, so that many runs make no larger page than few: a column has at most four points of a few bytes.
    private static let allColumns = 4_800
    private static let allMarkers = 900

    init(_ report: Report) {
        let runs = max(1, report.runs.count)
        time = TimeAxis(endSeconds: report.runs.map(\.endSeconds).max() ?? 0, startsAt: report.startsAt)
        count = CountAxis(highest: report.runs.map(\.highestCount).max() ?? 0)
        wait = WaitAxis(report.runs.map(\.waits))
        columns = min(960, Self.allColumns / runs)
        markers = min(180, Self.allMarkers / runs)
    }

    var columnSeconds: Double { time.endSeconds / Double(columns) }
    var markerSeconds: Double { time.endSeconds / Double(markers) }
}

extension ReportRun {
    var slots: Int { max(1, slotsPerWorker) }

    /// In workers.
    fileprivate var highestCount: Double {
        let workers = [timeline.desired, timeline.ready, timeline.busy].map(\.highest).max() ?? 0
        return max(Double(workers), Double(timeline.demand.highest) / Double(slots))
    }
}

extension StepSeries {
    var highest: Int { points.map(\.value).max() ?? 0 }
}

/// A place on an axis: 0 at its beginning, 1 at its end.
struct Tick: Hashable {
    var place: Double
    var label: String
}

// MARK: - Time

struct TimeAxis {
    let endSeconds: Double
    let startsAt: LogTime?

    /// Ticks, at most.
    private static let mostTicks = 12
    private static let steps: [Int64] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    ]

    init(endSeconds: Double, startsAt: LogTime?) {
        self.endSeconds = endSeconds.isFinite && endSeconds > 0 ? min(endSeconds, 1e10) : 1
        self.startsAt = startsAt
    }

    func place(_ seconds: Double) -> Double { min(max(seconds / endSeconds, 0), 1) }

    var ticks: [Tick] {
        var step = Self.steps.first { endSeconds / Double($0) <= Double(Self.mostTicks) } ?? 604_800
        while endSeconds / Double(step) > Double(Self.mostTicks) { step *= 2 }
        let offset = startOfDaySeconds
        // Round times of the clock, where there is one.
        let first = (offset + step - 1) / step * step - offset
        return stride(from: first, through: Int64(endSeconds), by: Int64.Stride(step)).map {
            Tick(place: place(Double($0)), label: label(seconds: $0))
        }
    }

    /// What the labels mean.
    var title: String {
        if let startsAt { return "UTC, from \(startsAt.rfc3339.prefix(10))" }
        return endSeconds < 3_600 ? "time, min:s" : "time, h:min"
    }

    private var startOfDaySeconds: Int64 {
        guard let startsAt else { return 0 }
        let seconds = startsAt.microseconds / 1_000_000 % 86_400
        return seconds < 0 ? seconds + 86_400 : seconds
    }

    private func label(seconds: Int64) -> String {
        if startsAt == nil, endSeconds < 3_600 { return "\(seconds / 60):\(ElapsedTime.two(seconds % 60))" }
        let ofDay = startsAt == nil ? seconds : (startOfDaySeconds + seconds) % 86_400
        let minutes = "\(startsAt == nil ? String(ofDay / 3_600) : ElapsedTime.two(ofDay / 3_600)):\(ElapsedTime.two(ofDay / 60 % 60))"
        return startsAt != nil && endSeconds < 600 ? "\(minutes):\(ElapsedTime.two(ofDay % 60))" : minutes
    }

    /// A moment in words, as the script writes it too.
    func text(_ seconds: Double) -> String {
        guard startsAt != nil else { return ElapsedTime.text(seconds: seconds) }
        let ofDay = (startOfDaySeconds + Int64(max(0, min(seconds, 1e10)))) % 86_400
        return "\(ElapsedTime.two(ofDay / 3_600)):\(ElapsedTime.two(ofDay / 60 % 60)):\(ElapsedTime.two(ofDay % 60))"
    }
}

// MARK: - Workers

struct CountAxis {
    /// The top of the axis: the highest count, and a little air.
    let top: Int
    let ticks: [Tick]

    private static let mostTicks = 4

    init(highest: Double) {
        let highest = highest.isFinite ? min(max(highest, 1), 1e9) : 1
        var step = 1
        var factors = [2, 5, 10]
        var scale = 1
        while highest / Double(step) > Double(Self.mostTicks) {
            let factor = factors.removeFirst()
            factors.append(factor)
            step = scale * factor
            if factor == 10 { scale *= 10 }
        }
        let top = max(1, Int((highest * 1.04).rounded(.up)))
        self.top = top
        ticks = stride(from: 0, through: top, by: step).map { Tick(place: Double($0) / Double(top), label: Figure.count($0)) }
    }
}

// MARK: - Waits

/// Waits to the right, the share of turns upwards, by its logarithm: a quantile's tail is as wide as its middle.
struct WaitAxis {
    let longestSeconds: Double
    /// By its logarithm too, where a run's longest wait is many times another's.
    let isLogarithmic: Bool
    /// Powers of ten below one down to which shares are shown.
    let decades: Int

    /// Where a logarithmic axis begins.
    private static let shortestSeconds = 0.1
    private static let widestRatio = 15.0
    /// Room to the right of the longest wait, for its label.
    private static let air = 1.34
    private static let shareLabels = ["100 %", "10 %", "1 %", "0.1 %", "0.01 %", "0.001 %", "0.0001 %"]

    init(_ waits: [WaitDistribution]) {
        let longest = waits.compactMap { $0.points.first?.seconds }.filter { $0 > 0 }
        longestSeconds = min(max(longest.max() ?? 1, 1e-3), 1e10)
        isLogarithmic =
            longestSeconds > Self.shortestSeconds * 10 && longestSeconds / max(longest.min() ?? 1, Self.shortestSeconds) > Self.widestRatio
        let turns = waits.map(\.turns).max() ?? 0
        var decades = 1
        var covered = 10
        while covered < turns, decades < Self.shareLabels.count - 1 {
            covered *= 10
            decades += 1
        }
        self.decades = decades
    }

    private var endSeconds: Double {
        isLogarithmic ? longestSeconds * pow(longestSeconds / Self.shortestSeconds, Self.air - 1) : longestSeconds * Self.air
    }

    func place(_ seconds: Double) -> Double {
        let place =
            isLogarithmic
            ? log10(max(seconds, 1e-9) / Self.shortestSeconds) / log10(endSeconds / Self.shortestSeconds) : seconds / endSeconds
        return min(max(place, 0), 1)
    }

    /// Upwards: 1 is all of the turns.
    func place(share: Double) -> Double { min(max(1 + log10(max(share, 1e-12)) / Double(decades), 0), 1) }

    var shareTicks: [Tick] {
        (0...decades).map { Tick(place: 1 - Double($0) / Double(decades), label: Self.shareLabels[$0]) }
    }

    var ticks: [Tick] {
        var values: [Double] = []
        if isLogarithmic {
            var value = Self.shortestSeconds
            while value <= endSeconds {
                values.append(value)
                value *= 10
            }
        } else {
            values = Array(stride(from: 0, through: endSeconds, by: Self.roundStep(endSeconds / 5)))
        }
        return values.map { Tick(place: place($0), label: Figure.short($0, places: 3)) }
    }

    /// The next of 1, 2, 5, 10, … times a power of ten.
    private static func roundStep(_ least: Double) -> Double {
        var power = 1e-4
        while power * 10 < least { power *= 10 }
        return [1, 2, 5, 10].map { $0 * power }.first { $0 >= least } ?? least
    }
}
