import Logging
import Subprocess

// How does a command run a turn?
//
// One process a turn, in a process group of its own. Its environment names the actor it serves, the snapshot to restore, and a file
// in which it may say where it left the next one. Status 0 is a turn that ended well. A turn that is broken off takes its whole
// group with it. Always: a snapshot that was said by a turn that failed isn't taken; the one before stays.

package struct CommandTurns: TurnRunner {
    private let command: [String]
    private let files: SnapshotFiles

    /// - Parameters:
    ///   - command: program and arguments; a program without a slash is looked for in PATH. Not empty.
    ///   - files: where the command says what it left.
    package init(command: [String], files: SnapshotFiles) {
        precondition(!command.isEmpty, "a turn's command names a program")
        self.command = command
        self.files = files
    }

    package func run(_ placement: Placement, on worker: String, restored: @Sendable (Int64?) async -> Void) async throws(TurnFault)
        -> TurnSnapshot?
    {
        defer { files.discard(placement) }
        let status: TerminationStatus
        do {
            let result = try await Subprocess.run(
                program, arguments: Arguments(Array(command.dropFirst())), environment: environment(placement, worker),
                platformOptions: ownGroup, input: .none, output: .currentStandardOutput, error: .currentStandardError
            ) { _ in await restored(nil) }
            status = result.terminationStatus
        } catch {
            throw TurnFault(reason: Task.isCancelled ? "broken off" : "can't run \(command[0]): \(error)")
        }
        switch status {
        case .exited(0): break
        case .exited(let code): throw TurnFault(reason: "\(command[0]) exited with status \(code)")
        case .signaled(let signal): throw TurnFault(reason: "\(command[0]) was killed by signal \(signal)")
        }
        // One that says nothing left its state where it was.
        return try files.read(placement) ?? placement.restoreFrom.map { TurnSnapshot(uri: $0) }
    }

    private var program: Executable { command[0].contains("/") ? .path(.init(command[0])) : .name(command[0]) }

    private func environment(_ placement: Placement, _ worker: String) -> Environment {
        .inherit.updating([
            "GREENROOM_ACTOR": placement.actor,
            "GREENROOM_NAMESPACE": placement.namespace,
            "GREENROOM_POOL": placement.pool,
            "GREENROOM_WORKER": worker,
            "GREENROOM_SNAPSHOT": placement.restoreFrom,
            .init(stringLiteral: SnapshotFiles.variable): files.path(of: placement),
            "GREENROOM_TIER": placement.tier,
            "GREENROOM_EXPECTED_MILLIS": placement.expectedMillis.map { String($0) },
            // The name that OpenTelemetry's tools read.
            "TRACEPARENT": placement.traceparent,
        ])
    }

    /// Cancelling the turn's task ends the group: SIGTERM, and SIGKILL right after.
    private var ownGroup: PlatformOptions {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [.gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .milliseconds(100))]
        return options
    }
}
