package import Simulation
import Foundation
import Output

// Which arrivals does a file hold? For whoever names one: a mistake becomes a fault that says where it is.

package enum TraceFile {
    /// Bytes of a trace, at most.
    private static let limitBytes = 1 << 30

    package static func read(_ path: String) throws -> ArrivalTrace {
        guard let file = FileHandle(forReadingAtPath: path), let data = try? file.read(upToCount: limitBytes + 1) ?? Data() else {
            throw Fault(.unreachable, "can't read the trace \(path)", do: "check that it exists and may be read")
        }
        guard data.count <= limitBytes else { throw Fault(.no, "\(path) has more than \(limitBytes) bytes", do: "split it") }
        return try parse(Array(data), name: path)
    }

    static func parse(_ csv: [UInt8], name: String) throws -> ArrivalTrace {
        do throws(TraceError) {
            return try ArrivalTrace(csv: csv, name: name)
        } catch {
            throw Fault(.no, "\(error.place) \(error.problem)", do: error.remedy)
        }
    }
}
