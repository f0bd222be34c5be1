import CoreMetrics
import Logging
import Subprocess
import Synchronization
import Testing

@testable import Telemetry

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

private func backend(seriesLimit: Int = 1_000, process: ProcessMetrics? = nil, logger: Logger = quiet) -> PrometheusMetrics {
    PrometheusMetrics(seriesLimit: seriesLimit, process: process, logger: logger)
}

private func text(_ metrics: PrometheusMetrics, _ format: ExpositionFormat = .text) -> String {
    String(decoding: metrics.exposition(format), as: UTF8.self)
}

/// One of each, as the service records them.
private func filled(process: ProcessMetrics? = nil) -> PrometheusMetrics {
    let metrics = backend(process: process)
    Counter(label: "greenroom_events_appended_total", dimensions: [("kind", "actor.requested")], factory: metrics).increment(by: 3)
    Counter(label: "greenroom_events_appended_total", dimensions: [("kind", "actor.created")], factory: metrics).increment()
    FloatingPointCounter(label: "greenroom_busy_seconds", factory: metrics).increment(by: 1.5)
    Gauge(label: "greenroom_loop_lag_seconds", factory: metrics).record(0.25)
    Meter(label: "greenroom_log_bytes", factory: metrics).set(4_096)
    Timer(label: "greenroom_append_seconds", factory: metrics).recordMicroseconds(300)
    Recorder(label: "greenroom_commit_events", factory: metrics).record(7)
    Timer(label: "greenroom_wait_seconds", dimensions: [("pool", "ns/p"), ("tier", "cold")], factory: metrics).recordSeconds(90)
    return metrics
}

