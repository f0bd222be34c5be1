// Does this instance have to fetch a snapshot before it can follow the stream?
//
// It has to where it has no file, or one that ends before what the stream still holds. Then the newest snapshot is fetched that the stream
// continues; a damaged one is passed over for the next. A file is replaced only by a copy that continues it: what has diverged stays, and
// the instance says so. Whatever else doesn't fit (another stream, one made anew) is left to opening the log, which names it.

import EventLog
package import NATSClient

package struct LogJoining: Sendable {
    package enum Outcome: Hashable, Sendable {
        /// The file that is there, or the stream alone, is enough.
        case notNeeded
        /// - Parameter passedOver: what was wrong with newer ones.
        case joined(LogSnapshot, passedOver: [String])
    }

    private let js: JetStream
    private let stream: String
    private let path: String
    private let progress: @Sendable (LogSnapshot, UInt64) -> Void

    package init(
        _ js: JetStream, stream: String, path: String, progress: @escaping @Sendable (LogSnapshot, UInt64) -> Void = { _, _ in }
    ) { (self.js, self.stream, self.path, self.progress) = (js, stream, path, progress) }

    /// Before the log is opened.
    package func prepare() async throws -> Outcome {
        let info: StreamInfo
        do throws(JetStreamError) { info = try await js.streamInfo(stream) } catch {
            // It is made when the log is opened; or it was deleted, and then that says so.
            if case .noStream = error { return .notNeeded }
            throw error
        }
        let there = try EventLog.facts(path: path)
        guard needsSnapshot(there, info) else { return .notNeeded }
        let snapshots = try LogSnapshots(js, stream: stream)
        let fitting = try await snapshots.list().filter {
            $0.created == info.created && $0.sequence <= info.state.lastSequence && $0.sequence + 1 >= info.state.firstSequence
        }
        var passedOver: [String] = []
        for snapshot in fitting where snapshot.position >= there?.position ?? 0 {
            let copy = path + ".joining"
            do {
                try await snapshots.fetch(snapshot, to: copy) { progress(snapshot, $0) }
            } catch let error as JetStreamError {
                guard case .corrupt(let object, let problem) = error else { throw error }
                passedOver.append("\(object): \(problem)")
                continue
            }
            do { try EventLog.install(copy, at: path) } catch {
                EventLog.removeLog(at: copy)
                throw error
            }
            return .joined(snapshot, passedOver: passedOver)
        }
        guard info.state.firstSequence > (there?.stream?.sequence ?? 0) + 1 else { return .notNeeded }
        throw LogError(
            .refused, operation: "follow a stream into", path: path,
            problem: "the stream \(stream) begins at message \(info.state.firstSequence), \(Self.reached(there)), and "
                + (passedOver.isEmpty
                    ? "there is no snapshot that holds what was purged" : "no snapshot is sound: \(passedOver.joined(separator: "; "))"),
            hint: "stop another instance, and put a copy of its file in this one's place")
    }

    private func needsSnapshot(_ there: LogFacts?, _ info: StreamInfo) -> Bool {
        guard info.state.lastSequence > 0 else { return false }
        guard let there else { return true }
        guard let followed = there.stream else {
            // An empty file joins like none; one with events never followed a stream, and opening it says so.
            return there.position == 0 && info.state.firstSequence > 1
        }
        guard followed.name == stream, followed.created == info.created else { return false }
        return info.state.firstSequence > followed.sequence + 1
    }

    private static func reached(_ there: LogFacts?) -> String {
        guard let there, let followed = there.stream else { return "this instance has no file" }
        return "this instance's file has applied message \(followed.sequence), position \(there.position)"
    }
}
