// How far has each instance got, and what is it doing?
//
// Each writes a note of itself every few seconds, into a bucket of keys beside the stream. Whoever asks for the log's status reads them all.
// A note says what was true when it was written: nothing is decided by it.

import Basics
package import Domain
package import EventLog
import Foundation
package import Logging
package import NATSClient

package struct InstanceNote: Hashable, Sendable, Codable {
    package enum Role: String, Hashable, Sendable, Codable {
        case leader, standby
        /// It applies nothing more, until a person has looked at it.
        case stopped
    }

    package var instance: String
    package var role: Role
    package var position: Position
    /// The last message that it has applied.
    package var sequence: UInt64
    /// The last election that it has applied.
    package var fence: UInt64
    package var version: String
    package var problem: String?
    /// When it was stored, by the servers' clock, in µs since 1970. Not written by the instance.
    package var at: LogTime?

    enum CodingKeys: String, CodingKey { case instance, role, position, sequence, fence, version, problem }

    package init(instance: String, role: Role, position: Position, sequence: UInt64, fence: UInt64, version: String, problem: String? = nil)
    {
        (self.instance, self.role, self.position, self.sequence) = (instance, role, position, sequence)
        (self.fence, self.version, self.problem) = (fence, version, problem)
    }
}

package struct InstanceNotes: Sendable {
    package static let every = Duration.seconds(5)
    /// A note that is older is of an instance that doesn't run any more, or can't reach the servers.
    package static let freshSeconds = 20.0
    /// After a day nobody asks for it.
    private static let maxAge: Int64 = 86_400_000_000_000
    private static let problemBytesMost = 1_000

    private let keys: KeyValue

    package init(_ js: JetStream, stream: String) throws(JetStreamError) { keys = try KeyValue(js, bucket: "\(stream)-instances") }

    /// Makes the bucket, or finds it.
    package func create(replicas: Int) async throws(JetStreamError) { try await keys.create(replicas: replicas, maxAge: Self.maxAge) }

    /// False where the servers didn't take it: the next one may be.
    package func put(_ note: InstanceNote) async -> Bool {
        var note = note
        note.problem = note.problem.map { String($0.prefix(Self.problemBytesMost)) }
        guard let value = try? JSONEncoder().encode(note) else { return false }
        if case .stored = await keys.put(Self.key(note.instance), Array(value)) { return true }
        return false
    }

    /// All that can be read, by name; none where there is no bucket yet.
    package func list() async throws(JetStreamError) -> [InstanceNote] {
        let names: [String]
        do throws(JetStreamError) { names = try await keys.keys() } catch {
            if case .noStream = error { return [] }
            throw error
        }
        var found: [InstanceNote] = []
        for name in names {
            guard let entry = try await keys.get(name), var note = try? JSONDecoder().decode(InstanceNote.self, from: Data(entry.value))
            else {
                continue
            }
            note.at = LogTime(microseconds: entry.nanoseconds / 1_000)
            found.append(note)
        }
        return found.sorted { $0.instance < $1.instance }
    }

    /// A key has letters, digits and a few signs; every other byte is written as `=` and two digits.
    static func key(_ instance: String) -> String {
        instance.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"):
                String(UnicodeScalar(byte))
            default: "=" + Hex.text([byte])
            }
        }.joined()
    }

    /// Writes what `note` says every few seconds, until the task is cancelled.
    package func keep(_ js: JetStream, replicas: Int, logger: Logger, note: @Sendable () -> InstanceNote?) async {
        var isMade = false
        while !Task.isCancelled {
            if !isMade {
                do throws(JetStreamError) {
                    try await create(replicas: replicas)
                    isMade = true
                } catch { logger.debug("the instances' bucket can't be made", metadata: ["problem": "\(error)"]) }
            }
            if isMade, let note = note() { _ = await put(note) }
            do { try await js.client.clock.sleep(Self.every) } catch { return }
        }
    }
}

extension InstanceNote {
    /// Of this process's log; nil where it is no replica.
    package init?(_ log: EventLog, instance: String, version: String) {
        guard let status = log.replicaStatus else { return nil }
        self.init(
            instance: instance, role: status.problem != nil ? .stopped : status.isLeader ? .leader : .standby, position: log.head.seq,
            sequence: status.sequence, fence: status.fence, version: version, problem: status.problem)
    }
}
