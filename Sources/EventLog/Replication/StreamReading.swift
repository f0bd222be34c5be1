// What is in the stream, from its beginning to where it ends now?
//
// For whoever reads all of it without applying it. Messages come in order; a wait for the next one is bounded, and starts anew with each
// that comes.

struct StreamReading {
    /// Without a message for so long, reading is given up.
    static let patienceMicroseconds: Int64 = 30_000_000
    private static let entriesAtOnce = 256

    let stream: any CommitStream
    let clock: @Sendable () -> Int64

    /// Gives each message after `sequence`, up to `last`.
    func read(after sequence: UInt64, through last: UInt64, path: String, _ take: (StreamEntry) throws -> Void) throws {
        var reached = sequence
        var attempt = 0
        var deadline = clock().addingClamped(Self.patienceMicroseconds)
        while reached < last {
            var problem = "nothing comes after message \(reached) of \(last)"
            var entries: [StreamEntry] = []
            do throws(StreamTrouble) { entries = try stream.entries(after: reached, limit: Self.entriesAtOnce) } catch {
                guard case .unavailable(let why) = error else {
                    throw LogError(
                        .refused, operation: "read the stream beside", path: path, problem: error.description,
                        hint: "see what became of the stream: `log jetstream status`")
                }
                problem += ": \(why)"
            }
            for entry in entries where entry.sequence <= last {
                guard entry.sequence == reached + 1 else {
                    throw LogError(
                        .damaged, operation: "read the stream beside", path: path,
                        problem: "message \(reached + 1) isn't in the stream: \(entry.sequence) comes next",
                        hint: "somebody removed messages from it; compare the instances' files with each other")
                }
                try take(entry)
                reached = entry.sequence
            }
            if !entries.isEmpty {
                (attempt, deadline) = (0, clock().addingClamped(Self.patienceMicroseconds))
                continue
            }
            guard clock() < deadline else {
                throw LogError(
                    .unreachable, operation: "read the stream beside", path: path, problem: problem,
                    hint: "see whether the stream's servers answer and have a quorum, and run it again")
            }
            attempt += 1
            stream.pause(attempt)
        }
    }
}
