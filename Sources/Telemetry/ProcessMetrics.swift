import Glibc
import Machine

// What does this process cost?
//
// Read from /proc at each scrape, under the names that Prometheus' client libraries use for every process. What can't be
// read is left out rather than reported as zero.

package struct ProcessMetrics: Sendable {
    private let ticksPerSecond: Double
    private let pageBytes: Double

    package init() {
        ticksPerSecond = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
        pageBytes = Double(max(sysconf(Int32(_SC_PAGESIZE)), 1))
    }

    func families() -> [PrometheusMetrics.Family] {
        var found: [PrometheusMetrics.Family] = []
        func add(_ name: String, _ kind: MetricKind, _ help: String, _ unit: MetricDescription.Unit?, _ value: Double?) {
            guard let value else { return }
            found.append(.init(name: name, kind: kind, help: help, unit: unit, series: [MetricLabels([]): Reading(value)]))
        }
        let stat = Self.statFields(Self.readFile("/proc/self/stat"))
        add(
            "process_cpu_seconds_total", .counter, "Processor time this process used.", .seconds,
            stat.map { ($0[11] + $0[12]) / ticksPerSecond })
        add("process_virtual_memory_bytes", .gauge, "Address space of this process.", .bytes, stat.map { $0[20] })
        add("process_resident_memory_bytes", .gauge, "Memory this process occupies.", .bytes, stat.map { $0[21] * pageBytes })
        add("process_threads", .gauge, "Threads of this process.", nil, stat.map { $0[17] })
        add(
            "process_start_time_seconds", .gauge, "When this process started, in seconds since 1970.", .seconds,
            stat.flatMap { startTime($0[19]) })
        add("process_open_fds", .gauge, "Open file descriptors.", nil, Self.openFiles())
        add("process_max_fds", .gauge, "File descriptors this process may open.", nil, Self.openFilesLimit())
        return found
    }

    private func startTime(_ ticksAfterBoot: Double) -> Double? {
        guard let bytes = Self.readFile("/proc/stat") else { return nil }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("btime ") {
            return Double(line.dropFirst(6)).map { $0 + ticksAfterBoot / ticksPerSecond }
        }
        return nil
    }

    /// The numbers after the name, which may hold spaces and parentheses itself: index 0 is the state (as 0), 11 and 12 are
    /// user and system time, 17 threads, 19 the start, 20 and 21 memory.
    static func statFields(_ bytes: [UInt8]?) -> [Double]? {
        guard let bytes, let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(end + 1)...].split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
        guard fields.count > 21 else { return nil }
        return fields.map { Double(String(decoding: $0, as: UTF8.self)) ?? 0 }
    }

    private static func openFiles() -> Double? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) { if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 } }
        // The directory itself is open only to be counted.
        return Double(count - 1)
    }

    private static func openFilesLimit() -> Double? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return limit.rlim_cur > UInt(Int64.max) ? .infinity : Double(limit.rlim_cur)
    }

    private static func readFile(_ path: String) -> [UInt8]? { try? SmallFile.prefix(of: path, bytes: bytesLimit) }

    /// /proc/stat has a line per processor and interrupt.
    private static let bytesLimit = 4 << 20

    private final class Reading: Instrument {
        private let value: Double
        init(_ value: Double) { self.value = value }
        func read() -> SeriesValue { .number(value) }
    }
}
