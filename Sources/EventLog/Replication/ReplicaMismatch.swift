// Why can't this message follow what was applied?

import Basics
import Domain

/// A message that doesn't continue this instance's log. It isn't applied, nor is anything after it.
struct ReplicaMismatch: Error, Hashable, CustomStringConvertible {
    /// Where it would have begun.
    var position: Position
    var problem: String

    var description: String { "at position \(position): \(problem)" }

    init(position: Position, problem: String) { (self.position, self.problem) = (position, problem) }

    /// Nil where the commit stands on the end of `series`.
    init?(_ content: CommitContent, after previous: [UInt8], on series: CommitEngine.Series) {
        let head = series.head
        if previous != series.chain {
            self.init(
                position: content.firstSeq,
                problem: "it stands on the link \(Hex.text(previous)), and this instance's log ends with \(Hex.text(series.chain))")
        } else if head.seq == .max || content.firstSeq != head.seq + 1 {
            self.init(position: content.firstSeq, problem: "this instance's log ends at \(head.seq)")
        } else if content.staged.at < head.at {
            self.init(position: content.firstSeq, problem: "its time lies before that of the commit before")
        } else if Int(content.namesBefore) != series.names {
            self.init(
                position: content.firstSeq,
                problem: "it counts \(content.namesBefore) names before it, and this instance has \(series.names)")
        } else {
            return nil
        }
    }
}
