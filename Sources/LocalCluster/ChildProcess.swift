import Foundation
import Glibc
import Machine
import Output

// How is a process started that never outlives this one?
//
// A shell stands between them. It holds a pipe from here: when that closes, whatever became of this process, it ends the child. It ends by
// itself when the child does. It is started without Foundation's `Process`, which hands down the blocked signals of its thread: a shell that
// never hears of its child's end waits for ever.

package final class ChildProcess: Sendable {
    /// The child's own, for signals.
    package let pid: Int32
    private let shell: pid_t
    /// The pipe's end here; nil once all is over.
    private let lifeline: Locked<Int32?>

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
    private static let lookInterval = Duration.milliseconds(10)
    private static let pidBytes = 32

    /// Starts `arguments`, the program first. What it prints is appended to `log`.
    package init(_ arguments: [String], log: String, environment: [String: String] = [:]) throws {
        let name = arguments.first ?? "a process"
        let (input, output) = try Self.pipes(name)
        defer { for descriptor in [input.reading, output.reading, output.writing] { close(descriptor) } }
        do {
            let words = ["/bin/sh", "-c", Self.script, "greenroom", log] + arguments
            shell = try Self.lock.withValue { _ in Result { try Self.spawn(words, environment, input.reading, output.writing) } }.get()
        } catch {
            close(input.writing)
            throw error
        }
        lifeline = Locked(input.writing)
        var bytes = [UInt8](repeating: 0, count: Self.pidBytes)
        let count = read(output.reading, &bytes, bytes.count)
        guard count > 0,
            let pid = Int32(String(decoding: bytes.prefix(count), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
        else {
            close(input.writing)
            throw Fault(.unreachable, "can't start \(name)", do: "see \(log)")
        }
        self.pid = pid
    }

    /// Held while pipes are made and while a child is started: none gets another one's pipe, which would keep that one alive.
    private static let lock = Locked(())

    private typealias Pipe = (reading: Int32, writing: Int32)

    private static func pipes(_ name: String) throws -> (input: Pipe, output: Pipe) {
        let made: (input: Pipe, output: Pipe)? = lock.withValue { _ in
            guard let input = pipe() else { return nil }
            guard let output = pipe() else {
                for descriptor in [input.reading, input.writing] { close(descriptor) }
                return nil
            }
            return (input, output)
        }
        guard let made else { throw Fault(.unreachable, "can't start \(name): no pipe can be made (errno \(errno))") }
        return made
    }

    private static func pipe() -> Pipe? {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { return nil }
        for descriptor in ends { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func spawn(_ arguments: [String], _ environment: [String: String], _ input: Int32, _ output: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        // A child that had this process's connections would keep them open after this process has closed them.
        for descriptor in 3...highestDescriptor { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // A group of its own: an interrupt on the terminal is for this process alone.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        let merged = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = merged.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + variables { free(text) } }
        var pid: pid_t = 0
        let problem = posix_spawn(&pid, arguments[0], &actions, &attributes, &words, &variables)
        guard problem == 0 else { throw Fault(.unreachable, "can't start \(arguments[0]) (error \(problem))") }
        return pid
    }

    /// Beyond it nothing is open here, even if some are opened meanwhile.
    private static var highestDescriptor: Int32 {
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return (open.compactMap(Int32.init).max() ?? 255) + 64
    }

    package var isRunning: Bool {
        lifeline.withValue { end in
            guard let descriptor = end else { return false }
            guard waitpid(shell, nil, WNOHANG) != 0 else { return true }
            close(descriptor)
            end = nil
            return false
        }
    }

    package func signal(_ number: Int32) {
        if isRunning { _ = Foundation.kill(pid, number) }
    }

    /// Waits until it has ended, at most so long; then it is killed.
    package func waitUntilGone(within limit: Duration) async {
        let deadline = ContinuousClock.now + limit
        while isRunning, ContinuousClock.now < deadline { try? await Task.sleep(for: Self.lookInterval) }
        kill()
    }

    /// Returns when it has ended.
    package func kill() {
        signal(SIGKILL)
        lifeline.withValue { end in
            guard let descriptor = end else { return }
            close(descriptor)
            waitpid(shell, nil, 0)
            end = nil
        }
    }
}
