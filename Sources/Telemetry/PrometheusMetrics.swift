package import CoreMetrics
package import Logging
import Synchronization

// Where do the metrics of this process end up?
//
// A swift-metrics backend that keeps every series in memory and writes them for Prometheus when asked. The lock guards the
// table of series and is taken when one is made, destroyed or written, never when one is counted. The number of series has
// a limit: a label that takes ever new values costs a warning, not the memory.

package final class PrometheusMetrics: MetricsFactory, Sendable {
    /// Series of all metrics together.
    package static let defaultSeriesLimit = 10_000

    struct Family {
        var name: String
        var kind: MetricKind
        var help: String
        var unit: MetricDescription.Unit?
        var bounds: [Double] = []
        var series: [MetricLabels: any Instrument] = [:]
    }

    private struct Table {
        var families: [String: Family] = [:]
        var owners: [ObjectIdentifier: (family: String, labels: MetricLabels)] = [:]
        var hasWarned = false
    }

    private let descriptions: [String: MetricDescription]
    private let seriesLimit: Int
    private let process: ProcessMetrics?
    private let logger: Logger
    private let dropped = CounterInstrument()
    private let table = Mutex(Table())

    /// - Parameter process: reads this process's own metrics; nil leaves them out.
    package init(
        descriptions: [MetricDescription] = MetricDescription.greenroom, seriesLimit: Int = PrometheusMetrics.defaultSeriesLimit,
        process: ProcessMetrics? = ProcessMetrics(), logger: Logger = Logger(label: "greenroom.telemetry")
    ) {
        self.descriptions = Dictionary(descriptions.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.seriesLimit = seriesLimit
        self.process = process
        self.logger = logger
    }

    /// The answer to a scrape, in the format that the request's Accept asks for.
    package func render(accept: String?) -> (contentType: String, body: [UInt8]) {
        let format = ExpositionFormat(accept: accept)
        return (format.contentType, exposition(format))
    }

    package func exposition(_ format: ExpositionFormat) -> [UInt8] {
        var writer = ExpositionWriter(format: format)
        for family in allFamilies() { writer.append(family) }
        return writer.finish()
    }

    /// In order of name, those that have a series.
    func allFamilies() -> [Family] {
        var families = table.withLock { Array($0.families.values) }
        families.append(droppedFamily)
        families += process?.families() ?? []
        for index in families.indices where families[index].kind == .histogram {
            families[index].series = families[index].series.filter { $0.key.labels.isEmpty || !Self.isEmpty($0.value) }
        }
        return families.filter { !$0.series.isEmpty }.sorted { $0.name < $1.name }
    }

    /// A histogram with labels costs 20 lines: one that never got a value, such as of a route that nobody asked, says nothing.
    private static func isEmpty(_ instrument: any Instrument) -> Bool {
        if case .histogram(let counts, _) = instrument.read() { counts.allSatisfy { $0 == 0 } } else { false }
    }

    private var droppedFamily: Family {
        let name = MetricDescription.droppedSeriesName
        return Family(name: name, kind: .counter, help: descriptions[name]?.help ?? name, series: [MetricLabels([]): dropped])
    }

    // MARK: - MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(MetricNaming.counterName(label), .counter, label, dimensions) { _ in CounterInstrument() } ?? CounterInstrument()
    }

    package func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
        series(MetricNaming.counterName(label), .counter, label, dimensions) { _ in FloatingCounterInstrument() }
            ?? FloatingCounterInstrument()
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler { gauge(label, dimensions) }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) }
        return histogram(label, dimensions, defaultBounds: Buckets.counts)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions, defaultBounds: Buckets.latencySeconds)
    }

    package func destroyCounter(_ handler: any CounterHandler) { destroy(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { destroy(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { destroy(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { destroy(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { destroy(handler) }

    // MARK: - The table

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeInstrument {
        series(MetricNaming.metricName(label), .gauge, label, dimensions) { _ in GaugeInstrument() } ?? GaugeInstrument()
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)], defaultBounds: [Double]) -> HistogramInstrument {
        let name = MetricNaming.metricName(label)
        let bounds = descriptions[name]?.buckets ?? defaultBounds
        return series(name, .histogram, label, dimensions, bounds) { HistogramInstrument(bounds: $0) }
            ?? HistogramInstrument(bounds: bounds)
    }

    /// The series of that name and these labels, made if it isn't there; nil where it can't be had. What is counted on a
    /// stand-in is lost, and the drop itself is counted.
    private func series<Made: Instrument>(
        _ name: String, _ kind: MetricKind, _ label: String, _ dimensions: [(String, String)], _ bounds: [Double] = [],
        make: ([Double]) -> Made
    ) -> Made? {
        let labels = MetricLabels(dimensions)
        let (made, warning) = table.withLock { table -> (Made?, String?) in
            var family = table.families[name] ?? newFamily(name, kind, label, bounds)
            if let known = family.series[labels] as? Made { return (known, nil) }
            if let problem = problem(with: family, kind, labels, table.owners.count) {
                defer { table.hasWarned = true }
                return (nil, table.hasWarned ? nil : problem)
            }
            let instrument = make(family.bounds)
            family.series[labels] = instrument
            table.families[name] = family
            table.owners[ObjectIdentifier(instrument)] = (name, labels)
            return (instrument, nil)
        }
        if made == nil { dropped.increment(by: 1) }
        if let warning { logger.warning("\(warning); further ones aren't logged", metadata: ["metric": "\(name)"]) }
        return made
    }

    private func newFamily(_ name: String, _ kind: MetricKind, _ label: String, _ bounds: [Double]) -> Family {
        let description = descriptions[name]
        return Family(name: name, kind: kind, help: description?.help ?? label, unit: description?.unit, bounds: bounds)
    }

    private func problem(with family: Family, _ kind: MetricKind, _ labels: MetricLabels, _ count: Int) -> String? {
        if family.kind != kind || family.series[labels] != nil {
            return "a metric is already there as another type; what is recorded as \(kind.rawValue) is lost"
        }
        if count >= seriesLimit { return "there are \(seriesLimit) series, which is the limit; new ones are dropped" }
        return nil
    }

    private func destroy(_ handler: AnyObject) {
        table.withLock { table in
            guard let owner = table.owners.removeValue(forKey: ObjectIdentifier(handler)) else { return }
            table.families[owner.family]?.series[owner.labels] = nil
            if table.families[owner.family]?.series.isEmpty == true { table.families[owner.family] = nil }
        }
    }
}
