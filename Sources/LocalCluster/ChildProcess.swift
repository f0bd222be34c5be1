import Foundation
import Output

// How is a process started that never outlives this one?
//
// A shell stands between them. It holds a pipe from here: when that closes, whatever became of this process, it ends the child. It ends by
// itself when the child does.

package struct ChildProcess {
    /// The child's own, for signals.
    package let pid: Int32
    private let shell: Process
    private let lifeline: FileHandle

    private static let script = #"""
        exec 3<&0
        log=$1
        shift
        "$@" </dev/null 3<&- >>"$log" 2>&1 &
        child=$!
        echo $child
        exec >/dev/null 2>&1
        (read -r _ <&3; kill -9 $child) &
        watcher=$!
        wait $child
        status=$?
        kill $watcher
        exit $status
        """#

    /// Starts `arguments`, the program first. What it prints is appended to `log`.
    package init(_ arguments: [String], log: String, environment: [String: String] = [:]) throws {
        let (input, output) = (Pipe(), Pipe())
        shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", Self.script, "greenroom", log] + arguments
        shell.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        shell.standardInput = input
        shell.standardOutput = output
        do { try shell.run() } catch {
            throw Fault(.unreachable, "can't start \(arguments.first ?? "a process"): \(error.localizedDescription)")
        }
        lifeline = input.fileHandleForWriting
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let pid = Int32(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            try? lifeline.close()
            throw Fault(.unreachable, "can't start \(arguments.first ?? "a process")", do: "see \(log)")
        }
        self.pid = pid
    }

    package var isRunning: Bool { shell.isRunning }

    package func signal(_ number: Int32) {
        if isRunning { _ = Foundation.kill(pid, number) }
    }

    /// Waits until it has ended, at most so long; then it is killed.
    package func waitUntilGone(within limit: Duration) async {
        let deadline = ContinuousClock.now + limit
        while isRunning, ContinuousClock.now < deadline { try? await Task.sleep(for: Self.lookInterval) }
        kill()
    }

    private static let lookInterval = Duration.milliseconds(10)

    package func kill() {
        signal(SIGKILL)
        shell.waitUntilExit()
        try? lifeline.close()
    }
}
