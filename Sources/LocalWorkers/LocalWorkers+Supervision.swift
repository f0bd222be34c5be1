import ControlLoop
import Domain
import Glibc
import Logging

// How is a worker started, and what happens when it exits?

extension LocalWorkers {
    /// Starts what is missing, or sees to it that it is started when the pool's backoff has passed. Returns once every start
    /// was tried; what came of them stands in `startFaults`.
    func carryOutPlan(of pool: String) async {
        guard !isStopping, let description = descriptions[pool], let plan = pools[pool]?.plan(at: now) else { return }
        switch plan {
        case .nothing: return
        case .wait(let delay): planLater(pool, after: delay)
        case .start where !configuration.mayStart(): planLater(pool, after: configuration.limits.mayStartRecheck)
        case .start(let count):
            let starts = (0..<count).map { _ in beginWorker(of: description) }
            for start in starts { for await _ in start {} }
        }
    }

    private func planLater(_ pool: String, after delay: Duration) {
        guard restarts[pool] == nil else { return }
        restarts[pool] = Task {
            try? await clock.sleep(for: delay)
            guard !Task.isCancelled else { return }
            restarts[pool] = nil
            await carryOutPlan(of: pool)
        }
    }

    /// Starts one worker. What it answers ends when the worker is there, or can't be.
    private func beginWorker(of pool: ActuatedPool) -> AsyncStream<Never> {
        let name = nextName(in: pool.name)
        let (start, signal) = AsyncStream.makeStream(of: Never.self)
        pools[pool.name]?.add(name, at: now)
        let node = emptiestNode
        processes[name] = Process(pool: pool.name, node: node)
        var workerLogger = logger
        workerLogger[metadataKey: "worker"] = "\(name)"
        let process = WorkerProcess(
            name: name, executable: configuration.executable, arguments: arguments(of: name, pool, node), owner: configuration.owner,
            limits: configuration.limits, logger: workerLogger)
        Task { await supervise(process, of: pool.name, signal) }
        return start
    }

    /// The node with the fewest workers, the first named of equals; nil where none are named.
    private var emptiestNode: String? {
        var best: (count: Int, node: String)?
        for node in configuration.nodes {
            let count = processes.values.count { $0.node == node }
            if best.map({ count < $0.count }) ?? true { best = (count, node) }
        }
        return best?.node
    }

    private func arguments(of name: String, _ pool: ActuatedPool, _ node: String?) -> [String] {
        var arguments = ["worker", "--server", configuration.serverURL, "--pool", pool.name, "--name", name]
        arguments += ["--slots", String(pool.slotsPerWorker), "--exit-on-eof"]
        // It is watched over here.
        arguments += ["--ttl-seconds", "0"]
        if let node { arguments += ["--node", node] }
        if let file = configuration.tokenFile { arguments += ["--token-file", file] }
        arguments += configuration.workerArguments
        if !pool.target.command.isEmpty { arguments += ["--"] + pool.target.command }
        return arguments
    }

    /// Lives as long as its process.
    private func supervise(_ process: WorkerProcess, of pool: String, _ signal: AsyncStream<Never>.Continuation) async {
        do throws(SpawnFault) {
            let status = try await process.run { identity in
                await self.started(process, of: pool, identity)
                signal.finish()
            }
            signal.finish()
            let lastWords = process.lastWords.text
            await exited(process.name, of: pool, status, lastWords: lastWords)
        } catch {
            logger.error("\(error.text)", metadata: ["pool": "\(pool)"])
            startFaults[pool] = error
            reportFailedStart(process.name, of: pool, error.text)
            pools[pool]?.exited(process.name, at: now)
            forget(process.name)
            signal.finish()
        }
        await carryOutPlan(of: pool)
    }

    private func started(_ process: WorkerProcess, of pool: String, _ identity: ProcessIdentity) {
        let name = process.name
        processes[name]?.identity = identity
        pools[pool]?.started(name)
        if let state = pools[pool], state.running >= state.desired { startFaults[pool] = nil }
        logger.info("worker started", metadata: ["worker": "\(name)", "pool": "\(pool)", "pid": "\(identity.pid)"])
        // It was asked to go before it was there.
        if isStopping || pools[pool]?.members[name]?.phase == .leaving { terminate(name) }
        processes[name]?.startWatch = Task { await watchStart(process, of: pool) }
    }

    /// A process that runs and never becomes a worker is of no use, and nothing else would report it.
    private func watchStart(_ process: WorkerProcess, of pool: String) async {
        let limits = configuration.limits
        guard await pause(limits.startDeadline), await !wasReady(process.name) else { return }
        // One that goes anyway isn't waited for.
        guard !Task.isCancelled, !isStopping, processes[process.name] != nil, pools[pool]?.members[process.name]?.isDraining == false else {
            return
        }
        processes[process.name]?.isGivenUp = true
        let problem = "the log hasn't heard of it \(limits.startDeadline.components.seconds) s after its start"
        let lastWords = process.lastWords.text
        logger.warning("a worker doesn't become ready; ending it", metadata: ["worker": "\(process.name)", "pool": "\(pool)"])
        reportFailedStart(process.name, of: pool, lastWords.isEmpty ? problem : "\(problem): \(lastWords)", hasEnded: false)
        terminate(process.name)
        guard await pause(limits.removeGrace), let identity = processes[process.name]?.identity else { return }
        ProcessTable.signal(identity, SIGKILL)
    }

    /// A worker that ends well has said so itself; for every other it is said here, before a successor starts.
    private func exited(_ name: String, of pool: String, _ status: ExitStatus, lastWords: String) async {
        sweepLater(name)
        let reason = processes[name]?.endReason.map { "\($0.rawValue): \(status.text)" } ?? status.text
        let wasExpected = isStopping || pools[pool]?.members[name]?.isDraining == true
        logger.log(
            level: wasExpected || status.isSuccess ? .info : .warning, "worker \(status.text)",
            metadata: ["worker": "\(name)", "pool": "\(pool)"])
        let isTold = processes[name]?.isGivenUp == true
        if isTold, await wasReady(name) {
            // It became ready between the look and its end.
            failedStarts[pool] = nil
            reportGone(name, reason)
        } else if !isTold, !status.isSuccess {
            let wasReady = await wasReady(name)
            if wasReady { failedStarts[pool] = nil }
            // One that was never ready has nothing to be gone from; one that was told to go meanwhile doesn't count.
            if wasReady || wasExpected {
                reportGone(name, reason)
            } else {
                reportFailedStart(name, of: pool, lastWords.isEmpty ? reason : "\(reason): \(lastWords)")
            }
        }
        pools[pool]?.exited(name, at: now)
        forget(name)
    }

    /// One look through /proc serves all workers that died since the last.
    private func sweepLater(_ worker: String) {
        sweepsDue.insert(worker)
        guard sweeping == nil else { return }
        sweeping = Task {
            while !sweepsDue.isEmpty {
                let workers = sweepsDue
                sweepsDue = []
                await reaper.sweep(workers)
            }
            sweeping = nil
        }
    }
}
