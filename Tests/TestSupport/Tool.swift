import Foundation

// Which programs does this machine have, and what do they answer?

/// A program of the machine, run by a test.
package enum Tool {
    package struct Failed: Error {
        package var output: String
        package init(output: String) { self.output = output }
    }

    /// Where it is on the PATH; nil where it isn't.
    package static func find(_ name: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Says what could not be tried here: a test that is skipped is never silent.
    package static func skip(_ what: String) { print("*** SKIPPED: \(what)") }

    /// Runs a program to its end; its status, and what it printed.
    package static func run(_ program: String, _ arguments: [String]) async throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        return await withCheckedContinuation { done in
            DispatchQueue.global().async {
                let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                process.waitUntilExit()
                done.resume(returning: (process.terminationStatus, output))
            }
        }
    }
}
