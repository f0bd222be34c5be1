import Glibc
import Logging

// How does a worker end when its drain is done, and what if it doesn't?
//
// SIGTERM asks it: it takes no more placements, finishes what it runs, and exits. One that is still there after its time
// is killed only if the log knows of no actor on it; otherwise it is left to finish, and the log says why.

extension LocalWorkers {
    func beginLeaving(_ worker: String, _ endReason: EndReason, killAfter grace: Duration) {
        guard let pool = processes[worker]?.pool else { return }
        // One that was told to go already goes by itself: a second SIGTERM would make it break off what it finishes.
        guard pools[pool]?.leave(worker) == true else { return }
        processes[worker]?.endReason = endReason
        terminate(worker)
        processes[worker]?.watch = Task { await watchDrain(worker, endReason, grace: grace) }
    }

    func terminate(_ worker: String) {
        if let identity = processes[worker]?.identity { ProcessTable.signal(identity, SIGTERM) }
    }

    private func watchDrain(_ worker: String, _ endReason: EndReason, grace: Duration) async {
        guard await pause(grace), processes[worker] != nil else { return }
        // Perhaps it never heard that it should go. From here on the log knows, and nothing is placed on it any more.
        reportDraining(worker, "\(endReason.rawValue), and still there after \(grace.components.seconds) s")
        guard await pause(configuration.limits.drainSettle) else { return }
        var recheck = configuration.limits.busyRecheck
        while processes[worker] != nil {
            guard await isBusy(worker) else { break }
            logger.warning(
                "a worker that should go still holds an actor; waiting for it to finish",
                metadata: [
                    "worker": "\(worker)", "reason": "\(endReason.rawValue)", "next look in seconds": "\(recheck.components.seconds)",
                ])
            guard await pause(recheck) else { return }
            recheck = min(recheck * 2, .seconds(300))
        }
        guard !Task.isCancelled, let identity = processes[worker]?.identity else { return }
        logger.warning(
            "a worker without an actor didn't go; killing it", metadata: ["worker": "\(worker)", "reason": "\(endReason.rawValue)"])
        ProcessTable.signal(identity, SIGKILL)
    }

    /// false where the task was cancelled meanwhile.
    func pause(_ duration: Duration) async -> Bool {
        (try? await clock.sleep(for: duration)) != nil && !Task.isCancelled
    }

    // MARK: - The end of the service

    /// Ends all workers and returns when none is left: SIGTERM, after a while SIGTERM again (break off, and say so), then
    /// SIGKILL. Nothing is started from here on. The service should still take reports while this runs.
    package func stop() async {
        isStopping = true
        for restart in restarts.values { restart.cancel() }
        restarts = [:]
        signalAll(SIGTERM)
        let escalation = Task {
            guard await pause(configuration.limits.stopGrace) else { return }
            signalAll(SIGTERM)
            // More than once: a process may have been on its way to being started.
            while await pause(configuration.limits.stopKillGrace) { signalAll(SIGKILL) }
        }
        await waitUntilEmpty()
        escalation.cancel()
        await sweeping?.value
    }

    private func signalAll(_ signal: Int32) {
        for (worker, process) in processes {
            guard let identity = process.identity else { continue }
            if signal == SIGKILL { processes[worker]?.endReason = .serviceStopped }
            ProcessTable.signal(identity, signal)
        }
    }
}
