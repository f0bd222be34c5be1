import Domain
import ArgumentParser
import Autoscaling
import Inspection
import Output

// How does an operator stop a pool from scaling, set its count by hand, and let it go again?
//
// Three commands over one setting of the pool. Each replaces what was set before. Decisions go on and say what they would have done.

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Stop a pool from growing, shrinking, or both.",
        discussion: """
            Examples:
              greenroom pause kagent/default
              greenroom pause kagent/default --in
              greenroom resume kagent/default
            Actors are placed all the same. `greenroom resume` ends it.
            Needs a token with the role admin, where the service has tokens.
            """)

    @OptionGroup var pool: PauseOptions
    @Flag(name: .customLong("in"), help: "Only stop it from shrinking.") var scaleIn = false
    @Flag(name: .customLong("out"), help: "Only stop it from growing.") var scaleOut = false

    func run() async throws {
        let both = scaleIn == scaleOut
        try await pool.set(Pause(scaleIn: both || scaleIn, scaleOut: both || scaleOut, hold: nil), "pause") { Terminal.writeLine($0) }
    }
}

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Let a pool scale again that was paused or held.",
        discussion: """
            Example:
              greenroom resume kagent/default
            A pause in the policy itself (spec.pause) is overruled until the policy is
            applied again: take it out of the file too.
            Needs a token with the role admin, where the service has tokens.
            """)

    @OptionGroup var pool: PauseOptions

    func run() async throws { try await pool.set(Pause(), "resume") { Terminal.writeLine($0) } }
}

struct HoldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Keep a pool at a count of workers, whatever its triggers want.",
        discussion: """
            Example:
              greenroom hold kagent/default 12
            Busy workers are never removed for it. `greenroom resume` ends it.
            Needs a token with the role admin, where the service has tokens.
            """)

    @OptionGroup var pool: PauseOptions
    @Argument(help: "How many workers.") var count: Int

    func validate() throws {
        guard (0...PolicyLimits.replicas).contains(count) else {
            throw ValidationError("the count must be between 0 and \(PolicyLimits.replicas)")
        }
    }

    func run() async throws { try await pool.set(Pause(scaleIn: false, scaleOut: false, hold: count), "hold") { Terminal.writeLine($0) } }
}

struct PauseOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("NS/NAME of the pool.", valueName: "pool"))
    var name: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The namespace, if the name has none.", valueName: "ns"))
    var namespace: String?

    @OptionGroup var server: ServerOptions

    func set(_ pause: Pause, _ command: String, _ say: (String) -> Void) async throws {
        let pool = try PoolName.qualified(name, namespace: namespace)
        let line = try await ServiceWriter.with(server, command, .admin) { try await Self.set(pause, of: pool, $0) }
        say(line)
    }

    static func set(_ pause: Pause, of pool: String, _ writer: ServiceWriter) async throws -> String {
        let body = JSONValue.object([
            .init(key: "in", value: .bool(pause.scaleIn)), .init(key: "out", value: .bool(pause.scaleOut)),
            .init(key: "hold", value: pause.hold.map { .number(String($0)) } ?? .null),
        ])
        let request = APIRequest(
            method: .put, path: APIPath("/v1/pools", pool).text + "/pause", contentType: "application/json", body: Array(body.compact.utf8))
        let response = AnsweredDecision(try await writer.send(request, about: "pool \(pool)"))
        return DisplayText.printable("pool \(pool) \(words(pause))" + (response.map { ": \($0.text)" } ?? ""))
    }

    private static func words(_ pause: Pause) -> String {
        if let hold = pause.hold { return "is held at \(hold) workers" }
        switch (pause.scaleIn, pause.scaleOut) {
        case (true, true): return "is paused: it neither grows nor shrinks"
        case (true, false): return "is paused: it doesn't shrink"
        case (false, true): return "is paused: it doesn't grow"
        case (false, false): return "scales again"
        }
    }
}
