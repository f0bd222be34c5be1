import Autoscaling
import ControlLoop
import Domain
import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import LocalWorkers

/// An actuator over scripts that stand in for workers, with everything it says and asks recorded. `close()` it.
final class Bench: Sendable {
    /// Ends on SIGTERM or when its stdin does. Perl, since a shell that gets its signal just before it reads sleeps through
    /// it; and with Perl's old signals, which are heard at once.
    static let obedient = """
        exec env PERL_SIGNALS=unsafe perl -MPOSIX -e '$SIG{TERM} = sub { POSIX::_exit(0) }; print STDERR "up @ARGV\n"; 1 while <STDIN>' -- "$@"
        """
    /// Hears neither.
    static let stubborn = "trap '' TERM; echo up >&2; read -r line < $0.never"

    let directory: String
    let owner: String
    let workers: LocalWorkers
    let log = CapturedLog()
    private let reported = Mutex<[String]>([])
    private let busy = Mutex<Set<String>>([])
    /// Of workers that said they are up, unless a test says that none was ever ready.
    let neverReady = Mutex(false)
    private let asked = Mutex(0)
    private let looked = Mutex(0)

    init(
        _ script: String, limits: LocalWorkersConfiguration.Limits = .quick, arguments: [String] = [], nodes: [String] = [],
        executable: String? = nil, mayStart: @escaping @Sendable () -> Bool = { true }
    ) throws {
        var template = Array("/tmp/greenroom-local-XXXXXX".utf8CString)
        directory = try #require(mkdtemp(&template).map { String(cString: $0) })
        owner = "log-\(directory.suffix(6))"
        let path = "\(directory)/worker"
        let file = try #require(fopen(path, "w"))
        fputs("#!/bin/sh\n\(script)\n", file)
        fclose(file)
        chmod(path, 0o700)
        // Nobody ever writes to it, so whoever opens it to read waits for ever.
        mkfifo("\(path).never", 0o600)
        let box = Box()
        var configuration = LocalWorkersConfiguration(
            executable: executable ?? path, serverURL: "http://127.0.0.1:1", tokenFile: "/tokens", owner: owner,
            workerArguments: arguments, nodes: nodes, limits: limits)
        configuration.mayStart = mayStart
        workers = LocalWorkers(
            configuration,
            logger: Logger(label: "test") { [log] _ in log.handler },
            report: { box.bench?.note($0) },
            isBusy: { box.bench?.askedWhetherBusy($0) ?? false }, wasReady: { box.bench?.wasReady($0) ?? true })
        box.bench = self
    }

    /// `worker.gone NAME REASON`, one an event.
    var reports: [String] { reported.withLock { $0 } }
    var requests: Int { asked.withLock { $0 } }
    /// Times the actuator asked whether a worker was ever ready.
    var looks: Int { looked.withLock { $0 } }
    func set(_ worker: String, busy isBusy: Bool) { _ = busy.withLock { isBusy ? $0.insert(worker).inserted : ($0.remove(worker) != nil) } }

    /// Names of workers whose script said that it is up, in that order.
    var up: [String] { log.entries.filter { $0.message.hasPrefix("up") }.compactMap(\.worker) }

    func pool(_ name: String = "ns/p", slots: Int = 1, drainTimeoutSeconds: Int = 0, command: [String] = []) -> ActuatedPool {
        ActuatedPool(
            name: name, target: ScaleTarget(apiVersion: "greenroom.dev/v1", kind: "Process", name: "p", command: command),
            slotsPerWorker: slots, drainTimeoutSeconds: drainTimeoutSeconds)
    }

    func resize(_ count: Int, fence: UInt64 = 1) async throws { try await workers.resize(pool(), to: count, fence: Fence(fence)) }

    func upCount(_ count: Int) async throws { try await eventually("\(count) are up; \(up)") { self.up.count >= count } }

    /// Processes that carry this bench's mark.
    var marked: [ProcessStatus] {
        ProcessTable.all().filter { ProcessTable.environmentValue(OwnershipMarker.owner, of: $0.identity.pid) == owner }
    }

    func process(of worker: String) -> ProcessIdentity? {
        marked.first {
            ProcessTable.environmentValue(OwnershipMarker.worker, of: $0.identity.pid) == worker && $0.session == $0.identity.pid
        }?.identity
    }

    /// The worker itself, and nothing that it started: a child of this process.
    func leader(of worker: String) -> ProcessIdentity? {
        marked.first { $0.parent == getpid() && ProcessTable.environmentValue(OwnershipMarker.worker, of: $0.identity.pid) == worker }?
            .identity
    }

    func close() async {
        await workers.stop()
        for process in marked { ProcessTable.signal(process.identity, SIGKILL) }
        for file in ["worker", "worker.never"] { unlink("\(directory)/\(file)") }
        rmdir(directory)
    }

    private func note(_ batch: EventBatch) {
        for event in batch.events {
            let body = batch.text(event.body)
            reported.withLock { $0.append("\(event.kind.name) \(batch.text(event.subject)) \(body.dropFirst(11).dropLast(2))") }
        }
    }

    private func wasReady(_ worker: String) -> Bool {
        looked.withLock { $0 += 1 }
        return neverReady.withLock { !$0 }
    }

    private func askedWhetherBusy(_ worker: String) -> Bool {
        asked.withLock { $0 += 1 }
        return busy.withLock { $0.contains(worker) }
    }

    /// Lets the actuator's closures reach the bench that owns it.
    private final class Box: Sendable {
        private let held = Mutex<WeakBench>(WeakBench())
        var bench: Bench? {
            get { held.withLock { $0.bench } }
            set { held.withLock { $0.bench = newValue } }
        }
        private struct WeakBench { weak var bench: Bench? }
    }
}

/// Runs a test on a bench, and ends all it started whatever comes of it.
func withBench(
    _ script: String, limits: LocalWorkersConfiguration.Limits = .quick, arguments: [String] = [], nodes: [String] = [],
    executable: String? = nil, mayStart: @escaping @Sendable () -> Bool = { true },
    _ test: (Bench) async throws -> Void
) async throws {
    let bench = try Bench(script, limits: limits, arguments: arguments, nodes: nodes, executable: executable, mayStart: mayStart)
    do { try await test(bench) } catch {
        await bench.close()
        throw error
    }
    await bench.close()
}

extension LocalWorkersConfiguration.Limits {
    /// Short enough for a test, long enough for a busy machine.
    static var quick: Self {
        var limits = Self()
        limits.restartDelayMin = .milliseconds(5)
        limits.restartDelayMax = .milliseconds(40)
        limits.mayStartRecheck = .milliseconds(5)
        limits.removeGrace = .milliseconds(50)
        limits.drainSettle = .milliseconds(10)
        limits.busyRecheck = .milliseconds(20)
        limits.stopGrace = .milliseconds(300)
        limits.stopKillGrace = .milliseconds(50)
        limits.orphanGrace = .milliseconds(200)
        return limits
    }
}

final class CapturedLog: Sendable {
    struct Entry: Sendable {
        var level: Logger.Level
        var message: String
        var worker: String?
    }

    private let state = Mutex<[Entry]>([])
    var entries: [Entry] { state.withLock { $0 } }
    var handler: any LogHandler { Handler(log: self) }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let worker = (event.metadata?["worker"] ?? metadata["worker"]).map { "\($0)" }
            log.state.withLock { $0.append(Entry(level: event.level, message: "\(event.message)", worker: worker)) }
        }
    }
}
