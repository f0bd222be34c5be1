// How does a log leave its file, whole?
//
// As lines of CloudEvents, one event a line, as `GET /v1/events` shows them, but that names are as the log holds them, and with
// one attribute more: `commit`, the first position of the event's commit. With `seq`, `at` and `commit`, importing the lines
// makes the same log again: the same positions, commits, times and numbers of names.

package import Domain

extension EventLog {
    /// Hands the events after `position` up to `last` to `write`, some whole lines at a time.
    package func export(after position: Position = 0, upTo last: Position = .max, write: ([UInt8]) throws -> Void) throws {
        var next = position
        while next < last {
            let batches = try read(after: next, limitEvents: configuration.limits.catchUpEvents)
            guard let end = batches.last?.lastSeq else { return }
            var lines: [UInt8] = []
            for batch in batches { try appendLines(batch, upTo: last, &lines) }
            try write(lines)
            next = end
        }
    }

    private func appendLines(_ batch: CommittedBatch, upTo last: Position, _ lines: inout [UInt8]) throws(LogError) {
        // A stretch may begin within a commit.
        let first = try batch.firstSeq > 1 ? reader.firstSeq(ofCommitWith: batch.firstSeq) : batch.firstSeq
        let mark = Array(#""commit":\#(first),"#.utf8)
        for event in batch.events where event.seq <= last {
            let start = lines.count
            CloudEventWriter.append(event, of: batch, names: names, .asStored, to: &lines)
            lines.insert(contentsOf: mark, at: start + 1)
            lines.append(UInt8(ascii: "\n"))
        }
    }
}
