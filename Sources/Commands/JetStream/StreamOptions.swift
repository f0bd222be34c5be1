import ArgumentParser
import Assembly
import EventLog
import Foundation
import JetStreamLog
import Logging
import NATSClient
import Output

// Which stream does a command look at, and as whom?
//
// A service's configuration says it all (`--config`); or the servers are named, and a file with the secret. A secret is never typed into a
// command, where every user of the machine could read it.

/// As whom the servers are asked.
struct StreamAccessOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("User at the NATS servers; with --password-file.", valueName: "name"))
    var user: String?

    @Option(name: .long, help: ArgumentHelp("File with that user's password.", valueName: "file"))
    var passwordFile: String?

    @Option(name: .long, help: ArgumentHelp("File with a token for the NATS servers.", valueName: "file"))
    var natsTokenFile: String?

    @Option(name: .long, help: ArgumentHelp("File with a seed, or with a JWT and a seed.", valueName: "file"))
    var credentials: String?

    @Option(
        name: .long, help: ArgumentHelp("PEM of the authority that signed the NATS servers' certificates; asks for TLS.", valueName: "file")
    )
    var natsCa: String?

    @Option(name: .long, help: ArgumentHelp("PEM of a certificate of one's own; with --nats-key.", valueName: "file"))
    var natsCertificate: String?

    @Option(name: .long, help: ArgumentHelp("PEM of its key.", valueName: "file"))
    var natsKey: String?

    func validate() throws {
        if (user == nil) != (passwordFile == nil) { throw ValidationError("--user and --password-file belong together: give both") }
        if (natsCertificate == nil) != (natsKey == nil) {
            throw ValidationError("--nats-certificate and --nats-key belong together: give both")
        }
        if [passwordFile, natsTokenFile, credentials].compactMap({ $0 }).count > 1 {
            throw ValidationError("--password-file, --nats-token-file and --credentials exclude each other: give one of them")
        }
    }

    func settings(_ servers: [NATSAddress]) -> JetStreamLogSettings {
        var settings = JetStreamLogSettings(servers: servers)
        // A stream that is there is looked at as it is.
        settings.replicas = 1
        if let user, let passwordFile { settings.access = .password(user: user, file: passwordFile) }
        if let natsTokenFile { settings.access = .token(file: natsTokenFile) }
        if let credentials { settings.access = .credentials(file: credentials) }
        (settings.tls.trustFile, settings.tls.certificateFile, settings.tls.keyFile) = (natsCa, natsCertificate, natsKey)
        settings.tls.isRequired = natsCa != nil || natsCertificate != nil
        return settings
    }
}

struct StreamOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The service's configuration, with log.jetstream.", valueName: "file"))
    var config: String?

    @Option(name: .long, help: ArgumentHelp("NATS servers, instead: nats://HOST:PORT, several with commas between.", valueName: "urls"))
    var servers: String?

    @Option(name: .long, help: ArgumentHelp("The stream (default: greenroom, or the configuration's).", valueName: "name"))
    var stream: String?

    @OptionGroup var access: StreamAccessOptions

    func validate() throws {
        if (config == nil) == (servers == nil) { throw ValidationError("give --config or --servers, one of them") }
        if let stream, let problem = JetStreamLogSettings.fault(ofStream: stream) { throw ValidationError("--stream: the name \(problem)") }
        _ = try servers.map { try Self.addresses($0) }
    }

    func settings() throws -> JetStreamLogSettings {
        var settings: JetStreamLogSettings
        if let config {
            guard let section = try ServiceConfiguration(file: config).jetstream else {
                throw Fault(
                    .usage, "\(config) has no section log.jetstream", do: "name the configuration of a service whose log is a stream")
            }
            settings = section.settings
        } else {
            settings = access.settings(try Self.addresses(servers ?? ""))
        }
        if let stream { settings.stream = stream }
        return settings
    }

    static func addresses(_ text: String) throws -> [NATSAddress] {
        let parts = text.split(separator: ",").map(String.init)
        guard (1...JetStreamLogSettings.serversMost).contains(parts.count) else {
            throw ValidationError("--servers: name 1 to \(JetStreamLogSettings.serversMost), as in nats://127.0.0.1:4222")
        }
        return try parts.map { part in
            do throws(NATSAddress.Fault) { return try NATSAddress(part) } catch { throw ValidationError("\(error)") }
        }
    }

    /// `nats://HOST[:PORT][,HOST…][/STREAM]`; nil where it is no URL of NATS servers.
    static func url(_ text: String, _ access: StreamAccessOptions) throws -> JetStreamLogSettings? {
        guard let scheme = ["nats://", "tls://"].first(where: { text.hasPrefix($0) }) else { return nil }
        let rest = text.dropFirst(scheme.count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let hosts = rest[..<slash].split(separator: ",").map { $0.contains("://") ? String($0) : scheme + $0 }
        var settings = access.settings(try addresses(hosts.joined(separator: ",")))
        let stream = rest[slash...].drop { $0 == "/" }
        guard !stream.isEmpty else { return settings }
        if let problem = JetStreamLogSettings.fault(ofStream: String(stream)) {
            throw ValidationError("\(text): the stream's name \(problem)")
        }
        settings.stream = String(stream)
        return settings
    }
}

/// A connection for one command.
enum StreamAccess {
    /// What goes wrong is said by the command that fails.
    static var silent: Logger { Logger(label: "greenroom.nats") { _ in SwiftLogNoOpLogHandler() } }

    /// Runs `body` with the stream on a thread that may wait.
    static func waiting<Value: Sendable>(
        _ settings: JetStreamLogSettings, mayCreate: Bool = false, _ body: @escaping @Sendable (JetStreamCommits) throws(LogError) -> Value
    ) async throws -> Value {
        let client = try connect(settings)
        let stream = JetStreamCommits(client, settings, mayCreate: mayCreate)
        do {
            do { try await client.waitUntilConnected(within: .seconds(settings.answerSeconds)) } catch {
                throw unreachable(settings, error)
            }
            let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<Value, LogError>, Never>) in
                Thread.detachNewThread {
                    do throws(LogError) { continuation.resume(returning: .success(try body(stream))) } catch {
                        continuation.resume(returning: .failure(error))
                    }
                }
            }
            stream.close()
            await client.shutdown()
            do throws(LogError) { return try result.get() } catch { throw Fault(error) }
        } catch {
            stream.close()
            await client.shutdown()
            throw error
        }
    }

    private static func connect(_ settings: JetStreamLogSettings) throws -> NATSClient {
        do throws(JetStreamLogSettings.Fault) {
            let client = NATSClient(try settings.connection(), logger: silent)
            client.start()
            return client
        } catch { throw Fault(.unreachable, "the secret can't be read: \(error)", do: "check that the file exists and may be read") }
    }

    static func unreachable(_ settings: JetStreamLogSettings, _ error: any Error) -> Fault {
        Fault(
            .unreachable, "no NATS server of \(settings.servers.map(\.description).joined(separator: ", ")) can be used: \(error)",
            do: "check the addresses and the credentials")
    }
}
