package import Domain
import Output
import EventLog
import Foundation

// On what machine was this measured, and what did a process take of it?

package struct MachineFacts: Hashable, Sendable {
    var processor: String
    var cores: Int
    var memoryBytes: Int64
    var system: String

    package init() {
        let cpu = Self.field("model name", in: "/proc/cpuinfo", separator: ":")
        processor = cpu ?? "unknown processor"
        cores = ProcessInfo.processInfo.activeProcessorCount
        memoryBytes = Int64(clamping: ProcessInfo.processInfo.physicalMemory)
        var name = utsname()
        uname(&name)
        system = "\(Self.text(name.sysname)) \(Self.text(name.release))"
    }

    package var text: String { "\(processor), \(cores) cores, \(memoryBytes >> 30) GB, \(system), SQLite \(EventLog.sqliteVersion)" }

    package var json: JSONValue {
        .object([
            .init(key: "processor", value: .string(processor)), .init(key: "cores", value: .whole(cores)),
            .init(key: "memoryBytes", value: .whole(memoryBytes)), .init(key: "system", value: .string(system)),
        ])
    }

    fileprivate static func field(_ name: String, in path: String, separator: Character) -> String? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: separator, maxSplits: 1)
            if parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == name {
                return parts[1].trimmingCharacters(in: .whitespaces)
            }
        }
        return nil
    }

    private static func text<Bytes>(_ bytes: Bytes) -> String {
        withUnsafeBytes(of: bytes) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// What a process has taken so far.
package struct ProcessUse: Hashable, Sendable {
    var residentBytes: Int64
    var peakResidentBytes: Int64
    var processorSeconds: Double

    /// nil where there is no such process.
    package init?(_ id: Int32) {
        guard let resident = Self.kilobytes("VmRSS", id), let peak = Self.kilobytes("VmHWM", id) else { return nil }
        residentBytes = resident << 10
        peakResidentBytes = peak << 10
        guard let stat = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8), let end = stat.lastIndex(of: ")") else {
            return nil
        }
        // proc(5): utime and stime are fields 14 and 15, the name in brackets being the second.
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        processorSeconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private static func kilobytes(_ name: String, _ id: Int32) -> Int64? {
        MachineFacts.field(name, in: "/proc/\(id)/status", separator: ":")?.split(separator: " ").first.flatMap { Int64($0) }
    }
}

extension JSONValue {
    package static func whole(_ value: some BinaryInteger) -> JSONValue { .number(String(value)) }
    /// A figure to three places.
    static func thousandths(_ value: Double) -> JSONValue { .number(String((value * 1_000).rounded() / 1_000)) }
}