@Suite struct PrometheusMetricsTests {
    @Test func `what is counted is exposed under name, type and help`() throws {
        let metrics = backend()
        Counter(label: "greenroom_events_appended_total", dimensions: [("kind", "actor.requested")], factory: metrics).increment(by: 3)
        Gauge(label: "greenroom_loop_lag_seconds", factory: metrics).record(0.25)
        #expect(
            text(metrics) == """
                # HELP greenroom_events_appended_total Events appended to the log, by kind.
                # TYPE greenroom_events_appended_total counter
                greenroom_events_appended_total{kind="actor.requested"} 3
                # HELP greenroom_loop_lag_seconds Age of the oldest commit that the loop has not read.
                # TYPE greenroom_loop_lag_seconds gauge
                greenroom_loop_lag_seconds 0.25
                # HELP greenroom_telemetry_dropped_series_total Series that were not recorded, because there are too many, or the name has another type.
                # TYPE greenroom_telemetry_dropped_series_total counter
                greenroom_telemetry_dropped_series_total 0

                """)
    }

    @Test func `OpenMetrics names families without total, gives units and an end`() throws {
        let metrics = backend()
        Counter(label: "greenroom_events_duplicate_total", factory: metrics).increment()
        Meter(label: "greenroom_log_bytes", factory: metrics).set(9)
        #expect(
            text(metrics, .openMetrics) == """
                # TYPE greenroom_events_duplicate counter
                # HELP greenroom_events_duplicate Events that were appended before; the response has their first position.
                greenroom_events_duplicate_total 1
                # TYPE greenroom_log_bytes gauge
                # UNIT greenroom_log_bytes bytes
                # HELP greenroom_log_bytes Size of the log's files.
                greenroom_log_bytes 9
                # TYPE greenroom_telemetry_dropped_series counter
                # HELP greenroom_telemetry_dropped_series Series that were not recorded, because there are too many, or the name has another type.
                greenroom_telemetry_dropped_series_total 0
                # EOF

                """)
    }

    @Test(arguments: [ExpositionFormat.text, .openMetrics])
    func `a strict reader accepts all of it`(format: ExpositionFormat) throws {
        let read = try StrictExposition(filled(process: ProcessMetrics()).exposition(format), openMetrics: format == .openMetrics)
        #expect(read.value("greenroom_events_appended_total", ["kind": "actor.requested"]) == 3)
        #expect(read.value("greenroom_busy_seconds_total") == 1.5)
        #expect(read.value("greenroom_append_seconds_count") == 1)
        #expect(read.value("greenroom_commit_events_sum") == 7)
        #expect(read.value("greenroom_commit_events_bucket", ["le": format == .text ? "10" : "10.0"]) == 1)
        #expect(read.value("greenroom_wait_seconds_bucket", ["pool": "ns/p", "tier": "cold", "le": format == .text ? "60" : "60.0"]) == 0)
        #expect(
            read.value("greenroom_wait_seconds_bucket", ["pool": "ns/p", "tier": "cold", "le": format == .text ? "120" : "120.0"]) == 1)
    }

    @Test func `a histogram with labels is left out until it has a value, and one without labels isn't`() throws {
        let metrics = backend()
        let timer = Timer(label: "greenroom_http_request_seconds", dimensions: [("route", "GET /a")], factory: metrics)
        _ = Timer(label: "greenroom_http_request_seconds", dimensions: [("route", "GET /b")], factory: metrics)
        _ = Timer(label: "greenroom_decision_seconds", factory: metrics)
        var text = String(decoding: metrics.exposition(.text), as: UTF8.self)
        #expect(!text.contains("greenroom_http_request_seconds"))
        #expect(text.contains("greenroom_decision_seconds_count 0"))
        timer.recordSeconds(1)
        text = String(decoding: metrics.exposition(.text), as: UTF8.self)
        #expect(text.contains(#"greenroom_http_request_seconds_count{route="GET /a"} 1"#) && !text.contains("GET /b"))
    }

    @Test func `readings are what a scrape says`() throws {
        let metrics = filled(process: nil)
        let read = try StrictExposition(metrics.exposition(.text), openMetrics: false)
        let readings = metrics.readings()
        #expect(readings.map(\.name) == readings.map(\.name).sorted() && readings.count > 3)
        for reading in readings {
            for point in reading.points {
                let labels = Dictionary(uniqueKeysWithValues: point.labels.map { ($0.name, $0.value) })
                switch point.value {
                case .counter(let value), .gauge(let value): #expect(read.value(reading.name, labels) == value)
                case .histogram(let bounds, let counts, let sum):
                    #expect(read.value("\(reading.name)_sum", labels) == sum && counts.count == bounds.count + 1)
                    #expect(read.value("\(reading.name)_count", labels) == Double(counts.reduce(0, +)))
                }
            }
        }
    }

    @Test(arguments: [
        #"plain"#, #"back\slash"#, #"quo"te"#, "line\nend", #"\n"#, "", "naïve ☂︎ 東京", "comma, brace} and = sign", "\u{301}combining",
        "tab\there",
    ])
    func `a label's value comes back as it was, whatever it is`(value: String) throws {
        for format in [ExpositionFormat.text, .openMetrics] {
            let metrics = backend()
            Counter(label: "x_total", dimensions: [("label", value)], factory: metrics).increment()
            let read = try StrictExposition(metrics.exposition(format), openMetrics: format == .openMetrics)
            #expect(read.value("x_total", ["label": value]) == 1)
        }
    }

    @Test(arguments: [
        ("nio.channel-count", "host.name", "nio_channel_count", "host_name"),
        ("9lives", "1st", "_9lives", "_1st"),
        ("größe", "le", "gr____e", "exported_le"),
        ("", "", "_", "_"),
        ("a:b", "a:b", "a:b", "a_b"),
        ("x", "__name__", "x", "exported___name__"),
    ])
    func `names that Prometheus would refuse are made fit`(label: String, dimension: String, name: String, labelName: String) throws {
        let metrics = backend()
        Meter(label: label, dimensions: [(dimension, "v")], factory: metrics).set(1)
        let read = try StrictExposition(metrics.exposition(.text), openMetrics: false)
        #expect(read.value(name, [labelName: "v"]) == 1)
    }

    @Test func `dimensions that become one name are kept apart`() throws {
        let metrics = backend()
        Meter(label: "x", dimensions: [("a-b", "1"), ("a.b", "2")], factory: metrics).set(1)
        let read = try StrictExposition(metrics.exposition(.text), openMetrics: false)
        #expect(read.value("x", ["a_b": "1", "a_b_": "2"]) == 1)
    }

    @Test func `the order of making and of dimensions makes no difference`() {
        let forward = backend()
        let backward = backend()
        let pools = (0..<20).map { "ns/p\($0)" }
        for pool in pools { Counter(label: "x_total", dimensions: [("pool", pool), ("tier", "cold")], factory: forward).increment() }
        for pool in pools.reversed() {
            Counter(label: "x_total", dimensions: [("tier", "cold"), ("pool", pool)], factory: backward).increment()
        }
        #expect(text(forward) == text(backward))
    }

    @Test func `the same name and dimensions are the same series`() throws {
        let metrics = backend()
        for _ in 0..<3 { Counter(label: "x", dimensions: [("a", "b")], factory: metrics).increment() }
        #expect(try StrictExposition(metrics.exposition(.text), openMetrics: false).value("x_total", ["a": "b"]) == 3)
    }

    @Test func `series beyond the limit are dropped, counted, and warned of once`() throws {
        let warnings = Mutex(0)
        let logger = Logger(label: "test") { _ in CountingHandler { warnings.withLock { $0 += 1 } } }
        let metrics = backend(seriesLimit: 2, logger: logger)
        for index in 0..<5 { Counter(label: "x_total", dimensions: [("n", "\(index)")], factory: metrics).increment() }
        let read = try StrictExposition(metrics.exposition(.text), openMetrics: false)
        #expect(read["x_total"]?.samples.count == 2)
        #expect(read.value("greenroom_telemetry_dropped_series_total") == 3)
        #expect(warnings.withLock { $0 } == 1)
        // What is there goes on counting.
        Counter(label: "x_total", dimensions: [("n", "0")], factory: metrics).increment()
        #expect(try StrictExposition(metrics.exposition(.text), openMetrics: false).value("x_total", ["n": "0"]) == 2)
    }

    @Test func `a destroyed series is gone and makes room`() throws {
        let metrics = backend(seriesLimit: 1)
        let first = Counter(label: "x_total", dimensions: [("n", "1")], factory: metrics)
        first.increment()
        first.destroy()
        Counter(label: "x_total", dimensions: [("n", "2")], factory: metrics).increment()
        let read = try StrictExposition(metrics.exposition(.text), openMetrics: false)
        #expect(read["x_total"]?.samples.map(\.labels) == [["n": "2"]])
    }

    @Test func `a name taken by another type is refused, not mixed`() throws {
        let metrics = backend()
        Meter(label: "x", factory: metrics).set(1)
        Timer(label: "x", factory: metrics).recordSeconds(1)
        FloatingPointCounter(label: "y", factory: metrics).increment(by: 1)
        Counter(label: "y", factory: metrics).increment()
        let read = try StrictExposition(metrics.exposition(.text), openMetrics: false)
        #expect(read.value("x") == 1)
        #expect(read.value("y_total") == 1)
        #expect(read.value("greenroom_telemetry_dropped_series_total") == 2)
    }

    @Test(arguments: [
        (0.00005, "0.0001"), (0.0001, "0.0001"), (0.00011, "0.00025"), (59, "60"), (60, "60"), (61, "+Inf"), (-1, "0.0001"),
        (.infinity, "+Inf"),
    ])
    func `a value falls into the first bucket that isn't below it`(seconds: Double, bound: String) throws {
        let metrics = backend()
        Recorder(label: "greenroom_append_seconds", factory: metrics).record(seconds)
        let read = try StrictExposition(metrics.exposition(.text), openMetrics: false)
        let first = read["greenroom_append_seconds"]?.samples.first { $0.value == 1 }
        #expect(first?.labels == ["le": bound])
    }

    @Test func `counters only rise, and special values are written as Prometheus reads them`() throws {
        let metrics = backend()
        let counter = Counter(label: "c_total", factory: metrics)
        counter.increment(by: 5)
        counter.increment(by: -3)
        for (name, value) in [("nan", Double.nan), ("inf", .infinity), ("minus", -.infinity), ("big", 1e300), ("small", 1e-7)] {
            Meter(label: name, factory: metrics).set(value)
        }
        let read = try StrictExposition(metrics.exposition(.text), openMetrics: false)
        #expect(read.value("c_total") == 5)
        #expect(read.value("nan")?.isNaN == true)
        #expect(read.value("inf") == .infinity)
        #expect(read.value("minus") == -.infinity)
        #expect(read.value("big") == 1e300)
        #expect(read.value("small") == 1e-7)
    }

    @Test func `nothing is lost between threads`() async throws {
        let metrics = backend()
        let counter = Counter(label: "c_total", factory: metrics)
        let meter = Meter(label: "m", factory: metrics)
        let timer = Timer(label: "t_seconds", factory: metrics)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<5_000 {
                        counter.increment()
                        meter.increment(by: 1)
                        timer.recordSeconds(1)
                    }
                }
            }
            group.addTask { for _ in 0..<20 { _ = metrics.exposition(.text) } }
        }
        let read = try StrictExposition(metrics.exposition(.text), openMetrics: false)
        #expect(["c_total", "m", "t_seconds_count", "t_seconds_sum"].map { read.value($0) } == [40_000, 40_000, 40_000, 40_000])
    }

    @Test func `every described metric can be exposed and reads well`() throws {
        for description in MetricDescription.greenroom {
            #expect(description.help.hasSuffix("."), "\(description.name)")
            if let unit = description.unit { #expect(description.name.hasSuffix("_\(unit.rawValue)"), "\(description.name)") }
            if let buckets = description.buckets {
                #expect(buckets == Set(buckets).sorted() && (10...20).contains(buckets.count), "\(description.name)")
            }
        }
        #expect(Set(MetricDescription.greenroom.map(\.name)).count == MetricDescription.greenroom.count)
    }

    @Test(
        arguments: [
            (nil, .text), ("", .text), ("*/*", .text), ("text/plain", .text),
            ("application/openmetrics-text", .openMetrics),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                .openMetrics
            ),
            ("application/openmetrics-text; version=1.0.0; q=0.2, text/plain; q=0.9", .text),
            ("application/openmetrics-text; version=0.0.1", .text),
            ("application/openmetrics-text;q=0", .text),
            ("Application/OpenMetrics-Text", .openMetrics),
        ] as [(String?, ExpositionFormat)])
    func `the format is what the request asks for`(accept: String?, format: ExpositionFormat) {
        #expect(ExpositionFormat(accept: accept) == format)
        #expect(backend().render(accept: accept).contentType == format.contentType)
    }

    @Test func `promtool finds nothing to say`() async throws {
        let input = filled(process: ProcessMetrics()).exposition(.text)
        do {
            let result = try await Subprocess.run(
                .name("promtool"), arguments: ["check", "metrics"], input: .array(input), output: .string(limit: 65_536),
                error: .string(limit: 65_536))
            #expect(result.terminationStatus.isSuccess, "\(result.standardOutput)\(result.standardError)")
        } catch let error as SubprocessError where error.code == .executableNotFound {
            print("SKIPPED: promtool is not installed (Debian's package prometheus has it), so its check of the exposition didn't run")
        }
    }
}

