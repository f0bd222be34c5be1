import Glibc
import Logging
import Subprocess
import Synchronization

// How does one worker process live, from its start to its exit?
//
// It gets a session of its own, so that whatever it starts can be found when it dies. It carries the marker of its owner. Its
// output is /dev/null. Its input is the reading end of a pipe whose writing end only this process has. That end is never written
// to: when the service dies, however it dies, the worker reads end-of-file and exits.

enum ExitStatus: Hashable, Sendable {
    case exited(Int32)
    case signaled(Int32)

    var isSuccess: Bool { self == .exited(0) }

    var text: String {
        switch self {
        case .exited(let code): "exited with status \(code)"
        case .signaled(let signal): "killed by signal \(signal)"
        }
    }
}

/// The last lines that a process wrote to stderr, for who says why it ended.
final class LastWords: Sendable {
    private static let linesKept = 3
    private static let lineCharacters = 400
    private let lines = Mutex<[String]>([])

    func heard(_ line: String) {
        lines.withLock { lines in
            if lines.count == Self.linesKept { lines.removeFirst() }
            lines.append(String(line.prefix(Self.lineCharacters)))
        }
    }

    /// In one line. What a worker of ours ends with says all; its log before says it once more.
    var text: String {
        let lines = lines.withLock { $0 }
        guard let last = lines.last, last.hasPrefix(Self.ending) else { return lines.joined(separator: " / ") }
        return last
    }

    private static let ending = "greenroom: "
}

/// A worker that could not be started: what was run, and why it failed.
struct SpawnFault: Error, Hashable, Sendable {
    var executable: String
    var problem: String
    var text: String { "can't start \(executable): \(problem)" }
}

struct WorkerProcess: Sendable {
    let name: String
    let executable: String
    let arguments: [String]
    let owner: String
    let limits: LocalWorkersConfiguration.Limits
    let logger: Logger
    let lastWords = LastWords()

    /// Runs it until it exits. `onStart` is called once it is there.
    func run(onStart: @Sendable (ProcessIdentity) async -> Void) async throws(SpawnFault) -> ExitStatus {
        let lifeline = try openLifeline()
        defer { close(lifeline.writeEnd) }
        do {
            let result = try await Subprocess.run(
                .path(.init(executable)), arguments: Arguments(arguments), environment: environment, platformOptions: ownSession,
                input: .fileDescriptor(.init(rawValue: lifeline.readEnd), closeAfterSpawningProcess: true),
                output: .discarded, error: .sequence
            ) { execution in
                let pid = execution.processIdentifier.value
                await onStart(ProcessTable.status(of: pid)?.identity ?? ProcessIdentity(pid: pid, startTicks: 0))
                await forward(execution.standardError)
            }
            switch result.terminationStatus {
            case .exited(let code): return .exited(code)
            case .signaled(let signal): return .signaled(signal)
            }
        } catch {
            throw SpawnFault(executable: executable, problem: "\(error)")
        }
    }

    private var environment: Environment {
        .inherit.updating([.init(stringLiteral: OwnershipMarker.owner): owner, .init(stringLiteral: OwnershipMarker.worker): name])
    }

    private var ownSession: PlatformOptions {
        var options = PlatformOptions()
        options.createSession = true
        return options
    }

    /// Neither end survives an exec by itself: the reading end reaches the worker as its stdin only. (A child started
    /// between the two calls wouldn't get them either: Subprocess closes all that a child wasn't given.)
    private func openLifeline() throws(SpawnFault) -> (readEnd: Int32, writeEnd: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw SpawnFault(executable: executable, problem: "no pipe for its stdin (errno \(errno)); raise the limit of open files")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private func forward(_ stream: SubprocessOutputSequence) async {
        let start = ContinuousClock.now
        var splitter = LineSplitter(limitBytes: limits.lineBytes)
        var budget = LineBudget(perSecond: limits.linesPerSecond, burst: limits.lineBurst, now: .zero)
        func emit(_ line: String) {
            lastWords.heard(line)
            guard let dropped = budget.pass(at: ContinuousClock.now - start) else { return }
            if dropped > 0 { logger.warning("lines of this worker were left out", metadata: ["count": "\(dropped)"]) }
            logger.info("\(line)")
        }
        do {
            for try await buffer in stream { buffer.withUnsafeBytes { splitter.feed($0, emit: emit) } }
        } catch {
            logger.warning("reading this worker's stderr failed; what it writes from here on is lost", metadata: ["error": "\(error)"])
        }
        splitter.finish(emit: emit)
    }
}
