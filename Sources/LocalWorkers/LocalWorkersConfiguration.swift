// How are workers started on this machine, and within which limits?
//
// Everything that bounds the actuator has its name here. Durations are how long it waits before the next, harder step.

package struct LocalWorkersConfiguration: Sendable {
    /// Path of the program that is run as `PROGRAM worker …`: Greenroom itself.
    package var executable: String
    /// Where workers reach the service, for instance `http://127.0.0.1:8080`.
    package var serverURL: String
    /// File with the bearer token workers send; its content never passes through here.
    package var tokenFile: String?
    /// The log's id. It marks every process started here, so that the next start finds what a crash left behind.
    package var owner: String
    /// Further arguments of every worker, before the turn's command.
    package var workerArguments: [String]
    /// Names of nodes that workers are spread over, as if this machine were several; empty: each names the machine's own.
    package var nodes: [String]
    package var limits: Limits
    /// Whether a worker may be started now. Of several instances only the leader may, and only within its lease: what died is replaced
    /// without anybody's asking, so it has to be asked here.
    package var mayStart: @Sendable () -> Bool = { true }

    package init(
        executable: String, serverURL: String, tokenFile: String? = nil, owner: String, workerArguments: [String] = [],
        nodes: [String] = [], limits: Limits = Limits()
    ) {
        self.executable = executable
        self.serverURL = serverURL
        self.tokenFile = tokenFile
        self.owner = owner
        self.workerArguments = workerArguments
        self.nodes = nodes
        self.limits = limits
    }

    package struct Limits: Sendable {
        /// Workers of one pool; a resize beyond it is refused.
        package var workersPerPool = 1_024
        /// Delay before workers that died are replaced; doubles with each round of deaths.
        package var restartDelayMin = Duration.milliseconds(100)
        package var restartDelayMax = Duration.seconds(30)
        /// A worker that lived this long starts the delays anew.
        package var restartResetAfter = Duration.seconds(60)
        /// When it is asked again whether workers may be started.
        package var mayStartRecheck = Duration.milliseconds(500)
        /// How long a worker may take from its start until the log knows it as ready. Then it counts as a failed start and is replaced.
        package var startDeadline = Duration.seconds(15)
        /// Between SIGTERM and SIGKILL for a worker that is known to be idle.
        package var removeGrace = Duration.seconds(2)
        /// Until the log has heard that a worker is draining, and nothing more is placed on it.
        package var drainSettle = Duration.milliseconds(500)
        /// Between two looks at whether a worker that should be gone still holds an actor.
        package var busyRecheck = Duration.seconds(5)
        /// When the service stops: how long workers may finish what they run.
        package var stopGrace = Duration.seconds(10)
        /// And how long they may then take to say that they broke it off.
        package var stopKillGrace = Duration.seconds(2)
        /// For what a crash of the service left behind: between SIGTERM and SIGKILL, and then until it is given up.
        package var orphanGrace = Duration.seconds(2)
        package var orphanKillWait = Duration.seconds(5)
        /// Bytes of one line of a worker's stderr; the rest of a longer line is left out.
        package var lineBytes = 2_048
        /// Lines of one worker's stderr that reach the log, on average and at once.
        package var linesPerSecond = 50
        package var lineBurst = 200

        package init() {}
    }
}