@Suite struct ProcessMetricsTests {
    @Test func `this process says what it costs`() throws {
        let read = try StrictExposition(backend(process: ProcessMetrics()).exposition(.openMetrics), openMetrics: true)
        func value(_ name: String) -> Double { read.value(name) ?? -1 }
        #expect(value("process_cpu_seconds_total") >= 0)
        #expect(value("process_resident_memory_bytes") > 1_000_000)
        #expect(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"))
        #expect(value("process_open_fds") >= 1)
        #expect(value("process_max_fds") >= value("process_open_fds"))
        #expect(value("process_threads") >= 1)
        #expect(value("process_start_time_seconds") > 1_600_000_000)
    }

    @Test func `a name with spaces and parentheses doesn't shift the fields`() throws {
        let fields = try #require(
            ProcessMetrics.statFields(Array("7 (a ) b (c) S 1 2 3 4 5 6 7 8 9 10 111 112 13 14 15 16 17 18 219 220 221\n".utf8)))
        #expect([fields[11], fields[12], fields[17], fields[19], fields[20], fields[21]] == [111, 112, 17, 219, 220, 221])
        #expect(ProcessMetrics.statFields(Array("7 (a) S 1 2".utf8)) == nil)
    }
}

private struct CountingHandler: LogHandler {
    var note: @Sendable () -> Void
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    init(note: @escaping @Sendable () -> Void) { self.note = note }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
    func log(event: LogEvent) { note() }
}
