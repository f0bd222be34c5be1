import Foundation
import Output

// Where is a NATS server that can hold the log?

package enum NATSProgram {
    /// Replicas of older versions were seen to differ for good after kills.
    package static let leastVersion = (major: 2, minor: 14)

    /// The program that was named, else the one on PATH.
    package static func find(_ named: String?) throws -> String {
        let path = try named ?? onPath()
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["--version"]
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        do { try process.run() } catch { throw Fault(.unreachable, "can't run \(path)", do: hint) }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard let version = version(in: text) else {
            throw Fault(.unreachable, "\(path) doesn't say which nats-server it is", do: hint)
        }
        guard version >= leastVersion else {
            throw Fault(.unreachable, "\(path) is version \(version.major).\(version.minor); 2.14 or newer is needed", do: hint)
        }
        return path
    }

    private static let hint = "install nats-server 2.14 (https://nats.io/download), or name it with --nats-server"

    private static func onPath() throws -> String {
        for folder in (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":") {
            let path = "\(folder)/nats-server"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw Fault(.unreachable, "nats-server isn't on PATH", do: hint)
    }

    /// Of `nats-server: v2.14.0`.
    package static func version(in text: String) -> (major: Int, minor: Int)? {
        guard let start = text.range(of: ": v")?.upperBound else { return nil }
        let numbers = text[start...].split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
    }
}

/// This program, for processes of its own.
package enum ProgramFile {
    package static func path() throws -> String {
        guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
            throw Fault(.unreachable, "can't tell which program this is", do: "mount /proc")
        }
        return path
    }
}
