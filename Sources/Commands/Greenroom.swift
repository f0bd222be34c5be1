package import ArgumentParser
import Assembly
import Foundation
import Output

// What can be said on the command line?
//
// The root command. Parsing is swift-argument-parser's; what it refuses ends with status 2, as scripts expect, and
// every failure of a command ends here as one line on stderr.

package struct Greenroom: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "greenroom",
        abstract: "Autoscale pools of warm workers, and place actors on them.",
        discussion: """
            Agents and workers report their lifecycle over HTTP/2. Each report is an
            event in one log. Demand, pool sizes and placements are computed from the
            log, and each decision is logged too.

            Try it on this machine:      greenroom demo
            Run the service:             greenroom serve
            Show a running service:      greenroom top, greenroom get pools
            Explain a pool's size:       greenroom explain pool NS/NAME
            Change it:                   greenroom apply, scale, pause, hold, resume

            Commands ask the service at --server or $GREENROOM_SERVER, with the token
            in --token-file or $GREENROOM_TOKEN; --ca-file or $GREENROOM_CA_FILE names
            an authority of your own. --db reads a log's file instead.
            Exit status: 0 success, 1 the check failed, 2 usage, 3 a file or service
            can't be opened or reached.
            """,
        version: Version.line,
        groupedSubcommands: [
            CommandGroup(
                name: "Look",
                subcommands: [
                    GetCommand.self, TopCommand.self, HistoryCommand.self, EventsCommand.self, ExplainCommand.self, UsageCommand.self,
                ]),
            CommandGroup(
                name: "Change",
                subcommands: [
                    ApplyCommand.self, ScaleCommand.self, PauseCommand.self, HoldCommand.self, ResumeCommand.self, DeleteCommand.self,
                    SendCommand.self,
                ]),
            CommandGroup(name: "Run", subcommands: [ServeCommand.self, WorkerCommand.self, DemoCommand.self]),
            CommandGroup(
                name: "Policies and logs",
                subcommands: [
                    PolicyCommand.self, LogCommand.self, ReplayCommand.self, SimulateCommand.self, TuneCommand.self, BenchCommand.self,
                ]),
        ])

    package init() {}

    package static func main() async {
        CrashLine.install()
        do {
            var command = try await asyncParseAsRoot()
            if var asyncCommand = command as? any AsyncParsableCommand {
                try await asyncCommand.run()
            } else {
                try command.run()
            }
        } catch {
            CommandOutcome(error, arguments: Array(CommandLine.arguments.dropFirst())).leave()
        }
    }
}

/// What an error that ended a command looks like to the shell.
enum CommandOutcome: Hashable, Sendable {
    /// Help or the version was asked for: text for stdout.
    case text(String)
    /// One line for stderr, and the status.
    case failure(String, ExitStatus)
    /// Everything was said already.
    case silent(Int32)

    /// - Parameter arguments: what was typed, for what may have been meant.
    init(_ error: any Error, arguments: [String] = []) {
        switch error {
        case let fault as Fault: self = .failure("greenroom: \(fault.line)", fault.status)
        case is Refusal: self = .silent(ExitStatus.no.rawValue)
        case let code as ExitCode: self = .silent(code.rawValue)
        case is CancellationError: self = .silent(130)
        default: self.init(parser: error, arguments)
        }
    }

    /// Errors of the argument parser, and those nobody made a `Fault` of.
    private init(parser error: any Error, _ arguments: [String]) {
        switch Greenroom.exitCode(for: error) {
        case .success: self = .text(HelpText.wrapped(Greenroom.fullMessage(for: error)))
        case .validationFailure:
            let message = Greenroom.message(for: error).split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            // The parser's last line names the command whose help to read.
            let hint = Greenroom.fullMessage(for: error).split(whereSeparator: \.isNewline).last { $0.contains("See '") }
            let command = hint?.split(separator: "'").dropFirst().first ?? "greenroom --help"
            let text = NearMiss.improved(message.joined(separator: " "), arguments: arguments)
            self = .failure("greenroom: \(DisplayText.printable(text)) (see \(command))", .usage)
        default: self = .failure("greenroom: \(DisplayText.printable(String(describing: error)))", .unreachable)
        }
    }

    /// Says it and ends the process.
    func leave() -> Never { exit(report()) }

    /// Says it and answers the exit status.
    func report() -> Int32 {
        switch self {
        case .text(let text):
            Terminal.writeLine(text)
            return 0
        case .failure(let line, let status):
            Terminal.writeError(line)
            return status.rawValue
        case .silent(let status): return status
        }
    }
}
