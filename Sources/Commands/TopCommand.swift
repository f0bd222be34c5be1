import ArgumentParser
import Views
import Domain
import Inspection
import Output

// Do the pools keep up, right now?
//
// `top`: the pools of a running service, looked at again and again. On a terminal a picture that stays in place, elsewhere
// a line a look. A service that stops answering is said on the screen and asked again; one that never answered ends it.

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watch the pools of a running service.",
        discussion: """
            Pools with waiting actors come first. Control-C ends it.

            Examples:
              greenroom top
              greenroom top --server https://greenroom.example:8443 --token-file ./token
              greenroom top -n kagent --interval 5
              greenroom top --count 1 | cat
            """)

    @Option(name: .shortAndLong, help: ArgumentHelp("Only this namespace.", valueName: "ns"))
    var namespace: String?

    @Option(name: .long, help: ArgumentHelp("Seconds between updates.", valueName: "seconds"))
    var interval = 1.0

    @Option(name: .long, help: ArgumentHelp("End after this many updates.", valueName: "n"))
    var count: Int?

    @OptionGroup var server: ServerOptions
    @OptionGroup var times: TimeOptions

    private static let intervals = 0.1...3_600

    func validate() throws {
        guard Self.intervals.contains(interval) else { throw ValidationError("--interval must be between 0.1 and 3600 seconds") }
        if let count, count < 1 { throw ValidationError("--count must be at least 1") }
    }

    func run() async throws {
        let api = try await ServiceConnection.open(server)
        let interrupts = Interrupts()
        let interrupted = interrupts.stream
        let watch = FleetWatch(
            source: ServerState(api: api), url: server.url, namespace: namespace, interval: .seconds(interval), count: count,
            time: times.text)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await watch.run() }
            group.addTask { for await _ in interrupted { return } }
            // Whichever ends first: the looks there were to be, or the patience.
            defer { group.cancelAll() }
            do { try await group.next() } catch is CancellationError {}
        }
        await api.close()
    }
}

/// Looks, draws, waits.
struct FleetWatch: Sendable {
    var source: any StateSource & EventSource
    var url: String
    var namespace: String?
    var interval: Duration
    var count: Int?
    var time = TimeText()
    var isInteractive = Terminal.isInteractive && !Terminal.isDumb

    func run() async throws {
        var screen = FleetScreen(url: url)
        var live = LiveScreen()
        defer { live.close() }
        var looks = 0
        while !Task.isCancelled {
            do {
                screen.show(try await source.pools().filter { namespace == nil || $0.namespace == namespace })
                if isInteractive { try await learnDecisions(&screen) }
            } catch let fault as Fault where fault.status == .unreachable && looks > 0 {
                screen.trouble = "\(fault.what): trying again"
            }
            draw(screen, &live)
            looks += 1
            if let count, looks >= count { return }
            try await Task.sleep(for: interval)
        }
    }

    private func learnDecisions(_ screen: inout FleetScreen) async throws {
        for seq in screen.missingDecisions {
            var found: RecordedDecision?
            try await source.forEachEvent(EventQuery(after: seq - 1, limit: 1)) { event in
                found = RecordedDecision(event)
                return false
            }
            if let found { screen.learn(found) }
        }
    }

    private func draw(_ screen: FleetScreen, _ live: inout LiveScreen) {
        let clock = "\(time.clock(TimeText.now())) \(time.zoneName)"
        if isInteractive {
            let size = Terminal.size()
            live.draw(screen.frame(clock: clock, columns: size.columns, rows: size.rows))
        } else {
            Terminal.writeLine(screen.line(clock: clock))
        }
    }
}
