// What did verifying find?

package import Domain

package struct VerifyReport: Hashable, Sendable {
    /// The first thing that is not as it was written.
    package struct Fault: Hashable, Sendable, CustomStringConvertible {
        package enum Part: Hashable, Sendable {
            /// A row that was changed, removed, added or moved.
            case chain
            /// A (source, id) that is in the log twice.
            case duplicate
            /// The subject's event before is not where the row says.
            case previous
            /// What the log works out from events doesn't fit them; opening with `rebuildsDerived` makes it anew.
            case derived
            /// What was acknowledged, and isn't in the file.
            case lost
        }

        package var part: Part
        package var position: Position
        package var problem: String

        package var description: String { "at position \(position): \(problem)" }
    }

    package var events: Int64 = 0
    package var commits: Int64 = 0
    package var names: Int64 = 0
    package var head = Head.empty
    /// The chain's last link: two logs with the same one hold the same events.
    package var lastHash: [UInt8] = []
    package var fault: Fault?

    package var isSound: Bool { fault == nil }
}
