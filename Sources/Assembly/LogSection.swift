package import JetStreamLog
import Foundation
import NATSClient

// What does the section `log` say?
//
// Where the log lies beyond this instance's own file: a stream of NATS JetStream, as whom it is reached, and how long a leader may act
// without a word from it.

/// `log.jetstream`.
package struct JetStreamLogConfiguration: Sendable {
    package var settings: JetStreamLogSettings
    /// What the other instances and operators know this one by; nil: the pod's name, else the host's.
    package var instance: String?
    package var leaseSeconds = 15.0
    package var snapshots = Snapshots()

    /// Copies of the log that new instances begin with.
    package struct Snapshots: Hashable, Sendable {
        /// A copy is made after so many events; 0 makes none, and the stream is never purged.
        package var everyEvents: Int64 = 1_000_000
        package var keep = 3
    }

    static let leaseTaken = 1.0...300.0
    static let keepTaken = 1...100

    package init(settings: JetStreamLogSettings) { self.settings = settings }

    package var instanceName: String {
        instance ?? ProcessInfo.processInfo.environment["POD_NAME"] ?? ProcessInfo.processInfo.hostName
    }
}

extension ServiceConfiguration {
    static func readLog(_ section: inout ConfigurationSection, _ base: String) throws -> JetStreamLogConfiguration? {
        guard var jetstream = try section.section("jetstream") else {
            try section.finish()
            return nil
        }
        let configuration = try readJetStream(&jetstream, base)
        try section.finish()
        return configuration
    }

    private static func readJetStream(_ section: inout ConfigurationSection, _ base: String) throws -> JetStreamLogConfiguration {
        var servers: [NATSAddress] = []
        for text in try section.strings("servers") {
            do throws(NATSAddress.Fault) { servers.append(try NATSAddress(text)) } catch {
                throw section.fault("servers", "has one that can't be used: \(error)")
            }
        }
        guard (1...JetStreamLogSettings.serversMost).contains(servers.count) else {
            throw section.fault(
                "servers",
                "must name 1 to \(JetStreamLogSettings.serversMost) NATS servers, as in [nats://nats-0.nats:4222, nats://nats-1.nats:4222]")
        }
        var settings = JetStreamLogSettings(servers: servers)
        if let name = try section.string("stream") {
            if let problem = JetStreamLogSettings.fault(ofStream: name) { throw section.fault("stream", problem) }
            settings.stream = name
        }
        if let replicas = try section.integer("replicas") {
            guard JetStreamLogSettings.replicasTaken.contains(replicas) else {
                throw section.fault("replicas", "must be 1, 3 or 5: 3 outlive the loss of one server, 5 of two")
            }
            settings.replicas = replicas
        }
        settings.access = try readAccess(&section, base)
        if var tls = try section.section("tls") {
            settings.tls.isRequired = true
            settings.tls.trustFile = try tls.string("ca").map { resolve($0, base) }
            settings.tls.certificateFile = try tls.string("certificate").map { resolve($0, base) }
            settings.tls.keyFile = try tls.string("key").map { resolve($0, base) }
            guard (settings.tls.certificateFile == nil) == (settings.tls.keyFile == nil) else {
                throw tls.fault("certificate", "and tls.key belong together: name both, or neither")
            }
            if try tls.bool("handshakeFirst") ?? false { settings.tls.order = .handshakeFirst }
            try tls.finish()
        }
        var configuration = JetStreamLogConfiguration(settings: settings)
        if let name = try section.string("instance") {
            guard (1...128).contains(name.utf8.count), name.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
                throw section.fault("instance", "must have 1 to 128 characters, without blanks")
            }
            configuration.instance = name
        }
        if let seconds = try section.number("leaseSeconds") {
            guard JetStreamLogConfiguration.leaseTaken.contains(seconds) else {
                throw section.fault("leaseSeconds", "must be 1 to 300 seconds")
            }
            configuration.leaseSeconds = seconds
        }
        if var snapshots = try section.section("snapshots") {
            if let events = try snapshots.integer("everyEvents") { configuration.snapshots.everyEvents = Int64(events) }
            if let count = try snapshots.integer("keep") {
                guard JetStreamLogConfiguration.keepTaken.contains(count) else { throw snapshots.fault("keep", "must be 1 to 100") }
                configuration.snapshots.keep = count
            }
            try snapshots.finish()
        }
        try section.finish()
        return configuration
    }

    /// One kind of credentials, or none.
    private static func readAccess(_ section: inout ConfigurationSection, _ base: String) throws -> JetStreamLogSettings.Access {
        let user = try section.string("user")
        let password = try section.string("passwordFile").map { resolve($0, base) }
        let token = try section.string("tokenFile").map { resolve($0, base) }
        let nkey = try section.string("nkeyFile").map { resolve($0, base) }
        let credentials = try section.string("credentialsFile").map { resolve($0, base) }
        guard (user == nil) == (password == nil) else {
            throw section.fault("user", "and passwordFile belong together: name both, or neither")
        }
        let ways = [password, token, nkey, credentials].compactMap { $0 }
        guard ways.count <= 1 else {
            throw section.fault(
                "credentialsFile", "is one of several credentials here: keep one of passwordFile, tokenFile, nkeyFile, credentialsFile")
        }
        if let user, let password { return .password(user: user, file: password) }
        if let token { return .token(file: token) }
        return (nkey ?? credentials).map { .credentials(file: $0) } ?? .open
    }
}
