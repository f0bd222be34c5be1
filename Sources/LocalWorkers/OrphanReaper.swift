import Glibc
import Logging

// What did an earlier run of the service leave behind, and is it gone now?
//
// Every process started here carries the log's id in its environment, and so does whatever it starts in turn. After a
// crash the next start looks for that marker through /proc, asks what it finds to end, and ends what doesn't. This
// process and those it descends from are never touched. Processes of other users can't be seen and are left alone.

enum OwnershipMarker {
    static let owner = "GREENROOM_OWNER"
    static let worker = "GREENROOM_WORKER"
}

struct OrphanReaper: Sendable {
    let owner: String
    let logger: Logger

    /// How often survivors are looked for while waiting.
    private static let pollInterval = Duration.milliseconds(20)
    /// What keeps starting others is swept this often before it is given up; the next start ends it.
    private static let sweepRounds = 8

    /// Ends everything that carries the marker; answers the workers it belonged to, sorted.
    func reap(grace: Duration, killWait: Duration) async -> [String] {
        let found = marked()
        guard !found.isEmpty else { return [] }
        let workers = Set(found.compactMap { worker(of: $0) })
        logger.warning("processes of an earlier run are still there; ending them", metadata: ["count": "\(found.count)"])
        for process in found { ProcessTable.signal(process.identity, SIGTERM) }
        if await !waitUntilGone(within: grace) {
            for _ in 0..<Self.sweepRounds {
                for process in marked() { ProcessTable.signal(process.identity, SIGKILL) }
                if await waitUntilGone(within: killWait / Self.sweepRounds) { break }
            }
        }
        for process in marked() {
            logger.error("a process of an earlier run can't be ended; end it by hand", metadata: ["pid": "\(process.identity.pid)"])
        }
        return workers.sorted()
    }

    /// Kills what is left of workers that ended: their turn commands, and whatever those started, in whichever session it
    /// is. Names are used once, so no other worker's processes carry theirs.
    @concurrent
    func sweep(_ workers: Set<String>) async {
        // A process shows no environment while it becomes another program: one look that finds nothing isn't enough.
        var looksInVain = 0
        for _ in 0..<Self.sweepRounds {
            let left = ProcessTable.all().filter { process in
                isMarked(process) && worker(of: process).map { workers.contains($0) } ?? false
            }
            looksInVain = left.isEmpty ? looksInVain + 1 : 0
            if looksInVain == 2 { return }
            for process in left { ProcessTable.signal(process.identity, SIGKILL) }
        }
    }

    /// The worker that a process belongs to. A turn's command may be told its name with the namespace before it.
    private func worker(of process: ProcessStatus) -> String? {
        ProcessTable.environmentValue(OwnershipMarker.worker, of: process.identity.pid)?.split(separator: "/").last.map(String.init)
    }

    private func isMarked(_ process: ProcessStatus) -> Bool {
        ProcessTable.environmentValue(OwnershipMarker.owner, of: process.identity.pid) == owner
    }

    private func marked() -> [ProcessStatus] {
        let all = ProcessTable.all()
        let untouchable = Self.ancestry(of: getpid(), in: all)
        return all.filter { !untouchable.contains($0.identity.pid) && isMarked($0) }
    }

    static func ancestry(of pid: Int32, in all: [ProcessStatus]) -> Set<Int32> {
        let parents = Dictionary(all.map { ($0.identity.pid, $0.parent) }, uniquingKeysWith: { first, _ in first })
        var line: Set<Int32> = []
        var next: Int32? = pid
        while let current = next, current > 0, line.insert(current).inserted { next = parents[current] }
        return line
    }

    private func waitUntilGone(within bound: Duration) async -> Bool {
        let deadline = ContinuousClock.now + bound
        while !marked().isEmpty {
            guard ContinuousClock.now < deadline else { return false }
            try? await Task.sleep(for: Self.pollInterval)
        }
        return true
    }
}
