// Which servers, which stream, as whom?
//
// What `log.jetstream` says, and what a command says that looks at such a stream. Secrets are files, which are read when a connection is made.

import Machine
package import NATSClient

package struct JetStreamLogSettings: Sendable {
    /// Where the secret is, if the servers ask for one.
    package enum Access: Hashable, Sendable {
        case open
        case password(user: String, file: String)
        case token(file: String)
        /// A file with a user's seed, or one that `nsc` wrote: a JWT and a seed.
        case credentials(file: String)
    }

    package var servers: [NATSAddress]
    package var stream = standardStream
    /// Servers that hold each message. An acknowledgement comes when most of them have it.
    package var replicas = 3
    package var access = Access.open
    package var tls = NATSTLS()
    /// For one answer of the servers. After it nothing is known of what was asked.
    package var answerSeconds = 5.0

    package static let standardStream = "greenroom"
    /// JetStream takes no others.
    package static let replicasTaken = [1, 3, 5]
    package static let serversMost = 32
    private static let secretBytesMost = 4_096

    package init(servers: [NATSAddress]) { self.servers = servers }

    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
        package init(_ description: String) { self.description = description }
    }

    /// Why no stream can have this name, and no subject begin with it; nil for one that can be.
    package static func fault(ofStream name: String) -> String? {
        guard (1...64).contains(name.utf8.count) else { return "must have 1 to 64 characters" }
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        return isPlain ? nil : "may have letters, digits, - and _"
    }

    /// Reads the secret.
    package func connection() throws(Fault) -> NATSConfiguration {
        var configuration = NATSConfiguration(servers: servers)
        configuration.tls = tls
        switch access {
        case .open: break
        case .password(let user, let file): configuration.credentials = .password(user: user, password: try Self.secret(file))
        case .token(let file): configuration.credentials = .token(try Self.secret(file))
        case .credentials(let file):
            do { configuration.credentials = try NATSCredentials.file(file) } catch { throw Fault(error.description) }
        }
        return configuration
    }

    private static func secret(_ file: String) throws(Fault) -> String {
        let bytes: [UInt8]
        do { bytes = try SmallFile.read(file, limitBytes: secretBytesMost) } catch { throw Fault("\(file): \(error)") }
        let text = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        guard !text.isEmpty else { throw Fault("\(file) is empty: write the secret into its first line") }
        return text
    }

    // MARK: - Names under the stream's

    /// The only subject of the stream.
    package var subject: String { "\(stream).log" }
    /// Where the leader of that fence takes appends of the others.
    package func handoverSubject(fence: UInt64) -> String { "\(stream).lead.\(fence)" }
    /// The object store with copies of the log.
    package var snapshotBucket: String { "\(stream)-snapshots" }

    /// What the stream has to be. Nothing may drop a message but a purge of what every kept snapshot covers.
    package var wanted: StreamConfiguration {
        var wanted = StreamConfiguration(name: stream, subjects: [subject])
        wanted.storage = .file
        wanted.replicas = replicas
        wanted.discard = .new
        wanted.maxMessages = -1
        wanted.maxBytes = -1
        wanted.maxAge = 0
        wanted.maxMessagesPerSubject = -1
        wanted.maxMessageBytes = -1
        wanted.deniesDelete = true
        wanted.deniesPurge = false
        // For `log jetstream status`, which asks each server for its own messages. Nothing is decided by such reads.
        wanted.allowsDirectGet = true
        return wanted
    }
}
