import ArgumentParser
import Domain
import Foundation
import Inspection
import Output

// Which service or which file does a command look at?
//
// `--db` opens the log itself, read-only; otherwise a running service is asked. A token comes from a file or from the
// environment, never from the command line, where every user of the machine could read it.

struct ServerOptions: ParsableArguments {
    static let defaultURL = "http://127.0.0.1:8080"

    @Option(name: .long, help: ArgumentHelp("The service's address (default: $GREENROOM_SERVER, else \(defaultURL)).", valueName: "url"))
    var server: String?

    @Option(name: .long, help: ArgumentHelp("File with the bearer token (default: the token in $GREENROOM_TOKEN).", valueName: "file"))
    var tokenFile: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "PEM of the authority that signed the service's certificate (default: $GREENROOM_CA_FILE, else the system's).",
            valueName: "file"))
    var caFile: String?

    /// nil trusts the system's authorities.
    var trustFile: String? { caFile ?? Self.environment("GREENROOM_CA_FILE") }

    var url: String { server ?? Self.environment("GREENROOM_SERVER") ?? Self.defaultURL }

    /// An empty variable is none.
    private static func environment(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    func token() throws -> String? {
        guard let tokenFile else { return Self.environment("GREENROOM_TOKEN") }
        guard let text = try? String(contentsOfFile: tokenFile, encoding: .utf8) else {
            throw Fault(.unreachable, "can't read the token file \(tokenFile)", do: "check that it exists and may be read")
        }
        let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !token.isEmpty, !token.contains(where: \.isWhitespace) else {
            throw Fault(.usage, "the token file \(tokenFile) must hold one token", do: "put the token alone on its first line")
        }
        return token
    }
}

struct SourceOptions: ParsableArguments {
    @OptionGroup var server: ServerOptions

    @Option(name: .long, help: ArgumentHelp("Read this log instead of using a service. It is opened read-only.", valueName: "file"))
    var db: String?

    func validate() throws {
        if db != nil, server.server != nil { throw ValidationError("--server and --db exclude each other: give one of them") }
    }

    /// How the commands that look reach what they look at; tests give their own.
    func events() async throws -> any EventSource {
        if let db { return try await LogFile.events(path: db) }
        return ServerState(api: try await ServiceConnection.open(server))
    }

    func state(at moment: Moment? = nil) async throws -> any StateSource {
        if let db { return try await LogFile.state(path: db, at: moment) }
        return ServerState(api: try await ServiceConnection.open(server), moment: moment)
    }
}

extension ServiceConnection {
    static func open(_ options: ServerOptions) async throws -> ServiceConnection {
        try await open(url: options.url, token: options.token(), trustFile: options.trustFile)
    }
}

/// In which zone are times shown and read?
struct TimeOptions: ParsableArguments {
    @Flag(name: .long, help: "Show and read times in UTC (default: the local time zone, $TZ).")
    var utc = false

    var text: TimeText { utc ? .utc : TimeText() }
}

/// Which moment was meant by what somebody typed.
enum MomentOption {
    /// Whether it can be read; what it means is known once there is a clock.
    static func check(_ text: String?, _ option: String, also words: String = "") throws {
        guard let text, Moment(text, today: .zero) == nil else { return }
        throw ValidationError("\(option) \(text) is neither a position nor a time\(words) (write \(TimeText.forms))")
    }

    static func checkTime(_ text: String?, _ option: String) throws {
        guard let text, TimeText.utc.instant(text, today: .zero) == nil else { return }
        throw ValidationError("\(option) \(text) is no time (write \(TimeText.forms))")
    }

    /// A position, or a time that has been. nil where nothing was asked for.
    static func moment(_ text: String?, _ option: String, _ time: TimeText, now: LogTime) throws -> Moment? {
        guard let text, let moment = Moment(text, today: now, time: time) else { return nil }
        if case .time(let at) = moment { try refuseFuture(at, text, option, time, now: now) }
        return moment
    }

    static func time(_ text: String?, _ option: String, _ time: TimeText, now: LogTime) throws -> LogTime? {
        guard let text, let at = time.instant(text, today: now) else { return nil }
        try refuseFuture(at, text, option, time, now: now)
        return at
    }

    private static func refuseFuture(_ at: LogTime, _ text: String, _ option: String, _ time: TimeText, now: LogTime) throws {
        guard at > now else { return }
        let nearest = time.nearestPast(text, now: now)
        let remedy =
            nearest == now
            ? "it is \(time.full(now)): leave out \(option) for now"
            : "the last one was \(time.full(nearest)): write \(option) \"yesterday \(text)\""
        throw Fault(.usage, "\(option) \(text) is in the future (\(time.full(at)) \(time.zoneName))", do: remedy)
    }
}

extension Moment {
    /// From a position, or a time as people write it.
    init?(_ text: String, today: LogTime, time: TimeText = TimeText()) {
        if let position = Position(text), position >= 0 {
            self = .position(position)
        } else if let time = time.instant(text, today: today) {
            self = .time(time)
        } else {
            return nil
        }
    }
}
